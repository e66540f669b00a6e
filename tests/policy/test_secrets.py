"""The secret rules: each finds its own, none shows a value, and source code is left alone."""

from __future__ import annotations

import sysconfig
import time
from pathlib import Path

import pytest

from platformstate.policy.secrets import (
    RULES,
    Rule,
    _finders,
    entropy,
    find_secrets,
    fingerprint,
    redacted,
    secrets,
)

FAR_BELOW_QUADRATIC_S = 20

# Written in two parts so that no file of ours holds one whole.
CANARIES = {
    "aws": "AKIA" + "IOSFODNN7QQQQQQQ",
    "github": "ghp_" + "a1B2" * 9,
    "gitlab": "glpat-" + "xY_3" * 5,
    "openai": "sk-proj-" + "aB3_" * 6,
    "anthropic": "sk-ant-" + "api03-" + "aB3_" * 6,
    "slack": "xoxb-" + "123456789012-abcdef",
    "google": "AIza" + "Sy" + "a1B2c" * 6 + "xyz",
    "stripe": "sk_live_" + "a1B2" * 6,
    "npm": "npm_" + "a1B2" * 9,
    "pypi": "pypi-AgEI" + "cHlw" * 13,
    "huggingface": "hf_" + "a1B2" * 8 + "xy",
    "telegram": "123456789" + ":AA" + "a1B2c3D4e5F" * 3,
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "jwt": "eyJhbGciOiJI" + ".eyJzdWIiOiIx" + ".SflKxwRJSMeKKF2QT4",
    "url_password": "postgres://app:" + "hunter22@db.example.org/x",
    "assigned": "password = " + "'q8Zr2LmX0vTn4KdW'",
}


def test_every_rule_has_a_canary() -> None:
    assert set(CANARIES) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", CANARIES)
def test_a_rule_finds_its_canary_at_its_place_and_does_not_tell_it(rule: str) -> None:
    text = f"first line\n- {CANARIES[rule]} and more\n"
    (found,) = secrets(text)
    value = text[found.start : found.end]
    (problem,) = find_secrets(text, "state/x.md")
    assert found.rule == rule
    assert (problem.code, problem.path, problem.line) == ("secret_found", "state/x.md", 2)
    assert problem.col == text.split("\n")[1].index(value) + 1
    assert f"rule {rule}," in problem.message
    assert value not in problem.message + problem.fix
    assert value[6:] not in problem.message + problem.fix


@pytest.mark.parametrize("rule", CANARIES)
def test_the_command_in_the_fix_allows_the_value(rule: str) -> None:
    (problem,) = find_secrets(CANARIES[rule], "p")
    allowed = problem.fix.rpartition("secretAllow ")[2]
    assert find_secrets(CANARIES[rule], "p", frozenset({allowed})) == ()


@pytest.mark.parametrize("rule", CANARIES)
def test_a_value_is_replaced_by_the_name_of_its_rule(rule: str) -> None:
    shown = redacted(f"a {CANARIES[rule]} b")
    assert f"[redacted:{rule}]" in shown
    assert CANARIES[rule] not in shown


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7" + "EXAMPLE",
        "https://user:${TOKEN}@example.org",
        "https://user:<password>@example.org",
        "https://user:***@example.org",
        "https://example.org:8080/a@b",
        "token: ${GITHUB_TOKEN_FROM_ENVIRONMENT1}",
        "secret: " + "0123456789abcdef" * 4,
        "token = " + "0123456789abcdef01234567" + "89abcdef01234567",
        "token: 7b1d7a52-5c7e-4d0b-9a52-0f6f3a0e4c11",
        "password: /etc/platform/secrets/file1",
        "secret = src/platform/module_2/file10",
        "api_key = settings.service.api_key2",
        "password = correct-horse-battery-staple",
        "token = aaaaaaaaaaaaaaaaaaaaaaaa1111",
        "the password is on the other page",
        "task-abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrs",
        "shf_" + "abc",
    ],
)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert find_secrets(text, "p") == ()


def test_two_secrets_on_one_line_are_two_findings_in_order() -> None:
    text = "\n" + CANARIES["github"] + " " + CANARIES["npm"] + "\n\n " + CANARIES["aws"]
    assert [found.rule for found in secrets(text)] == ["github", "npm", "aws"]
    places = [(found.line, found.col) for found in find_secrets(text, "p")]
    assert places == [(2, 1), (2, len(CANARIES["github"]) + 2), (4, 2)]


def test_overlapping_findings_are_told_once() -> None:
    text = "token=" + "glpat-" + "q8Zr2LmX0vTn4KdWyy12/x"
    assert len(secrets(text)) == 1


def test_a_redacted_key_goes_with_all_its_lines() -> None:
    text = CANARIES["pem"] + "\nMIIE" + "abcd\nefgh\n-----END RSA PRIVATE KEY-----\nafter\n"
    assert redacted(text) == "[redacted:pem]\nafter\n"
    assert redacted(CANARIES["pem"] + "\nabcd") == "[redacted:pem]"


def test_what_stands_inside_a_redacted_key_is_gone_with_it() -> None:
    text = CANARIES["pem"] + "\n" + CANARIES["npm"] + "\n-----END RSA PRIVATE KEY-----"
    assert redacted(text) == "[redacted:pem]"


def test_entropy_is_that_of_the_characters() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2


def test_a_fingerprint_tells_nothing_but_is_stable() -> None:
    assert fingerprint("value") == "cd42404d52ad"


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 100_000,
        "://a:" * 60_000,
        "token=" * 50_000,
        "-----BEGIN " * 30_000,
        "A" * 300_000,
        "sk-" * 99_999,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_text_costs_linear_time(text: str) -> None:
    started = time.process_time()
    find_secrets(text, "p")
    assert time.process_time() - started < FAR_BELOW_QUADRATIC_S


def test_a_file_full_of_secrets_costs_linear_time() -> None:
    spent = {}
    for lines in (2_000, 20_000):
        times = []
        for _ in range(4):
            started = time.process_time()
            found = find_secrets((CANARIES["npm"] + "\n") * lines, "p")
            times.append(time.process_time() - started)
        spent[lines] = min(times)
        assert (found[-1].line, found[-1].col) == (lines, 1)
    assert spent[20_000] < 50 * spent[2_000], spent  # a hundred times, were it quadratic


def test_source_code_raises_at_most_one_false_alarm_in_ten_thousand_lines() -> None:
    root = Path(sysconfig.get_paths()["stdlib"])
    lines = alarms = 0
    for path in sorted(root.glob("[a-p]*.py")) + sorted(root.glob("*/[a-m]*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        lines += text.count("\n")
        alarms += len(find_secrets(text, str(path)))
    assert lines > 100_000
    assert alarms <= lines / 10_000


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_literal_of_a_rule_is_searched_for(rule: Rule) -> None:
    for literal in rule.literals:
        text = f"x{literal}y"
        assert any(
            rule.name in finder.rules and finder.lower is rule.lower and finder.pattern.search(text)
            for finder in _finders()
        )
