"""What a brief says of pinned steps and of conducts, from values alone."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.errors import StateError
from platformstate.policy.brief import brief_of
from platformstate.policy.by_hand import told
from platformstate.policy.chain import RunFacts
from platformstate.policy.journal import RunState
from platformstate.policy.pin import Pin
from platformstate.policy.standing import RunFacts as Beside
from platformstate.policy.standing import standing
from tests.conduct.recipes import RUN, command, done, event, manual, pin_of, started, state_of
from tests.policy.briefing import checkpoint, known, text_of

A, B = manual(0, idempotent=True), manual(1)
PIN = pin_of(A, B)
AT = "2026-11-20T10:11:30Z"


def at_task(*events: dict[str, Any], pin: Pin | None = PIN) -> RunState:
    return state_of(pin, *events, subject="task/gh-460")


def facts(pin: Pin | None, *events: dict[str, Any], fault: str | None = None) -> RunFacts:
    state = at_task(*events, pin=pin)
    return RunFacts({**state.header, "coupling": "none"}, AT, state, None if fault else pin, fault)


def line(run: RunFacts, **step: Any) -> tuple[str, str]:
    said = checkpoint(0, run=RUN, **({"step": step} if step else {}))
    truth = brief_of(known(said, runs=(run,)))["ground_truth"]
    found = next(row for row in truth if row["claim"] == "step")
    return found["verdict"], found["found"]


def said(index: int = 0, key: str = "s0", attempt: int = 1, outcome: str = "in_flight") -> dict[str, Any]:
    return {"step_index": index, "key": key, "attempt": attempt, "outcome": outcome}


@pytest.mark.parametrize(
    ("events", "step", "verdict", "found"),
    [
        ([], {}, "confirmed", "the journal verifies: step 0 s0, attempt 1 none"),
        (done(A, B), {}, "confirmed", "the journal verifies: every pinned step is done"),
        (done(A), said(), "confirmed", "the journal verifies: step 0 s0, attempt 1 succeeded"),
        ([], said(outcome="none"), "confirmed", "the journal verifies: step 0 s0, attempt 1 none"),
        ([], said(), "contradicted", "the journal knows nothing of it"),
        (done(A), said(key="s1"), "contradicted", "the journal knows nothing of it"),
        (done(A), said(index=7), "contradicted", "the journal knows nothing of it"),
    ],
)
def test_a_said_step_is_compared_with_the_journal(
    events: list[dict[str, Any]], step: dict[str, Any], verdict: str, found: str
) -> None:
    assert line(facts(PIN, *events), **step) == (verdict, found)


def test_a_step_of_a_run_without_steps_is_contradicted_and_silence_proves_nothing() -> None:
    assert line(facts(None)) == ("unverifiable", "no steps are pinned")
    assert line(facts(None), **said()) == ("contradicted", "no steps are pinned")
    verdict, found = line(facts(PIN, fault="other bytes"), **said())
    assert (verdict, found) == ("contradicted", "the run's steps do not verify: other bytes")


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([], "none"),
        ([started(A)], "in_flight"),
        ([started(A), event("StepCancelled", 0, 1)], "failed"),
        ([started(A), event("StepUnknown", 0, 1)], "unknown"),
        ([started(A), event("StepNotStarted", 0, 1)], "none"),
    ],
)
def test_the_next_step_says_how_its_last_attempt_stands(events: list[dict[str, Any]], outcome: str) -> None:
    step = brief_of(known(runs=(facts(PIN, *events),)))["next"]["step"]
    assert (step["key"], step["outcome"]) == ("s0", outcome)


def test_a_run_that_has_ended_shows_its_step_but_no_command_for_it() -> None:
    data = brief_of(known(runs=(facts(PIN, event("RunAborted")),)))
    assert data["next"]["step"]["key"] == "s0"
    assert not any("--step" in each for each in data["next"]["commands"])


def test_conducts_that_go_on_are_shown_ten_at_a_time_and_the_ended_counted() -> None:
    pin = pin_of(command(0), command(1))
    going = standing(state_of(pin, *done(pin.steps[0])), pin, Beside())
    ended = standing(state_of(pin, *done(*pin.steps), event("RunSucceeded")), pin, Beside())
    asked = standing(state_of(pin, started(pin.steps[0]), event("StepUnknown", 0, 1)), pin, Beside())
    held = standing(state_of(pin, *done(*pin.steps), event("RunSuspended")), pin, Beside())
    text, _ = text_of(known(conducts=(asked, held, *[going] * 10, ended)), limit=9000)
    assert f"conduct {RUN} of procedure/demo: crashed, 0 of 2 steps done" in text
    assert "  stands at step 0, s0, a side-effecting command: attempt 1 unknown" in text
    assert f"conduct {RUN} of procedure/demo: suspended (held), 2 of 2 steps done" in text
    assert "  stands at step 1, s1, a side-effecting command: not begun" in text
    assert "2 more conducts go on" in text
    assert "conducts that ended: 1 succeeded" in text


def test_telling_of_a_step_begins_and_ends_it() -> None:
    types = {
        word: [each["type"] for each in told(PIN, at_task(), "s0", word, at=AT, actor="codex")]
        for word in ("begun", "done", "failed")
    }
    assert types == {
        "begun": ["StepStarted"],
        "done": ["StepStarted", "StepSucceeded"],
        "failed": ["StepStarted", "StepFailed"],
    }


@pytest.mark.parametrize(
    ("events", "key", "code"),
    [
        ([*done(A), started(B)], "s1", "run_decision_required"),
        ([event("RunAborted")], "s0", "run_transition_refused"),
        ([], "s1", "step_out_of_order"),
        (done(A, B), "s0", "step_out_of_order"),
        ([], "x", "step_not_found"),
    ],
)
def test_telling_of_another_step_is_refused(events: list[dict[str, Any]], key: str, code: str) -> None:
    with pytest.raises(StateError) as refused:
        told(PIN, at_task(*events), key, "begun", at=AT, actor="codex")
    assert refused.value.code == code
