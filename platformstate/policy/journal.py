"""The state machine of a run: fold its journal, and say where it breaks its own rules. Pure.

The journal is the authority; `run.md` is a projection of it. Reading continues at the first fault
only to report it: a journal with a fault folds to nothing. The hash chain is `codec.journal`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.errors import Problem, shown

Event = Mapping[str, Any]

# from -> event -> to: all else is refused. RunFailed from suspended only directly after a rejection.
TRANSITIONS: Final[Mapping[str | None, Mapping[str, str]]] = {
    None: {"RunDefined": "defined"},
    "defined": {"RunStarted": "running", "RunAborted": "aborted"},
    "running": {
        "RunSuspended": "suspended",
        "RunSucceeded": "succeeded",
        "RunFailed": "failed",
        "RunAborted": "aborted",
    },
    "suspended": {
        "RunSuspended": "suspended",
        "RunResumed": "running",
        "RunFailed": "failed",
        "RunAborted": "aborted",
    },
    "succeeded": {},
    "failed": {},
    "aborted": {},
}
TERMINAL: Final = frozenset(status for status, following in TRANSITIONS.items() if status and not following)
RUN_EVENTS: Final = frozenset(event for following in TRANSITIONS.values() for event in following)
CLOSING: Final = frozenset(
    {"StepSucceeded", "StepFailed", "StepTimedOut", "StepCancelled", "StepNotStarted", "StepUnknown"}
)
SETTLING: Final = frozenset({"StepSkipped", "StepCarried"})
STEP_EVENTS: Final = CLOSING | SETTLING | {"StepStarted", "RetryScheduled", "GateWaiting"}
OTHER_EVENTS: Final = frozenset(
    {
        "ResolvedStepsRecorded",
        "GateApproved",
        "GateRejected",
        "CheckpointRecorded",
        "ArtifactRecorded",
        "DecisionRecorded",
        "JournalRepaired",
        "CommitDeferred",
    }
)
TYPES: Final = RUN_EVENTS | STEP_EVENTS | OTHER_EVENTS

# Fields that RunDefined says and run.md repeats, in the order of run.md.
_PLACE_FIELDS: Final = (
    "task",
    "parent_run",
    "supersedes",
    "rescues",
    "replay_of",
    "coupling",
    "fence",
    "trigger",
    "host",
    "clone",
    "worktree",
    "branch",
    "base_commit",
)


class RunState(NamedTuple):
    """What a journal says of its run. `header` is the front matter that `run.md` must have."""

    status: str
    reason: str | None
    header: Mapping[str, Any]
    steps: Mapping[int, str] = {}
    open_attempt: tuple[int, int] | None = None


class JournalBroken(ValueError):
    """A journal whose events break the rules was asked to be folded; `index` counts from 0."""

    def __init__(self, index: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.index, self.code, self.reason = index, code, reason


def fold(events: Sequence[Event]) -> RunState:
    """Return the state of the run that these events make. Raises JournalBroken at the first bad one."""
    folding = _Folding()
    for index, event in enumerate(events):
        fault = folding.fault(index, event)
        if fault is not None:
            raise JournalBroken(index, *fault)
        folding.apply(event)
    if folding.status is None:
        raise JournalBroken(0, "run_journal_corrupt", "the journal is empty")
    return folding.state()


def journal_problems(rows: Sequence[tuple[int, Event]], path: str) -> tuple[Problem, ...]:
    """Return the first fault of a journal's events as a problem; `rows` are (line, event)."""
    try:
        fold([event for _, event in rows])
    except JournalBroken as broken:
        line = rows[broken.index][0] if rows else 1
        return (journal_problem(path, line, broken.reason, broken.code),)
    return ()


def journal_problem(path: str, line: int, reason: str, code: str = "run_journal_corrupt") -> Problem:
    """Return the problem of a journal line that breaks a rule."""
    fix = "restore the file from the commit that wrote it: a journal is never edited by hand"
    return Problem(path=path, line=line, col=1, code=code, message=f"line {line}: {reason}", fix=fix)


class _Folding:
    """The fold in progress: what has been seen so far."""

    def __init__(self) -> None:
        self.status: str | None = None
        self.reason: str | None = None
        self.defined: Event = {}
        self.pin: Event | None = None
        self.started_at: str | None = None
        self.ended_at: str | None = None
        self.exit_code: int | None = None
        self.last: Event = {}
        self.steps: dict[int, str] = {}
        self.attempts: dict[int, int] = {}
        self.open: tuple[int, int] | None = None

    def fault(self, index: int, event: Event) -> tuple[str, str] | None:
        """Return code and reason when an event may not stand here."""
        type_ = event.get("type")
        reason: str | None
        if type_ not in TYPES:
            reason = f'"{shown(type_)}" is no type of event'
        elif event.get("seq") != index:
            reason = f"seq is {shown(event.get('seq'))}, {index} was expected"
        elif str(event.get("at", "")) < str(self.last.get("at", "")):
            reason = f"at {event.get('at')} is before the event above"
        elif self.status in TERMINAL:
            reason = f"{type_} follows the end of the run, which {self.status}"
        elif type_ == "ResolvedStepsRecorded" and self.pin is not None:
            return "run_pin_repeated", "the run's steps are pinned a second time"
        else:
            reason = self._transition_fault(event) or self._step_fault(event)
        return None if reason is None else ("run_journal_corrupt", reason)

    def _transition_fault(self, event: Event) -> str | None:
        type_ = event["type"]
        if type_ not in RUN_EVENTS:
            return None if self.status is not None else f"{type_} stands before RunDefined"
        if type_ not in TRANSITIONS[self.status]:
            return f"{type_} is not possible when the run is {self.status or 'not defined'}"
        if type_ == "RunFailed" and self.status == "suspended" and self.last.get("type") != "GateRejected":
            return "RunFailed of a suspended run follows GateRejected only"
        if type_ == "RunSucceeded" and self.open is not None:
            return f"RunSucceeded while step {self.open[0]} attempt {self.open[1]} is open"
        if type_ == "RunDefined" and not _is_subject(event.get("subject")):
            return "subject is not <kind>/<id>"
        return None

    def _step_fault(self, event: Event) -> str | None:
        rule = _STEP_RULES.get(event["type"])
        return None if rule is None else rule(self, event)

    def _pin_fault(self, _event: Event) -> str | None:
        return "the steps are pinned after a step began" if self.steps or self.open else None

    def _start_fault(self, event: Event) -> str | None:
        step, attempt = _place(event)
        if self.status != "running":
            return f"step {step} begins while the run is {self.status}"
        if self.open is not None:
            return f"step {step} begins while step {self.open[0]} attempt {self.open[1]} is open"
        if self.steps.get(step) == "succeeded":
            return f"step {step} begins although it has succeeded"
        return self._index_fault(step) or self._attempt_fault(step, attempt)

    def _closing_fault(self, event: Event) -> str | None:
        step, attempt = _place(event)
        if self.open is not None:
            if (step, attempt) != self.open:
                return f"{event['type']} of step {step} attempt {attempt} while {self.open[0]}.{self.open[1]} is open"
            return None
        if self.attempts.get(step) == attempt:
            return self._restated_fault(event, step)
        return self._index_fault(step) or self._attempt_fault(step, attempt)

    def _restated_fault(self, event: Event, step: int) -> str | None:
        """Refuse a second closing but for one restatement of a failure, by a probe or a decision."""
        if self.steps.get(step) == "succeeded":
            return f"step {step} is closed twice"
        if event["type"] != "StepSucceeded" or event.get("by") not in ("probe", "decision"):
            return f"step {step} attempt {self.attempts[step]} is closed twice"
        return None

    def _settling_fault(self, event: Event) -> str | None:
        step = int(event["step_index"])
        if self.open is not None:
            return f"{event['type']} of step {step} while step {self.open[0]} is open"
        if self.steps.get(step) in ("succeeded", "skipped", "carried"):
            return f"step {step} is done twice"
        return self._index_fault(step)

    def _index_fault(self, step: int) -> str | None:
        if self.pin is not None and step >= int(self.pin["step_count"]):
            return f"step_index {step} is outside the {self.pin['step_count']} pinned steps"
        return None

    def _attempt_fault(self, step: int, attempt: int) -> str | None:
        expected = self.attempts.get(step, 0) + 1
        return None if attempt == expected else f"attempt {attempt} of step {step}, {expected} was expected"

    def apply(self, event: Event) -> None:
        """Take an event that has no fault into account."""
        type_ = event["type"]
        if type_ in RUN_EVENTS:
            self._apply_run(event)
        elif type_ == "ResolvedStepsRecorded":
            self.pin = event
        elif type_ == "StepStarted":
            self.open = _place(event)
            self.attempts[self.open[0]] = self.open[1]
        elif type_ in CLOSING or type_ in SETTLING or type_ in _GATES:
            self._apply_step(event)
        self.last = event

    def _apply_run(self, event: Event) -> None:
        type_ = event["type"]
        self.status = TRANSITIONS[self.status][type_]
        self.reason = event.get("reason")
        if type_ == "RunDefined":
            self.defined, self.reason = event, None
        elif type_ == "RunStarted":
            self.started_at = event["at"]
        if self.status in TERMINAL:
            self.ended_at, self.exit_code, self.open = event["at"], event.get("exit_code"), None

    def _apply_step(self, event: Event) -> None:
        step = int(event["step_index"])
        self.steps[step] = _OUTCOMES[event["type"]]
        if "attempt" in event:
            self.attempts[step] = int(event["attempt"])
        self.open = None

    def state(self) -> RunState:
        return RunState(str(self.status), self.reason, self._header(), dict(self.steps), self.open)

    def _header(self) -> dict[str, Any]:
        defined = self.defined
        header: dict[str, Any] = {
            "schema": "run/1",
            "id": defined.get("run"),
            "subject": defined.get("subject"),
            "status": self.status,
            "reason": self.reason,
            "actor": defined.get("actor"),
            "attempt": defined.get("attempt", 1),
        }
        header |= {name: defined[name] for name in _PLACE_FIELDS if name in defined}
        if self.pin is not None:
            names = {"count": "step_count", "sha256": "steps_sha256", "source_blob": "source_blob"}
            header["steps"] = {short: self.pin.get(name) for short, name in names.items()}
        header |= {"started_at": self.started_at, "ended_at": self.ended_at, "exit_code": self.exit_code}
        return {
            key: value
            for key, value in header.items()
            if value is not None or key in _NULLABLE & set(defined)
        }


_NULLABLE: Final = frozenset({"branch", "base_commit"})
_GATES: Final = frozenset({"GateApproved", "GateRejected", "GateWaiting"})
_OUTCOMES: Final[Mapping[str, str]] = {
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
}
_STEP_RULES: Final[Mapping[str, Callable[[_Folding, Event], str | None]]] = {
    "ResolvedStepsRecorded": _Folding._pin_fault,
    "StepStarted": _Folding._start_fault,
    **dict.fromkeys(CLOSING, _Folding._closing_fault),
    **dict.fromkeys(SETTLING, _Folding._settling_fault),
}


def _place(event: Event) -> tuple[int, int]:
    return int(event["step_index"]), int(event["attempt"])


def _is_subject(value: object) -> bool:
    kind, slash, name = str(value).partition("/")
    return bool(slash) and kind in ("task", "job", "procedure") and bool(name)
