"""Whether a journal and the list that it pinned agree. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from platformstate.entities.step import Step
from platformstate.errors import Problem, shown
from platformstate.policy.journal import journal_problem
from platformstate.policy.pin import Pin, read_pin, step_sha256
from platformstate.policy.steps import Event

_FIX: Final = "restore resolved_steps.json from the commit that wrote it: a pin never changes"
_MARKED: Final = frozenset({"command", "manual"})
# Which kinds of step an event may be about; those that do not stand here say nothing of a kind.
_ABOUT: Final[Mapping[str, frozenset[str]]] = {
    "StepStarted": _MARKED,
    "StepNotStarted": _MARKED,
    "StepUnknown": _MARKED,
    "StepCarried": _MARKED,
    "StepSucceeded": _MARKED | {"check"},
    "StepFailed": _MARKED | {"check"},
    "StepTimedOut": _MARKED | {"check"},
    "StepCancelled": _MARKED | {"check"},
    "RetryScheduled": frozenset({"command"}),
    "GateWaiting": frozenset({"gate"}),
    "GateApproved": frozenset({"gate"}),
    "GateRejected": frozenset({"gate"}),
    "CheckpointRecorded": frozenset({"checkpoint"}),
}


def pin_fault(recorded: Event, data: bytes, value: Mapping[str, Any]) -> str | None:
    """Return why a pin file is not the one that a journal recorded, None when it is."""
    digest = sha256(data).hexdigest()
    if digest != recorded["steps_sha256"]:
        return f"its sha256 is {digest[:12]}…, the journal says {recorded['steps_sha256'][:12]}…"
    count = len(value.get("steps", ()))
    if count != recorded["step_count"]:
        return f"it holds {count} steps, the journal says {recorded['step_count']}"
    return None


def recorded_pin(events: Iterable[Event], data: bytes, value: Mapping[str, Any]) -> Pin | None:
    """Return the steps of a pin file, None when they are not those that these events recorded."""
    recorded = _recorded(events)
    if recorded is None or pin_fault(recorded, data, value):
        return None
    try:
        return read_pin(value)
    except ValueError:
        return None


def _recorded(events: Iterable[Event]) -> Event | None:
    return next((event for event in events if event["type"] == "ResolvedStepsRecorded"), None)


def pin_problems(
    rows: Sequence[tuple[int, Event]],
    journal_path: str,
    data: bytes | None,
    value: Mapping[str, Any] | None,
    path: str,
) -> tuple[Problem, ...]:
    """Return what is wrong between a journal and the pin beside it: bytes and value as read, or None."""
    recorded = _recorded(event for _, event in rows)
    if recorded is None:
        return () if data is None else (_mismatch(path, "the journal records no pinned steps"),)
    if data is None or value is None:
        return (_mismatch(path, "the pinned steps that the journal records are not there"),)
    if fault := pin_fault(recorded, data, value):
        return (_mismatch(path, fault),)
    try:
        pin = read_pin(value)
    except ValueError as error:
        return (_mismatch(path, shown(error)),)
    return tuple(journal_problem(journal_path, line, reason) for line, reason in _faults(rows, pin))[:1]


def _mismatch(path: str, message: str) -> Problem:
    return Problem(path, 1, 1, "run_steps_mismatch", message, _FIX)


def _faults(rows: Sequence[tuple[int, Event]], pin: Pin) -> Iterator[tuple[int, str]]:
    """Yield each event that cannot be about the step that it names.

    A task's plan is told by hand, so an agent may succeed without having told of each of its steps.
    """
    begun: set[tuple[int, int]] = set()
    done: set[int] = {step.index for step in pin.steps if step.pinned_skip}
    for line, event in rows:
        step = pin.steps[event["step_index"]] if "step_index" in event else None
        if step is not None and (reason := _fault(event, step, begun)):
            yield line, reason
        if event["type"] == "StepStarted":
            begun.add((event["step_index"], event["attempt"]))
        if event["type"] in _FINISHING:
            done.add(event["step_index"])
        if event["type"] in ("StepFailed", "StepTimedOut", "StepCancelled"):
            done.discard(event["step_index"])
        if event["type"] == "RunSucceeded" and pin.source.kind != "task" and len(done) < len(pin.steps):
            missing = min(set(range(len(pin.steps))) - done)
            yield line, f"the run succeeded although step {missing} is not done"


_FINISHING: Final = frozenset(
    {"StepSucceeded", "StepSkipped", "StepCarried", "GateApproved", "CheckpointRecorded"}
)


def _fault(event: Event, step: Step, begun: set[tuple[int, int]]) -> str | None:
    type_ = event["type"]
    if type_ in _ABOUT and step.kind not in _ABOUT[type_]:
        return f"{type_} of step {step.index}, which is a {step.kind} step"
    if type_ == "StepStarted" and not step_sha256(step).startswith(event["step"]):
        return f"step {step.index} began as {event['step']}, its step_sha256 is another"
    marked = type_ in ("StepSucceeded", "StepFailed", "StepTimedOut", "StepCancelled")
    if marked and step.kind in _MARKED and (step.index, event["attempt"]) not in begun:
        return f"{type_} of step {step.index} attempt {event['attempt']}, which never began"
    return None
