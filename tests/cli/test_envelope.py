"""With --json stdout is exactly one document, whatever happened; without it data and talk are apart."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Extra

OK_KEYS = {"schema", "ok", "data", "warnings", "next"}
ERROR_KEYS = {"code", "message", "hint", "retryable", "path", "line", "col", "problems"}
PROBLEM_KEYS = {"code", "severity", "path", "line", "col", "pointer", "message", "fix"}


def test_an_answer_is_one_document(extra: Extra) -> None:
    ran = extra("note", "--json")
    assert set(ran.document) == OK_KEYS
    assert ran.document["schema"] == "platformctl/1"
    assert ran.document["ok"] is True
    assert ran.document["next"] == ["platformctl demo"]
    assert set(ran.document["warnings"][0]) == {"code", "message", "path"}
    assert ran.stdout.count("\n") == 1
    assert (ran.status, ran.stderr) == (0, "")


def test_a_refusal_is_one_document_with_its_problems(extra: Extra) -> None:
    ran = extra("refuse", "--json")
    assert set(ran.document) == {"schema", "ok", "error", "data"}
    assert ran.document["ok"] is False
    error = ran.document["error"]
    assert set(error) == ERROR_KEYS
    assert (error["code"], error["path"], error["line"], error["col"]) == (
        "record_invalid",
        "state/a.md",
        3,
        9,
    )
    assert set(error["problems"][0]) == PROBLEM_KEYS
    assert ran.document["data"] == {"a": 1}
    assert ran.status == 1


def test_an_answer_of_no_has_its_data_and_an_error(extra: Extra) -> None:
    ran = extra("no", "--json")
    assert ran.document["data"] == {"left": 1}
    assert ran.document["error"]["code"] == "state_not_canonical"
    assert ran.status == 1


def test_an_answer_of_no_prints_its_data_on_stdout_and_the_error_on_stderr(extra: Extra) -> None:
    ran = extra("no")
    assert ran.stdout == "state/a.md\n"
    assert ran.stderr.startswith("error: 1 file would change (state_not_canonical)\n")


@pytest.mark.parametrize(
    "argv",
    [
        ("--json", "note", "--bogus"),
        ("note", "--json", "--bogus"),
        ("nothing", "--json"),
        ("--json",),
        ("flags", "--durability", "soon", "--json"),
        ("flags", "--json", "--idempotency-key", ""),
        ("flags", "--json", "--idempotency-key", "k" * 129),
        ("stop", "--json"),
    ],
)
def test_a_usage_error_is_one_document_too(extra: Extra, argv: tuple[str, ...]) -> None:
    ran = extra(*argv)
    assert ran.document["error"]["code"] == "usage_invalid"
    assert ran.document["error"]["hint"].endswith("--help")
    assert (ran.status, ran.stderr) == (2, "")


def test_warnings_and_next_steps_stand_on_stderr(extra: Extra) -> None:
    ran = extra("note")
    assert ran.stderr.startswith("warning: state/a: ")
    assert ran.stderr.endswith("next: platformctl demo\n")


def test_quiet_leaves_only_the_data(extra: Extra) -> None:
    assert extra("note", "-q").stderr == ""


def test_a_refusal_in_text_says_place_code_fix_and_hint(extra: Extra) -> None:
    lines = extra("refuse").stderr.rstrip("\n").split("\n")
    assert lines[0].startswith("state/a.md:3:9: field_unknown ")
    assert any(line == "  fix: rename it" for line in lines)
    assert any(
        line.startswith("error: state/a.md:3:9: ") and line.endswith("(record_invalid)") for line in lines
    )
    assert lines[-1] == "  hint: look"


def test_the_cost_line_is_the_last_one_on_stderr(extra: Extra) -> None:
    ran = extra("note", "-v")
    label, _, counts = ran.stderr.splitlines()[-1].partition(" ")
    assert label == "cost:"
    assert set(json.loads(counts)) == {"files", "read", "parsed", "known", "git", "commits", "cache", "ms"}


def test_a_failing_command_ends_with_its_cost_too(extra: Extra) -> None:
    assert extra("refuse", "-v").stderr.splitlines()[-1].startswith("cost: {")
