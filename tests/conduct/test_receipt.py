"""What a finished run leaves: a receipt that its schema allows, and a summary with what is not empty."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from platformstate.policy.journal import fold
from platformstate.policy.pin import Pin
from platformstate.policy.receipt import ReceiptFacts, approvals, render_receipt, render_summary, step_table
from platformstate.validation import read
from tests.conduct.recipes import (
    RUN,
    check,
    command,
    done,
    event,
    gate,
    journal_of,
    pin_of,
    rows_of,
    started,
    state_of,
)

TOOL = {"platformstate": "0.1.0", "git": "2.45.1", "python": "3.12.4"}
PATH = f"state/procedures/demo/runs/{RUN}/run_receipt.json"
PIN = pin_of(command(0), command(1), gate(2), command(3, pinned_skip=True), check(4))
WALKED = [
    started(command(0)),
    event("StepSucceeded", 0, 1, exit_code=0, ms=61_250),
    started(command(1)),
    event("RunSuspended", reason="crashed"),
    event("StepUnknown", 1, 1),
    event("DecisionRecorded", 1, 1, reason="looked\nat it"),
    event("RunResumed"),
    started(command(1), 2),
    event("StepSucceeded", 1, 2, exit_code=0, ms=40),
    event("GateWaiting", 2, 1),
    event("RunSuspended", reason="gate", step_index=2),
    event("GateApproved", 2, 1),
    event("RunResumed"),
    event("ArtifactRecorded", path="artifacts/x", bytes=3, sha256="a" * 64),
    event("StepSucceeded", 4, 1, exit_code=0, ms=5),
    event("RunSucceeded", exit_code=0),
]


def receipt_of(pin: Pin | None, *events: dict[str, Any]) -> dict[str, Any]:
    journal = journal_of(pin, events)
    rows = [row for _, row in rows_of(journal)]
    data = render_receipt(fold(rows), pin, rows, ReceiptFacts(journal, TOOL, "refs/heads/main"))
    judged = read(data, PATH)
    assert judged.problems == ()
    receipt: dict[str, Any] = json.loads(data)
    assert receipt["journal"]["sha256"] == sha256(journal).hexdigest()
    assert data.startswith(b'{\n  "schema": "run_receipt/1",\n  "run": ')
    assert data.endswith(b"}\n")
    return receipt


def test_a_receipt_has_its_keys_in_the_order_of_the_page() -> None:
    receipt = receipt_of(PIN, *WALKED)
    assert list(receipt) == [
        *(
            "schema",
            "run",
            "subject",
            "status",
            "reason",
            "exit_code",
            "actor",
            "task",
            "started_at",
            "ended_at",
        ),
        *(
            "steps",
            "decisions",
            "approvals_requested",
            "artifacts",
            "references",
            "journal",
            "tool",
            "payload",
        ),
    ]
    steps = {key: value for key, value in receipt["steps"].items() if key != "sha256"}
    assert steps == {"count": 5, "succeeded": 4, "skipped": 1, "carried": 0, "failed": 0, "attempts": 5}
    assert receipt["decisions"][0]["answer"] == "redo"
    assert receipt["approvals_requested"] == [
        {"step_index": 2, "answer": "approved", "actor": "operator", "at": "2026-11-20T10:11:30Z"}
    ]
    assert receipt["artifacts"] == [{"path": "artifacts/x", "bytes": 3, "sha256": "a" * 64}]
    assert receipt["references"]["trusted_ref"] == "refs/heads/main"
    assert receipt["references"]["params_sha256"] == PIN.params_sha256


def test_a_run_without_steps_has_a_receipt_without_steps() -> None:
    receipt = receipt_of(None, event("RunAborted", reason="released"))
    assert (receipt["steps"], receipt["references"]["source_blob"]) == (None, None)


def test_a_failed_run_counts_what_is_not_done() -> None:
    receipt = receipt_of(
        PIN,
        started(command(0)),
        event("StepFailed", 0, 1, exit_code=2),
        event("RunFailed", step_index=0, exit_code=2),
    )
    assert (receipt["steps"]["failed"], receipt["reason"], receipt["exit_code"]) == (1, "step_failed", 2)


def test_an_unanswered_gate_is_requested_without_an_answer() -> None:
    asked = state_of(PIN, *done(command(0), command(1)), event("GateWaiting", 2, 1))
    assert approvals(asked.walk) == [{"step_index": 2, "answer": None, "actor": None, "at": None}]


def test_a_summary_says_what_was_done_and_by_whom() -> None:
    text = render_summary(state_of(PIN, *WALKED), PIN, {})
    assert text == (
        "# demo succeeded\n\n"
        f"Run {RUN} by operator, 2026-11-20T10:11:30Z to 2026-11-20T10:11:30Z, 5 of 5 steps\n\n"
        "| # | step | outcome | attempts | exit | s |\n"
        "|---|---|---|---|---|---|\n"
        "| 0 | s0 | succeeded | 1 | 0 | 61.2 |\n"
        "| 1 | s1 | succeeded | 2 | 0 | 0.0 |\n"
        "| 2 | s2 | approved | 1 |  |  |\n"
        "| 3 | s3 | skipped |  |  |  |\n"
        "| 4 | s4 | succeeded | 1 | 0 | 0.0 |\n\n"
        "## Decisions\n"
        "- step 1 s1, attempt 1: redo by operator, 2026-11-20T10:11:30Z: looked at it\n\n"
        "## Approvals\n"
        "- step 2 s2: approved by operator, 2026-11-20T10:11:30Z\n\n"
        "## Artifacts\n"
        f"- artifacts/x, 3 bytes, sha256 {'a' * 64}\n"
    )


def test_a_summary_of_a_failure_shows_the_end_of_its_log_and_what_to_do() -> None:
    failed = [started(command(0)), event("StepFailed", 0, 1, exit_code=2), event("RunFailed", step_index=0)]
    log = "".join(f"line {number}\n" for number in range(30)) + "\x1b[31mlast\n"
    text = render_summary(state_of(PIN, *failed), PIN, {0: log})
    head, _, tail = text.partition("## What failed\n")
    assert "| 0 | s0 | failed | 1 | 2 |  |" in head
    assert tail.startswith("\nStep 0 s0: command_failed\n\n    line 11\n    line 12\n")
    assert "    \\x1b[31mlast\n\n## Next\n- platformctl procedure conduct demo --supersedes " in tail


def test_a_summary_without_steps_is_two_lines() -> None:
    state = state_of(None, event("RunSucceeded", exit_code=0), subject="task/gh-460")
    assert render_summary(state, None, {}).count("\n") == 3


def test_a_step_that_did_not_run_shows_no_outcome() -> None:
    assert step_table(state_of(PIN), PIN).split("\n")[2] == "| 0 | s0 |  |  |  |  |"


def test_the_table_of_a_long_list_shows_its_beginning_and_its_end() -> None:
    pin = pin_of(*(command(index) for index in range(10_000)))
    rows = step_table(state_of(pin), pin).split("\n")[2:]
    assert sum(map(len, rows)) < 70_000
    assert (rows[0], rows[-1]) == ("| 0 | s0 |  |  |  |  |", "| 9999 | s9999 |  |  |  |  |")
    left_out = next(row for row in rows if "left out" in row)
    assert left_out == f"| … | {10_000 - (len(rows) - 1)} steps are left out here | | | | |"
