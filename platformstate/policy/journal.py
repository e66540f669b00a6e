"""The state machine of a run: fold its journal, and say where it breaks its own rules. Pure.

What it says of steps is `steps`. The journal is the authority; `run.md` is a projection of it. Reading continues at the first fault
only to report it: a journal with a fault folds to nothing. The hash chain is `codec.journal`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.errors import Problem, shown
from platformstate.policy.steps import OUTCOMES, Walk
from platformstate.policy.steps import Event as Event

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
OTHER_EVENTS: Final = frozenset(
    {
        "ResolvedStepsRecorded",
        "RetryScheduled",
        "ArtifactRecorded",
        "DecisionRecorded",
        "JournalRepaired",
        "CommitDeferred",
    }
)
TYPES: Final = RUN_EVENTS | frozenset(OUTCOMES) | OTHER_EVENTS

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
    steps: Mapping[int, str]
    open_attempt: tuple[int, int] | None
    walk: Walk
    holder: Event | None
    stopped_at: int | None


class JournalBroken(ValueError):
    """A journal whose events break the rules was asked to be folded; `index` counts from 0."""

    def __init__(self, index: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.index, self.code, self.reason = index, code, reason


def fold(events: Sequence[Event]) -> RunState:
    """Return the state of the run that these events make. Raises JournalBroken at the first bad one."""
    folding = Folding()
    for event in events:
        folding.take(event)
    if folding.status is None:
        raise JournalBroken(0, "run_journal_corrupt", "the journal is empty")
    return folding.state()


def journal_problems(rows: Sequence[tuple[int, Event]], path: str) -> tuple[Problem, ...]:
    """Return the first fault of a journal's events as a problem; `rows` are (line, event)."""
    return folded(rows, path)[1]


def folded(
    rows: Sequence[tuple[int, Event]], path: str
) -> tuple[RunState, tuple[()]] | tuple[None, tuple[Problem]]:
    """Return the state that a journal's rows make, or else their first fault."""
    try:
        return fold([event for _, event in rows]), ()
    except JournalBroken as broken:
        line = rows[broken.index][0] if rows else 1
        return None, (journal_problem(path, line, broken.reason, broken.code),)


def journal_problem(path: str, line: int, reason: str, code: str = "run_journal_corrupt") -> Problem:
    """Return the problem of a journal line that breaks a rule."""
    fix = "restore the file from the commit that wrote it: a journal is never edited by hand"
    return Problem(path=path, line=line, col=1, code=code, message=f"line {line}: {reason}", fix=fix)


class Folding:
    """A fold in progress: what has been seen so far, for a journal that grows while it is read."""

    def __init__(self) -> None:
        self.status: str | None = None
        self.reason: str | None = None
        self.defined: Event = {}
        self.count = 0
        self.started_at: str | None = None
        self.ended_at: str | None = None
        self.exit_code: int | None = None
        self.last: Event = {}
        self.walk = Walk()
        self.holder: Event | None = None
        self.stopped_at: int | None = None

    def take(self, event: Event) -> None:
        """Take the next event into account. Raises JournalBroken when it may not stand here."""
        fault = self.fault(self.count, event)
        if fault is not None:
            raise JournalBroken(self.count, *fault)
        self.apply(event)
        self.count += 1

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
        elif type_ == "ResolvedStepsRecorded" and self.walk.pin is not None:
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
        if type_ == "RunSucceeded" and self.walk.open is not None:
            index, attempt = self.walk.open
            return f"RunSucceeded while step {index} attempt {attempt} is open"
        if type_ == "RunDefined" and not _is_subject(event.get("subject")):
            return "subject is not <kind>/<id>"
        return None

    def _step_fault(self, event: Event) -> str | None:
        if event["type"] == "StepStarted" and self.status == "suspended" and "actor" not in event:
            return f"step {event['step_index']} begins while the run is suspended"
        return self.walk.fault(event, self.status)

    def apply(self, event: Event) -> None:
        """Take an event that has no fault into account."""
        type_ = event["type"]
        if type_ in RUN_EVENTS:
            self._apply_run(event)
        else:
            self.walk.apply(event)
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
            self.ended_at, self.exit_code = event["at"], event.get("exit_code")
        if type_ in ("RunSuspended", "RunFailed"):
            self.stopped_at = event.get("step_index")
        self.holder = event.get("holder", self.holder)

    def state(self) -> RunState:
        """Return the state so far; its walk goes on with the fold."""
        steps = {index: step.outcome for index, step in self.walk.steps.items() if step.outcome != "open"}
        open_attempt = None if self.status in TERMINAL else self.walk.open
        return RunState(
            str(self.status),
            self.reason,
            self._header(),
            steps,
            open_attempt,
            self.walk,
            self.holder,
            self.stopped_at,
        )

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
        if self.walk.pin is not None:
            names = {"count": "step_count", "sha256": "steps_sha256", "source_blob": "source_blob"}
            header["steps"] = {short: self.walk.pin.get(name) for short, name in names.items()}
        header |= {"started_at": self.started_at, "ended_at": self.ended_at, "exit_code": self.exit_code}
        return {
            key: value
            for key, value in header.items()
            if value is not None or key in _NULLABLE & set(defined)
        }


_NULLABLE: Final = frozenset({"branch", "base_commit"})


def _is_subject(value: object) -> bool:
    kind, slash, name = str(value).partition("/")
    return bool(slash) and kind in ("task", "job", "procedure") and bool(name)
