"""The events with which somebody tells of a step that is done by hand. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from platformstate.entities.step import ManualStep
from platformstate.errors import StateError
from platformstate.policy.journal import RunState
from platformstate.policy.pin import Pin, step_sha256
from platformstate.policy.walking import cursor

Event = dict[str, Any]

_CLOSINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "done": {"type": "StepSucceeded", "by": "actor"},
    "failed": {"type": "StepFailed", "by": "actor", "code": "run_step_failed"},
}


def told(pin: Pin, state: RunState, key: str, word: str, *, at: str, actor: str) -> tuple[Event, ...]:
    """Return the events that say that a step was begun, is done or has failed.

    A step that ended without having been begun is begun first; one that is begun while it is open
    begins anew, and nobody knows of the attempt before. Raises: step_not_found, step_out_of_order,
    run_transition_refused, run_decision_required.
    """
    step = _next(pin, state, key)
    _refuse_status(state)
    known = state.walk.at(step.index)
    attempt, events = known.next_attempt, list[Event]()
    if known.outcome == "open" and word == "begun":
        if not step.idempotent:
            raise StateError("run_decision_required", f"{key} was begun before; what came of it?")
        unknown = {"type": "StepUnknown", "step_index": step.index, "attempt": attempt - 1}
        events.append({**unknown, "at": at, "why": "no_receipt"})
    if known.outcome == "open" and word != "begun":
        attempt -= 1
    else:
        marker = {"type": "StepStarted", "at": at, "step_index": step.index, "attempt": attempt}
        events.append({**marker, "step": step_sha256(step)[:16], "actor": actor})
    if word != "begun":
        events.append({**_CLOSINGS[word], "at": at, "step_index": step.index, "attempt": attempt})
    return tuple(events)


def _next(pin: Pin, state: RunState, key: str) -> ManualStep:
    """Return the step of this key, which has to be the first that is not done."""
    run = state.header["id"]
    step = next((step for step in pin.steps if step.key == key), None)
    if step is None:
        keys = ", ".join(step.key for step in pin.steps[:10])
        raise StateError(
            "step_not_found", f"{run} has no step {key}; it has {keys}", hint=f"platformctl run steps {run}"
        )
    index = cursor(pin.steps, state.walk)
    if index != step.index or not isinstance(step, ManualStep):
        first = "every step is done" if index is None else f"{pin.steps[index].key} is the next one"
        raise StateError(
            "step_out_of_order",
            f"step {step.index} {key} is not next: {first}",
            hint=f"platformctl run steps {run}",
        )
    return step


def _refuse_status(state: RunState) -> None:
    if state.status != "running":
        run = state.header["id"]
        raise StateError(
            "run_transition_refused",
            f"{run} is {state.status}, so none of its steps begins or ends",
            hint=f"platformctl run show {run}",
        )
