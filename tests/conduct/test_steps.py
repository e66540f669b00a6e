"""What a journal says of its steps, and each order of events that it may not hold."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.policy.journal import JournalBroken
from tests.conduct.recipes import check, command, done, event, gate, manual, pin_of, started, state_of

C = command(0)
PIN = pin_of(C, command(1), gate(2), check(3), manual(4))
OPEN = [started(C)]
UNKNOWN = [started(C), event("StepUnknown", 0, 1)]
FAILED = [started(C), event("StepFailed", 0, 1)]
DONE = done(C)
WAITING = [event("GateWaiting", 2, 1)]

LEGAL: dict[str, tuple[list[dict[str, Any]], str]] = {
    "open": (OPEN, "open"),
    "done": (DONE, "succeeded"),
    "unknown": (UNKNOWN, "unknown"),
    "not started": ([*OPEN, event("StepNotStarted", 0, 1)], "not_started"),
    "timed out": ([*OPEN, event("StepTimedOut", 0, 1)], "timed_out"),
    "cancelled": ([*OPEN, event("StepCancelled", 0, 1)], "cancelled"),
    "restated by a probe": ([*UNKNOWN, event("StepSucceeded", 0, 1, by="probe")], "succeeded"),
    "restated by a decision": (
        [
            *FAILED,
            event("DecisionRecorded", 0, 1, answer="done"),
            event("StepSucceeded", 0, 1, by="decision"),
        ],
        "succeeded",
    ),
    "restated as skipped": ([*FAILED, event("StepSkipped", 0)], "skipped"),
    "skipped untried": ([event("StepSkipped", 0)], "skipped"),
    "carried": ([event("StepCarried", 0)], "carried"),
    "tried again": (
        [*FAILED, event("RetryScheduled", 0, 2, not_before="2026-11-20T10:11:31Z"), started(C, 2)],
        "open",
    ),
    "redone": (
        [*UNKNOWN, event("DecisionRecorded", 0, 1), started(C, 2), event("StepSucceeded", 0, 2)],
        "succeeded",
    ),
    "settled while suspended": (
        [*OPEN, event("RunSuspended", reason="crashed"), event("StepUnknown", 0, 1)],
        "unknown",
    ),
}


@pytest.mark.parametrize("events,outcome", LEGAL.values(), ids=LEGAL)
def test_an_order_of_events_gives_an_outcome(events: list[dict[str, Any]], outcome: str) -> None:
    state = state_of(PIN, *events)
    assert state.walk.outcome(0) == outcome
    assert state.walk.at(0).done is (outcome in ("succeeded", "skipped", "carried"))
    assert state.open_attempt == ((0, state.walk.at(0).attempts[-1].number) if outcome == "open" else None)


def test_a_gate_waits_until_it_is_answered() -> None:
    assert state_of(PIN, *WAITING).walk.outcome(2) == "waiting"
    assert state_of(PIN, *WAITING, event("GateApproved", 2, 1)).walk.outcome(2) == "approved"
    rejected = [*WAITING, event("RunSuspended", reason="gate"), event("GateRejected", 2, 1)]
    state = state_of(PIN, *rejected, event("RunFailed", reason="gate_rejected"))
    assert (state.status, state.walk.outcome(2)) == ("failed", "rejected")


def test_a_check_has_its_one_event_and_may_be_made_again() -> None:
    held = event("StepSucceeded", 3, 1)
    assert state_of(PIN, held).walk.outcome(3) == "succeeded"
    assert state_of(PIN, held, event("StepSucceeded", 3, 2, recheck=True)).walk.at(3).next_attempt == 3
    assert state_of(PIN, held, event("StepFailed", 3, 2)).walk.outcome(3) == "failed"


def test_a_manual_step_begins_while_the_run_is_suspended() -> None:
    waits = event("RunSuspended", reason="manual", step_index=4)
    state = state_of(PIN, waits, started(manual(4), actor="ann"), event("StepSucceeded", 4, 1, by="actor"))
    assert (state.status, state.walk.outcome(4), state.stopped_at) == ("suspended", "succeeded", 4)


def test_attempts_keep_when_and_how_they_ended() -> None:
    state = state_of(
        PIN, *FAILED, started(C, 2), event("StepSucceeded", 0, 2, exit_code=0, ms=7, captured="x")
    )
    first, second = state.walk.at(0).attempts
    assert (first.number, first.outcome, first.started) == (1, "failed", True)
    assert (second.closing["ms"], state.walk.at(0).captured) == (7, "x")
    assert second.started_at == second.ended_at == "2026-11-20T10:11:30Z"


def test_a_decision_belongs_to_the_attempt_that_asked() -> None:
    decided = [*UNKNOWN, event("DecisionRecorded", 0, 1)]
    assert state_of(PIN, *decided).walk.at(0).decision is not None
    assert state_of(PIN, *decided, started(C, 2)).walk.at(0).decision is None
    assert len(state_of(PIN, *decided, started(C, 2)).walk.decisions) == 1


def test_an_ended_run_has_no_open_attempt() -> None:
    state = state_of(PIN, *OPEN, event("RunAborted", in_flight={"step_index": 0, "attempt": 1}))
    assert (state.open_attempt, state.walk.outcome(0)) == (None, "open")


def test_a_checkpoint_step_is_done_by_its_record() -> None:
    assert state_of(PIN, event("CheckpointRecorded", 1)).walk.outcome(1) == "succeeded"


def test_the_holder_is_the_last_one() -> None:
    other = {"actor": "ann", "boot_id": "1" * 16, "clone": "d", "host": "i", "pid": 2}
    state = state_of(PIN, event("RunSuspended"), event("RunResumed", holder=other))
    assert state.holder == other


ILLEGAL: dict[str, list[dict[str, Any]]] = {
    "two open at once": [*OPEN, started(command(1))],
    "begun again while open": [*OPEN, started(C, 2)],
    "an attempt left out": [*FAILED, started(C, 3)],
    "the first attempt is the second": [started(C, 2)],
    "closing another attempt": [*OPEN, event("StepSucceeded", 0, 2)],
    "closing another step": [*OPEN, event("StepFailed", 1, 1)],
    "closed twice": [*FAILED, event("StepFailed", 0, 1)],
    "failed after success": [*DONE, event("StepFailed", 0, 1)],
    "restated by the conductor": [*FAILED, event("StepSucceeded", 0, 1)],
    "restated twice": [*FAILED, *2 * [event("StepSucceeded", 0, 1, by="probe")]],
    "restated after it was skipped": [
        *FAILED,
        event("StepSkipped", 0),
        event("StepSucceeded", 0, 1, by="probe"),
    ],
    "a success made again": [*DONE, event("StepSucceeded", 0, 2)],
    "begun although done": [*DONE, started(C, 2)],
    "begun although carried": [event("StepCarried", 0), started(C)],
    "carried after it was tried": [*FAILED, event("StepCarried", 0)],
    "carried twice": 2 * [event("StepCarried", 0)],
    "skipped while open": [*OPEN, event("StepSkipped", 0)],
    "unknown without a begin": [event("StepUnknown", 0, 1)],
    "not started without a begin": [event("StepNotStarted", 0, 1)],
    "a second waiting": [*WAITING, event("GateWaiting", 2, 2)],
    "approved without waiting": [event("GateApproved", 2, 1)],
    "approved twice": [*WAITING, event("GateApproved", 2, 1), event("GateApproved", 2, 1)],
    "approved as another attempt": [*WAITING, event("GateApproved", 2, 2)],
    "closed although it waits": [*WAITING, event("StepSucceeded", 2, 1, by="decision")],
    "a decision about nothing": [event("DecisionRecorded", 0, 1)],
    "a decision while open": [*OPEN, event("DecisionRecorded", 0, 1)],
    "a decision about a gate": [*WAITING, event("DecisionRecorded", 2, 1)],
    "a decision about success": [*DONE, event("DecisionRecorded", 0, 1)],
    "two decisions": [*UNKNOWN, *2 * [event("DecisionRecorded", 0, 1)]],
    "outside the pin": [event("StepSkipped", 5)],
    "a checkpoint twice": 2 * [event("CheckpointRecorded", 1)],
    "begun by nobody while suspended": [event("RunSuspended"), started(C)],
    "after the end": [event("RunSucceeded"), started(C)],
}


@pytest.mark.parametrize("events", ILLEGAL.values(), ids=ILLEGAL)
def test_an_order_of_events_that_may_not_be_is_refused_at_its_last(events: list[dict[str, Any]]) -> None:
    state_of(PIN, *events[:-1])
    with pytest.raises(JournalBroken) as broken:
        state_of(PIN, *events)
    assert (broken.value.index, broken.value.code) == (len(events) + 2, "run_journal_corrupt")


def test_steps_before_the_start_are_refused_but_carried_ones() -> None:
    from platformstate.policy.journal import fold
    from tests.conduct.recipes import journal_of, recorded, rows_of

    first = [row for _, row in rows_of(journal_of(PIN, []))][:2]
    assert recorded(PIN)["type"] == first[1]["type"]
    carried = {"seq": 2, "h": "0" * 32, **event("StepCarried", 0)}
    assert fold([*first, carried]).walk.outcome(0) == "carried"
    with pytest.raises(JournalBroken, match="while the run is defined"):
        fold([*first, {"seq": 2, "h": "0" * 32, **event("StepSkipped", 0)}])
