"""A journal and the list that it pinned: what does not agree is told with its code and place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from platformstate.errors import Problem
from platformstate.policy.journal import journal_problems
from platformstate.policy.pin import Pin, pin_bytes
from platformstate.policy.pin_rules import pin_problems
from tests.conduct.recipes import (
    check,
    command,
    done,
    event,
    gate,
    journal_of,
    manual,
    pin_of,
    recorded,
    rows_of,
    started,
)

PIN = pin_of(command(0), check(1), gate(2), manual(3))


def judged(pin: Pin | None, *events: dict[str, Any], beside: bytes | None = None) -> tuple[Problem, ...]:
    data = beside if beside is not None else None if pin is None else pin_bytes(pin)
    value = None if data is None else json.loads(data)
    return pin_problems(rows_of(journal_of(pin, events)), "events.jsonl", data, value, "resolved_steps.json")


def test_a_run_that_walked_its_list_has_no_problem() -> None:
    walked = [
        *done(command(0)),
        event("StepSucceeded", 1, 1),
        event("GateWaiting", 2, 1),
        event("GateApproved", 2, 1),
        *done(manual(3)),
        event("RunSucceeded"),
    ]
    assert judged(PIN, *walked) == ()


def test_a_run_without_a_list_has_none() -> None:
    assert judged(None) == ()


def test_20_07_another_byte_is_a_mismatch() -> None:
    (problem,) = judged(PIN, beside=pin_bytes(PIN).replace(b'"s0"', b'"s9"'))
    assert (problem.code, problem.path, problem.line) == ("run_steps_mismatch", "resolved_steps.json", 1)


def test_another_count_is_a_mismatch() -> None:
    rows = rows_of(journal_of(PIN, []))
    rows[1][1]["step_count"] = 3
    data = pin_bytes(PIN)
    (problem,) = pin_problems(rows, "e", data, json.loads(data), "p")
    assert problem.message == "it holds 4 steps, the journal says 3"


def test_a_list_that_no_event_records_is_a_mismatch() -> None:
    assert [p.code for p in judged(None, beside=pin_bytes(PIN))] == ["run_steps_mismatch"]


def test_a_recorded_list_that_is_gone_is_a_mismatch() -> None:
    (problem,) = pin_problems(rows_of(journal_of(PIN, [])), "e", None, None, "p")
    assert problem.code == "run_steps_mismatch"


def test_a_list_whose_steps_are_not_ours_is_a_mismatch() -> None:
    from hashlib import sha256

    data = pin_bytes(PIN).replace(b'"expander":1', b'"expander":9')
    rows = rows_of(journal_of(PIN, []))
    rows[1][1]["steps_sha256"] = sha256(data).hexdigest()
    (problem,) = pin_problems(rows, "e", data, json.loads(data), "p")
    assert (problem.code, problem.message) == ("run_steps_mismatch", "expander 9 is not known here")


def test_20_13_a_second_pin_is_refused() -> None:
    rows = rows_of(journal_of(PIN, [recorded(PIN)]))
    (problem,) = journal_problems(rows, "events.jsonl")
    assert (problem.code, problem.line) == ("run_pin_repeated", 4)


WRONG = {
    "a check that began": [event("StepStarted", 1, 1)],
    "a command without a begin": [event("StepSucceeded", 0, 1)],
    "a manual step without a begin": [event("StepFailed", 3, 1)],
    "a gate that is no gate": [event("GateWaiting", 0, 1)],
    "a checkpoint that is none": [event("CheckpointRecorded", 1)],
    "another step's marker": [event("StepStarted", 0, 1, step="f" * 16)],
    "a success with steps left": [*done(command(0)), event("RunSucceeded")],
    "a carried gate": [event("StepCarried", 2)],
}


@pytest.mark.parametrize("events", WRONG.values(), ids=WRONG)
def test_an_event_that_cannot_be_about_its_step_is_told_at_its_line(events: list[dict[str, Any]]) -> None:
    (problem,) = judged(PIN, *events)
    assert (problem.code, problem.path) == ("run_journal_corrupt", "events.jsonl")
    assert problem.line == len(events) + 3


def test_a_check_that_no_longer_held_leaves_its_run_undone() -> None:
    pin = pin_of(command(0), check(1))
    again = [*done(command(0)), event("StepSucceeded", 1, 1), event("StepFailed", 1, 2)]
    assert [p.code for p in judged(pin, *again, event("RunSucceeded"))] == ["run_journal_corrupt"]
    assert judged(pin, *again, event("StepSucceeded", 1, 3), event("RunSucceeded")) == ()


def test_a_skipped_pin_needs_no_event() -> None:
    pin = pin_of(command(0, pinned_skip=True), command(1))
    assert judged(pin, started(command(1)), event("StepSucceeded", 1, 1), event("RunSucceeded")) == ()
