"""What a spec asks beyond its schema, and which error each faulty spec is: the page's table, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.core.document import Document
from platformstate.core.kind import Kind
from platformstate.entities.job import executed, with_defaults
from platformstate.policy.job_spec import refusal, spec_problems
from platformstate.validation import read

PATH = "state/jobs/nightly/job.md"
SPEC = """---
schema: job/1
id: nightly
title: Nightly export
target: {kind: command, argv: ["true"]}
trigger: {kind: manual}
---
"""
CRON = 'trigger: {kind: cron, cron: "30 2 * * *", timezone: Europe/Warsaw}\n'


def judged(text: str) -> tuple[str | None, list[str]]:
    """Return the error that a spec is, None for none, and the codes of everything found."""
    found = read(text.encode(), PATH)
    problems = list(found.problems)
    if found.document is not None:
        problems += spec_problems(found.document)
    wrong = [problem for problem in problems if problem.severity == "error"]
    return refusal(problems).code if wrong else None, [problem.code for problem in problems]


def with_line(line: str) -> str:
    """Return the spec with another line for a key, or with one more."""
    key = line.partition(":")[0]
    lines = [old for old in SPEC.splitlines(keepends=True) if not old.startswith(f"{key}:")]
    return "".join([*lines[:-1], line.rstrip("\n") + "\n", lines[-1]])


def test_the_smallest_spec_is_valid() -> None:
    assert judged(SPEC) == (None, [])
    assert judged(with_line(CRON)) == (None, [])


@pytest.mark.parametrize(
    "line",
    [
        "color: red",
        "title: [a]",
        'target: {kind: command, argv: "true"}',
        "target: {kind: command, argv: []}",
        'target: {kind: command, argv: [""]}',
        'target: {kind: command, argv: ["a\\0b"]}',
        "target: {kind: command, argv: [1]}",
        "target: {kind: command}",
        "runtime: {timeout: 0}",
        "runtime: {timeout: -1}",
        "runtime: {timeout: .nan}",
        "runtime: {timeout: 1e308}",
        'runtime: {timeout: "1:30"}',
        "runtime: {timeout: 2.5}",
        "runtime: {timeout: 367d}",
        "runtime: {grace: 6m}",
        "runtime: {timeout: 3h, deadline: 2h}",
        "retry: {max: 21}",
        "retry: {exit_codes: [1], never_exit_codes: [1]}",
        "retry: {exit_codes: [0]}",
        "success_exit_codes: [256]",
        "overlap: {policy: maybe}",
        "trigger: {kind: webhook}",
        'trigger: {kind: manual, cron: "* * * * *"}',
        "approved: true",
        "title: &a Nightly",
        "title: !!str Nightly",
    ],
)
def test_a_spec_of_wrong_form_is_invalid(line: str) -> None:
    assert judged(with_line(line))[0] == "job_invalid_spec"


def test_a_file_without_front_matter_is_an_invalid_spec() -> None:
    assert judged("Nightly export\n")[0] == "job_invalid_spec"
    assert judged(SPEC.replace("title: Nightly export\n", ""))[0] == "job_invalid_spec"
    assert judged(SPEC.replace("title:", "title: a\ntitle:"))[0] == "job_invalid_spec"


@pytest.mark.parametrize(
    "trigger",
    [
        "{kind: cron}",
        '{kind: cron, cron: "30 2 * * *"}',
        "{kind: cron, timezone: Europe/Warsaw}",
        '{kind: cron, cron: "5-1 * * * *", timezone: UTC}',
        '{kind: cron, cron: "@reboot", timezone: UTC}',
        '{kind: cron, cron: "", timezone: UTC}',
        '{kind: cron, cron: "* * * * *", timezone: CEST}',
        '{kind: cron, cron: "* * * * *", timezone: ""}',
        '{kind: cron, cron: "* * * * *", timezone: "+02:00"}',
    ],
)
def test_a_trigger_that_nobody_can_read_is_its_own_error(trigger: str) -> None:
    assert judged(with_line(f"trigger: {trigger}"))[0] == "job_trigger_invalid"


@pytest.mark.parametrize(
    "line",
    [
        "runtime: {env: {pass: [LD_PRELOAD]}}",
        "runtime: {env: {pass: [GIT_DIR]}}",
        "runtime: {env: {pass: [PYTHONPATH]}}",
        "runtime: {env: {pass: [lower]}}",
        "runtime: {env: {set: {PATH: /tmp}}}",
        "runtime: {env: {set: {HOME: /tmp}}}",
        "runtime: {env: {set: {PLATFORMSTATE_RUN: x}}}",
        "runtime: {env: {set: {ENV: x}}}",
        'runtime: {cwd: "../x"}',
        'runtime: {cwd: "/tmp"}',
        'output: {artifacts: ["../*.json"]}',
        'output: {artifacts: ["/etc/*"]}',
    ],
)
def test_what_would_leave_the_source_is_denied(line: str) -> None:
    assert judged(with_line(line))[0] == "job_policy_denied"


def test_passing_the_path_on_is_allowed() -> None:
    assert judged(with_line("runtime: {env: {pass: [PATH, EXPORT_DSN], set: {MODE: full}}}"))[0] is None


@pytest.mark.parametrize(
    "line",
    [
        "target: {kind: container}",
        'target: {kind: python, entry: "tools.export"}',
        'target: {kind: python, entry: "tools-x:run"}',
    ],
)
def test_a_target_of_no_known_form_is_unresolved(line: str) -> None:
    assert judged(with_line(line))[0] == "job_target_unresolved"


def test_the_first_boundary_gives_the_error_and_all_findings_stand() -> None:
    text = with_line('trigger: {kind: cron, cron: "5-1 * * * *", timezone: CEST}')
    text = text.replace("---\n", "---\nruntime: {grace: 6m, env: {pass: [GIT_DIR]}}\n", 1)
    code, codes = judged(text)
    assert code == "job_invalid_spec"
    assert sorted(codes) == [
        "job_invalid_spec",
        "job_policy_denied",
        "job_trigger_invalid",
        "job_trigger_invalid",
    ]


def test_a_doubtful_day_is_a_warning() -> None:
    code, codes = judged(with_line('trigger: {kind: cron, cron: "0 0 */2 * mon", timezone: UTC}'))
    assert (code, codes) == (None, ["job_cron_ambiguous_day"])


def test_too_large_bindings_are_refused() -> None:
    assert judged(with_line('bindings: {a: "' + "x" * 63_000 + '"}'))[0] is None
    document = Document(Kind("job"), PATH, spec(bindings={"a": "x" * 65_536}), "", None)
    assert [problem.code for problem in spec_problems(document)] == ["job_bindings_invalid"]


def spec(**more: Any) -> dict[str, Any]:
    return {
        "schema": "job/1",
        "id": "nightly",
        "title": "x",
        "target": {"kind": "command", "argv": ["true"]},
        "trigger": {"kind": "manual"},
        **more,
    }


def test_defaults_are_those_of_the_page() -> None:
    whole = with_defaults(spec(runtime={"timeout": "3h"}))
    assert whole["enabled"] is True
    assert whole["overlap"] == {"policy": "skip", "max": 1, "queue_max": 1, "group": "nightly"}
    assert whole["runtime"]["deadline"] == 10_800
    assert whole["retry"]["when"] == ["exit", "timeout", "signal"]
    assert whole["target"] == {"kind": "command", "argv": ["true"]}
    assert "dst" not in whole["trigger"]


def test_what_is_executed_leaves_out_words_and_retention() -> None:
    plain = executed(with_defaults(spec()))
    loud = executed(with_defaults(spec(title="y", enabled=False, retention={"days": 1}, **{"x-team": "a"})))
    assert plain == loud
    assert plain != executed(with_defaults(spec(runtime={"timeout": "16m"})))
    assert plain == executed(with_defaults(spec(runtime={"timeout": "15m"})))
