"""Steps that somebody does by hand: which one is next, and the events that tell of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from platformstate.entities.step import ManualStep, Step
from platformstate.errors import StateError
from platformstate.policy.journal import RunState
from platformstate.policy.pin import Pin, step_sha256
from platformstate.policy.settle import Action, foreseen
from platformstate.policy.steps import StepState
from platformstate.policy.walking import AttemptFacts, cursor, situation

Event = dict[str, Any]

_CLOSINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "done": {"type": "StepSucceeded", "by": "actor"},
    "failed": {"type": "StepFailed", "by": "actor", "code": "run_step_failed"},
}
# Nothing beside the journal proves how a step ended that no process of ours did.
_UNPROVEN: Final = AttemptFacts(place="other_place")


def told(pin: Pin, state: RunState, key: str, word: str, *, at: str, actor: str) -> tuple[Event, ...]:
    """Return the events that say that a step was begun, is done or has failed.

    A step that ended without having been begun is begun first. Raises: step_not_found,
    step_out_of_order, run_transition_refused, run_decision_required.
    """
    run = str(state.header["id"])
    step = next_by_hand(pin.steps, state, run, _index_of(pin.steps, key, run))
    refuse_status(state, run)
    known = state.walk.at(step.index)
    attempt, events = known.next_attempt, list[Event]()
    if known.outcome == "open" and word != "begun":
        attempt -= 1
    else:
        events += beginning(step, known, run, at=at, actor=actor)
    if word != "begun":
        events.append({**_CLOSINGS[word], "at": at, "step_index": step.index, "attempt": attempt})
    return tuple(events)


def beginning(step: ManualStep, known: StepState, run: str, *, at: str, actor: str) -> list[Event]:
    """Return the events that begin a step. One that is begun while it is open begins anew.

    Nobody knows then of the attempt before, which a step that must not be done twice does not allow.
    Raises: run_decision_required.
    """
    action = foreseen(situation(step, known, _UNPROVEN))
    if action is Action.DECIDE or (action is Action.WAIT and not step.idempotent):
        raise StateError(
            "run_decision_required",
            f"{step.key} was begun before; what came of it?",
            hint=f"platformctl run step end {run} --outcome succeeded|failed, or run decide",
        )
    attempt, events = known.next_attempt, list[Event]()
    if action is Action.WAIT and known.last is not None:
        unknown = {"type": "StepUnknown", "step_index": step.index, "attempt": known.last.number}
        events.append({**unknown, "at": at, "why": "no_receipt"})
    marker = {"type": "StepStarted", "at": at, "step_index": step.index, "attempt": attempt}
    return [*events, {**marker, "step": step_sha256(step)[:16], "actor": actor}]


def next_by_hand(steps: Sequence[Step], state: RunState, run: str, wanted: int | None) -> ManualStep:
    """Return the first step that is not done, which has to be the wanted one and one done by hand.

    Raises: step_not_found, step_out_of_order, run_transition_refused.
    """
    index = cursor(steps, state.walk)
    if wanted is not None and wanted >= len(steps):
        raise _not_found(run, f"{run} has no step {wanted}")
    if wanted is not None and wanted != index:
        first = "every step is done" if index is None else f"step {index} {steps[index].key} is the next one"
        raise StateError(
            "step_out_of_order",
            f"step {wanted} {steps[wanted].key} is not next: {first}",
            hint=f"platformctl run steps {run}",
        )
    if index is None:
        raise _not_found(run, "every step is done")
    step = steps[index]
    if not isinstance(step, ManualStep):
        raise StateError(
            "run_transition_refused",
            f"step {index} {step.key} is a {step.kind} step, which nobody does by hand",
            hint=f"platformctl run resume {run}",
        )
    return step


def refuse_status(state: RunState, run: str) -> None:
    """Refuse a step of a run that has ended, or of a procedure whose conductor died."""
    at_task = str(state.header["subject"]).startswith("task/")
    if state.status != ("running" if at_task else "suspended"):
        raise StateError(
            "run_transition_refused",
            f"{run} is {state.status}, so none of its steps begins or ends by hand",
            hint=f"platformctl run {'show' if at_task else 'resume'} {run}",
        )


def _index_of(steps: Sequence[Step], key: str, run: str) -> int:
    index = next((step.index for step in steps if step.key == key), None)
    if index is None:
        keys = ", ".join(step.key for step in steps[:10])
        raise _not_found(run, f"{run} has no step {key}; it has {keys}")
    return index


def _not_found(run: str, message: str) -> StateError:
    return StateError("step_not_found", message, hint=f"platformctl run steps {run}")
