"""The run's state machine: every pair of state and event, and what the fold makes of a journal."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.core.catalog import KINDS
from platformstate.policy.journal import (
    RUN_EVENTS,
    TERMINAL,
    TRANSITIONS,
    JournalBroken,
    fold,
    journal_problems,
)

AT = "2026-11-20T10:11:30Z"
LIVES: dict[str, tuple[str, ...]] = {
    "defined": ("RunDefined",),
    "running": ("RunDefined", "RunStarted"),
    "suspended": ("RunDefined", "RunStarted", "RunSuspended"),
    "succeeded": ("RunDefined", "RunStarted", "RunSucceeded"),
    "failed": ("RunDefined", "RunStarted", "RunFailed"),
    "aborted": ("RunDefined", "RunAborted"),
}


def event(type_: str, **fields: Any) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if type_ == "RunDefined":
        extra = {"run": "20261120t101130z-7fq2ka", "subject": "task/gh-460", "actor": "codex"}
        extra |= {"host": "h", "clone": "c", "worktree": ".", "branch": None, "base_commit": None}
    elif type_ in ("RunSuspended", "RunFailed", "RunAborted"):
        extra = {"reason": "held", "actor": "codex"}
    return {"at": AT, "type": type_, **extra, **fields}


def journal(*events: dict[str, Any] | str) -> list[dict[str, Any]]:
    made = [event(each) if isinstance(each, str) else each for each in events]
    return [{"seq": number, **each} for number, each in enumerate(made)]


def started(*steps: dict[str, Any] | str) -> list[dict[str, Any]]:
    return journal("RunDefined", "RunStarted", *steps)


def step(type_: str, index: int = 0, attempt: int | None = 1, **fields: Any) -> dict[str, Any]:
    numbered = {} if attempt is None else {"attempt": attempt}
    return event(type_, step_index=index, **numbered, **fields)


@pytest.mark.parametrize("status", LIVES)
@pytest.mark.parametrize("type_", sorted(RUN_EVENTS))
def test_every_pair_of_state_and_event_is_decided_by_the_table(status: str, type_: str) -> None:
    events = journal(*LIVES[status], type_)
    if type_ in TRANSITIONS[status] and (status, type_) != ("suspended", "RunFailed"):
        assert fold(events).status == TRANSITIONS[status][type_]
    else:
        with pytest.raises(JournalBroken) as broken:
            fold(events)
        assert (broken.value.index, broken.value.code) == (len(events) - 1, "run_journal_corrupt")


def test_the_table_is_the_lifecycle_of_the_schema() -> None:
    lifecycle = KINDS["run"].lifecycle
    assert lifecycle is not None
    for status, following in TRANSITIONS.items():
        if status is not None:
            assert set(following.values()) - {status} == set(lifecycle.states[status]) - {status}
    assert set(lifecycle.final) == TERMINAL


def test_a_rejected_gate_fails_a_suspended_run() -> None:
    waiting = started(
        step("GateWaiting", approvers=["ann"]), "RunSuspended", step("GateRejected", actor="ann")
    )
    state = fold(journal(*waiting, event("RunFailed", reason="gate_rejected")))
    assert (state.status, state.reason, state.steps) == ("failed", "gate_rejected", {0: "rejected"})


def test_the_header_says_what_the_journal_says_in_the_order_of_run_md() -> None:
    pin = event("ResolvedStepsRecorded", step_count=2, steps_sha256="5" * 64, source_blob="b" * 40)
    defined = event("RunDefined", attempt=3, coupling="none", task=None)
    state = fold(journal(defined, pin, "RunStarted", event("RunFailed", reason="step_failed", exit_code=2)))
    assert list(state.header) == [
        *("schema", "id", "subject", "status", "reason", "actor", "attempt", "coupling", "host", "clone"),
        *("worktree", "branch", "base_commit", "steps", "started_at", "ended_at", "exit_code"),
    ]
    assert state.header["steps"] == {"count": 2, "sha256": "5" * 64, "source_blob": "b" * 40}
    assert (state.header["attempt"], state.header["branch"], state.header["exit_code"]) == (3, None, 2)


def test_a_resumed_run_has_no_reason() -> None:
    state = fold(journal("RunDefined", "RunStarted", "RunSuspended", "RunResumed"))
    assert (state.status, state.reason) == ("running", None)


def test_an_attempt_is_open_until_it_is_closed() -> None:
    begun = started(step("StepStarted"))
    assert fold(begun).open_attempt == (0, 1)
    closed = fold(journal(*begun, step("StepSucceeded", by="receipt")))
    assert (closed.open_attempt, closed.steps) == (None, {0: "succeeded"})


BAD_STEPS = {
    "second step while one is open": [step("StepStarted"), step("StepStarted", 1)],
    "wrong attempt": [step("StepStarted", 0, 2)],
    "closing another step": [step("StepStarted"), step("StepFailed", 1)],
    "closed twice": [step("StepStarted"), step("StepFailed"), step("StepFailed")],
    "closed after success": [step("StepStarted"), step("StepSucceeded"), step("StepSucceeded", by="probe")],
    "begun after success": [step("StepSucceeded"), step("StepStarted", 0, 2)],
    "skipped twice": [step("StepSkipped", attempt=None), step("StepSkipped", attempt=None)],
    "skipped while open": [step("StepStarted"), step("StepSkipped", 1, None)],
    "succeeded while open": [step("StepStarted"), "RunSucceeded"],
    "begun while suspended": ["RunSuspended", step("StepStarted")],
    "pinned late": [
        step("StepStarted"),
        event("ResolvedStepsRecorded", step_count=1, steps_sha256="", source_blob=""),
    ],
    "outside the pin": [
        event("ResolvedStepsRecorded", step_count=1, steps_sha256="", source_blob=""),
        step("StepStarted", 1),
    ],
    "unknown type": [event("StepInvented")],
    "time runs backwards": [event("CommitDeferred") | {"at": "2026-11-20T10:11:29Z"}],
}


@pytest.mark.parametrize("steps", BAD_STEPS.values(), ids=BAD_STEPS.keys())
def test_a_broken_rule_of_steps_is_told_at_its_line(steps: list[Any]) -> None:
    events = started(*steps)
    rows = [(number + 1, each) for number, each in enumerate(events)]
    (problem,) = journal_problems(rows, "state/x/events.jsonl")
    assert (problem.line, problem.code) == (len(events), "run_journal_corrupt")


def test_a_failure_may_be_restated_once_by_a_decision() -> None:
    restated = started(step("StepStarted"), step("StepUnknown"), step("StepSucceeded", by="decision"))
    assert fold(restated).steps == {0: "succeeded"}


def test_a_step_is_retried_as_its_next_attempt() -> None:
    retried = started(step("StepStarted"), step("StepFailed"), step("StepStarted", 0, 2))
    assert fold(retried).open_attempt == (0, 2)


def test_events_of_the_tool_change_nothing_of_the_run() -> None:
    events = started(event("CommitDeferred", reason="manual"), event("JournalRepaired", bytes=1, sha256="0"))
    assert fold(events)[:5] == fold(started())[:5]


def test_a_second_pin_has_its_own_code() -> None:
    pin = event("ResolvedStepsRecorded", step_count=1, steps_sha256="", source_blob="")
    rows = list(enumerate(journal("RunDefined", pin, pin), 1))
    (problem,) = journal_problems(rows, "p")
    assert (problem.line, problem.code) == (3, "run_pin_repeated")


@pytest.mark.parametrize(
    "events,line",
    [
        ([], 1),
        ([event("RunStarted") | {"seq": 0}], 1),
        ([event("RunDefined") | {"seq": 1}], 1),
        ([event("RunDefined") | {"seq": 0}, event("RunStarted") | {"seq": 2}], 2),
        ([event("RunDefined", subject="gh-460") | {"seq": 0}], 1),
        ([event("CommitDeferred") | {"seq": 0}], 1),
    ],
)
def test_a_journal_that_does_not_begin_well_is_corrupt(events: list[Any], line: int) -> None:
    (problem,) = journal_problems(list(enumerate(events, 1)), "p")
    assert (problem.line, problem.code) == (line, "run_journal_corrupt")
