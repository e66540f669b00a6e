"""What a journal says of the steps of its run: their attempts, gates, decisions, and the rules of these. Pure.

`journal.fold` walks a journal through here event by event; what a run as a whole may do stands there.
Per attempt there is one StepStarted and then one closing event; a check, gate or checkpoint step has
the one event only. A closing that is no success may be restated once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Event = Mapping[str, Any]

OUTCOMES: Final[Mapping[str, str]] = {
    "StepStarted": "open",
    "StepSucceeded": "succeeded",
    "StepFailed": "failed",
    "StepTimedOut": "timed_out",
    "StepCancelled": "cancelled",
    "StepNotStarted": "not_started",
    "StepUnknown": "unknown",
    "StepSkipped": "skipped",
    "StepCarried": "carried",
    "GateWaiting": "waiting",
    "GateApproved": "approved",
    "GateRejected": "rejected",
    "CheckpointRecorded": "succeeded",
}
CLOSING: Final = frozenset(
    {"StepSucceeded", "StepFailed", "StepTimedOut", "StepCancelled", "StepNotStarted", "StepUnknown"}
)
# These say how a begun attempt ended, so they need one; a check that fails has never begun.
_AFTER_A_START: Final = frozenset({"StepNotStarted", "StepUnknown"})
DONE: Final = frozenset({"succeeded", "skipped", "carried", "approved"})


class Attempt:
    """One try of a step. `outcome` is open until it is closed; `started` says that it had a marker."""

    __slots__ = ("closing", "ended_at", "number", "outcome", "started", "started_at")

    def __init__(self, number: int, *, started_at: str | None = None, started: bool = False) -> None:
        self.number = number
        self.outcome = "open"
        self.started_at, self.started = started_at, started
        self.ended_at: str | None = None
        self.closing: Event = {}


class StepState:
    """What has happened to one step. `decision` answers the last attempt's question."""

    __slots__ = ("attempts", "captured", "carried", "decision", "index", "outcome", "since")

    def __init__(self, index: int) -> None:
        self.index = index
        self.outcome = "none"
        self.attempts: list[Attempt] = []
        self.decision: Event | None = None
        self.captured: str | None = None
        self.carried: tuple[str, int] | None = None
        self.since: str | None = None

    @property
    def done(self) -> bool:
        """Whether it is succeeded, approved, skipped or carried."""
        return self.outcome in DONE

    @property
    def last(self) -> Attempt | None:
        """The last attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def next_attempt(self) -> int:
        """The number of the attempt that would come next."""
        return self.attempts[-1].number + 1 if self.attempts else 1


class Walk:
    """How far the steps of a run have come; grows with `apply`, asks `fault` first."""

    def __init__(self) -> None:
        self.steps: dict[int, StepState] = {}
        self.open: tuple[int, int] | None = None
        self.count: int | None = None
        self.pin: Event | None = None
        self.decisions: list[Event] = []
        self.gates: list[Event] = []
        self.artifacts: list[Event] = []

    def at(self, index: int) -> StepState:
        """Return what is known of a step; nothing has happened to one that no event names."""
        return self.steps.get(index) or StepState(index)

    def outcome(self, index: int) -> str:
        """Return how the last attempt of a step stands."""
        state = self.steps.get(index)
        return "none" if state is None else state.outcome

    def fault(self, event: Event, status: str | None) -> str | None:
        """Return why an event about a step may not stand here, None when it may."""
        rule = _RULES.get(event["type"])
        if rule is None:
            return None
        if event["type"] != "ResolvedStepsRecorded":
            index = int(event["step_index"])
            if self.count is not None and index >= self.count:
                return f"step_index {index} is outside the {self.count} pinned steps"
            if status not in _WHILE.get(event["type"], ("running", "suspended")):
                return f"{event['type']} of step {index} stands while the run is {status}"
        return rule(self, event)

    def apply(self, event: Event) -> None:
        """Take an event that has no fault into account; one that is not about steps changes nothing."""
        type_ = event["type"]
        if type_ in OUTCOMES:
            self._apply_outcome(event, OUTCOMES[type_])
        elif type_ == "ResolvedStepsRecorded":
            self.pin, self.count = event, int(event["step_count"])
        elif type_ == "DecisionRecorded":
            self.decisions.append(event)
            self._state(int(event["step_index"])).decision = event
        elif type_ == "ArtifactRecorded":
            self.artifacts.append(event)

    def _state(self, index: int) -> StepState:
        state = self.steps.get(index)
        if state is None:
            state = self.steps[index] = StepState(index)
        return state

    def _apply_outcome(self, event: Event, outcome: str) -> None:
        state = self._state(int(event["step_index"]))
        state.outcome, state.since = outcome, event.get("at")
        if event["type"].startswith("Gate"):
            self.gates.append(event)
        if outcome == "carried":
            state.carried = (event["from_run"], int(event["from_index"]))
        elif outcome == "open":
            state.attempts.append(Attempt(int(event["attempt"]), started_at=event.get("at"), started=True))
            state.decision = None
            self.open = (state.index, int(event["attempt"]))
        else:
            self._close(state, event, outcome)

    def _close(self, state: StepState, event: Event, outcome: str) -> None:
        number = int(event.get("attempt", state.next_attempt if outcome == "succeeded" else 0))
        if number and (state.last is None or state.last.number != number):
            state.attempts.append(Attempt(number))
            state.decision = None
        attempt = state.last
        if attempt is not None and outcome != "skipped":
            attempt.outcome, attempt.ended_at, attempt.closing = outcome, event.get("at"), event
        if "captured" in event:
            state.captured = event["captured"]
        self.open = None

    def _pin_fault(self, _event: Event) -> str | None:
        return "the steps are pinned after a step began" if self.steps else None

    def _start_fault(self, event: Event) -> str | None:
        index, attempt = _place(event)
        if self.open is not None:
            return f"step {index} begins while step {self.open[0]} attempt {self.open[1]} is open"
        return self._done_fault(index, "begins") or self._attempt_fault(index, attempt)

    def _closing_fault(self, event: Event) -> str | None:
        index, attempt = _place(event)
        type_ = event["type"]
        if self.open is not None:
            if (index, attempt) != self.open:
                return (
                    f"{type_} of step {index} attempt {attempt} while {self.open[0]}.{self.open[1]} is open"
                )
            return None
        last = self.at(index).last
        if last is not None and last.number == attempt:
            return self._restated_fault(event, last)
        if type_ in _AFTER_A_START:
            return f"{type_} of step {index} attempt {attempt}, which never began"
        if not self._is_recheck(event) and self.outcome(index) in DONE:
            return f"step {index} is closed twice"
        return self._attempt_fault(index, attempt)

    def _is_recheck(self, event: Event) -> bool:
        """Say whether a closing may tell of a check that held and was made again."""
        again = event["type"] != "StepSucceeded" or bool(event.get("recheck"))
        return again and self.outcome(int(event["step_index"])) == "succeeded"

    def _restated_fault(self, event: Event, last: Attempt) -> str | None:
        """Refuse a second closing but for one restatement of a failure, by a probe or a decision."""
        index = int(event["step_index"])
        restates = event["type"] == "StepSucceeded" and event.get("by") in ("probe", "decision")
        if self.outcome(index) in DONE or last.outcome == "waiting" or not restates:
            return f"step {index} attempt {last.number} is closed twice"
        return None

    def _settling_fault(self, event: Event) -> str | None:
        index = int(event["step_index"])
        if self.open is not None:
            return f"{event['type']} of step {index} while step {self.open[0]} is open"
        if event["type"] == "StepCarried" and self.at(index).attempts:
            return f"step {index} is carried although it was tried here"
        return f"step {index} is done twice" if self.outcome(index) in DONE else None

    def _waiting_fault(self, event: Event) -> str | None:
        if self.outcome(int(event["step_index"])) == "waiting":
            return f"step {event['step_index']} waits already"
        return self._start_fault(event)

    def _answer_fault(self, event: Event) -> str | None:
        index, attempt = _place(event)
        last = self.at(index).last
        if last is None or last.outcome != "waiting" or last.number != attempt:
            return f"{event['type']} of step {index} attempt {attempt}, which does not wait"
        return None

    def _decision_fault(self, event: Event) -> str | None:
        index, attempt = _place(event)
        last = self.at(index).last
        if last is None or last.number != attempt or last.outcome in ("open", "waiting"):
            return f"a decision about step {index} attempt {attempt}, which asks nothing"
        if self.at(index).decision is not None:
            return f"a second decision about step {index} attempt {attempt}"
        return self._done_fault(index, "is decided")

    def _done_fault(self, index: int, what: str) -> str | None:
        outcome = self.outcome(index)
        return f"step {index} {what} although it is {outcome}" if outcome in DONE else None

    def _attempt_fault(self, index: int, attempt: int) -> str | None:
        state = self.steps.get(index)
        expected = 1 if state is None else state.next_attempt
        return None if attempt == expected else f"attempt {attempt} of step {index}, {expected} was expected"


_WHILE: Final[Mapping[str, tuple[str, ...]]] = {
    "StepCarried": ("defined", "running", "suspended"),
    "CheckpointRecorded": ("defined", "running", "suspended"),
}
_RULES: Final[Mapping[str, Callable[[Walk, Event], str | None]]] = {
    "ResolvedStepsRecorded": Walk._pin_fault,
    "StepStarted": Walk._start_fault,
    **dict.fromkeys(CLOSING, Walk._closing_fault),
    "StepSkipped": Walk._settling_fault,
    "StepCarried": Walk._settling_fault,
    "GateWaiting": Walk._waiting_fault,
    "GateApproved": Walk._answer_fault,
    "GateRejected": Walk._answer_fault,
    "CheckpointRecorded": Walk._settling_fault,
    "DecisionRecorded": Walk._decision_fault,
}


def _place(event: Event) -> tuple[int, int]:
    return int(event["step_index"]), int(event["attempt"])
