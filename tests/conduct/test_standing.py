"""Where a run stands: condition, stopping point, and who has to do what next."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.policy.standing import RunFacts, condition, next_action, standing
from platformstate.policy.walking import AttemptFacts
from tests.conduct.recipes import RUN, check, command, done, event, gate, manual, pin_of, started, state_of

MARKED = AttemptFacts(start_mark=True)
PIN = pin_of(command(0), command(1), gate(2), manual(3), check(4))
FIRST = done(command(0))
BOTH = done(command(0), command(1))
GATE = [*BOTH, event("GateWaiting", 2, 1), event("RunSuspended", reason="gate", step_index=2)]
PASSED = [*GATE, event("GateApproved", 2, 1)]
MANUAL = [*PASSED, event("RunResumed"), event("RunSuspended", reason="manual", step_index=3)]
ALL = [*PASSED, event("RunResumed"), *done(manual(3)), event("StepSucceeded", 4, 1)]


def test_20_03_a_crash_inside_a_side_effect_says_where_and_that_somebody_decides() -> None:
    state = state_of(PIN, *FIRST, started(command(1)))
    told = standing(state, PIN, RunFacts(MARKED, last_seq=5))
    assert told["condition"] == "crashed"
    assert told["stopped_at"] == {
        "step_index": 1,
        "key": "s1",
        "kind": "command",
        "attempt": 1,
        "outcome": "in_flight",
        "side_effecting": True,
        "receipt": False,
        "since": "2026-11-20T10:11:30Z",
    }
    assert told["next_action"] == "decide"
    assert told["next"] == [f"platformctl run decide {RUN} redo|done|skip|abort --reason TEXT"]
    assert (told["steps_done"], told["steps_total"], told["chain_verified_to_seq"]) == (1, 5, 5)


NEXT: dict[str, tuple[list[dict[str, Any]], AttemptFacts, str]] = {
    "running": (FIRST, AttemptFacts(locked=True), "wait"),
    "crashed between steps": (FIRST, AttemptFacts(), "resume"),
    "crashed with a receipt": ([started(command(0))], MARKED._replace(receipt="success"), "resume"),
    "crashed before the child": ([started(command(0))], AttemptFacts(), "resume"),
    "crashed, nothing proves": ([started(command(0))], MARKED, "decide"),
    "failed": (
        [
            started(command(0)),
            event("StepFailed", 0, 1),
            event("RunSuspended", reason="step_failed", step_index=0),
        ],
        AttemptFacts(),
        "decide",
    ),
    "waiting at a gate": (GATE, AttemptFacts(), "approve"),
    "approved": (PASSED, AttemptFacts(), "begin_step"),
    "waiting for a hand": (MANUAL, AttemptFacts(), "begin_step"),
    "begun by hand": ([*MANUAL, started(manual(3), actor="ann")], AttemptFacts(), "end_step"),
    "failed by hand": (
        [*MANUAL, started(manual(3), actor="ann"), event("StepFailed", 3, 1, by="actor")],
        AttemptFacts(),
        "decide",
    ),
    "crashed before a hand": ([*PASSED, event("RunResumed")], AttemptFacts(), "resume"),
    "a check failed": (
        [*ALL[:-1], event("StepFailed", 4, 1), event("RunSuspended", reason="check_failed", step_index=4)],
        AttemptFacts(),
        "fix",
    ),
    "all done, not ended": (ALL, AttemptFacts(), "resume"),
    "ended": ([*ALL, event("RunSucceeded")], AttemptFacts(), "none"),
    "redo decided": (
        [
            started(command(0)),
            event("RunSuspended", reason="crashed"),
            event("StepUnknown", 0, 1),
            event("DecisionRecorded", 0, 1),
        ],
        AttemptFacts(),
        "resume",
    ),
    "held": ([*FIRST, event("RunSuspended")], AttemptFacts(), "resume"),
}


@pytest.mark.parametrize("events,facts,action", NEXT.values(), ids=NEXT)
def test_the_next_action_follows_from_the_journal(
    events: list[dict[str, Any]], facts: AttemptFacts, action: str
) -> None:
    assert next_action(state_of(PIN, *events), PIN, RunFacts(facts)) == action


def test_an_idempotent_step_that_failed_is_to_be_mended_and_a_probed_one_is_asked() -> None:
    pin = pin_of(command(0, idempotent=True))
    failed = [started(pin.steps[0]), event("StepFailed", 0, 1), event("RunSuspended", reason="step_failed")]
    assert next_action(state_of(pin, *failed), pin, RunFacts()) == "fix"


def test_a_run_at_a_task_waits_for_its_agent() -> None:
    pin = pin_of(manual(0, idempotent=True))
    begun = state_of(pin, subject="task/gh-460")
    assert next_action(begun, pin, RunFacts()) == "begin_step"
    assert condition(begun, RunFacts()) is None
    assert condition(begun, RunFacts(expired=True)) == "stalled"
    assert condition(begun, RunFacts(dead=True, expired=True)) == "crashed"
    assert condition(begun, RunFacts(AttemptFacts(locked=True), expired=True)) is None
    at_work = state_of(pin, started(pin.steps[0]), subject="task/gh-460")
    assert next_action(at_work, pin, RunFacts()) == "end_step"
    ready = state_of(pin, *done(pin.steps[0]), subject="task/gh-460")
    assert next_action(ready, pin, RunFacts()) == "none"


def test_a_run_without_steps_stands_nowhere() -> None:
    state = state_of(None, subject="task/gh-460")
    told = standing(state, None, RunFacts())
    assert (told["stopped_at"], told["steps_total"], told["next_action"]) == (None, None, "none")


def test_a_jobs_run_is_named_with_its_job() -> None:
    pin = pin_of(command(0))
    state = state_of(pin, subject="job/nightly")
    told = standing(state, pin, RunFacts())
    assert told["run"] == f"nightly/{RUN}"
    assert told["next"] == [f"platformctl run resume nightly/{RUN}"]


@pytest.mark.parametrize(
    "job, wanted",
    [
        (None, ["platformctl procedure conduct demo --supersedes {}"]),
        ("nightly", ["platformctl run abort nightly/{} --reason TEXT", "platformctl jobs run nightly"]),
    ],
)
def test_a_run_whose_journal_is_full_is_not_resumed_but_followed(job: str | None, wanted: list[str]) -> None:
    state = state_of(PIN, *FIRST, event("RunSuspended", reason="journal_full", step_index=1))
    if job is not None:
        state = state._replace(header={**state.header, "subject": f"job/{job}"})
    told = standing(state, PIN, RunFacts())
    assert (told["next_action"], told["next"]) == ("fix", [command.format(RUN) for command in wanted])
    asked = state_of(
        PIN, started(command(0)), event("StepUnknown", 0, 1), event("RunSuspended", reason="journal_full")
    )
    assert next_action(asked, PIN, RunFacts()) == "decide"


def test_a_suspended_run_is_not_crashed() -> None:
    assert condition(state_of(PIN, event("RunSuspended")), RunFacts()) is None
    assert condition(state_of(PIN), RunFacts(AttemptFacts(locked=True))) is None


def test_a_finished_walk_has_no_stopping_point() -> None:
    state = state_of(PIN, *ALL, event("RunSucceeded"))
    told = standing(state, PIN, RunFacts())
    assert (told["stopped_at"], told["steps_done"], told["next"]) == (None, 5, [])
