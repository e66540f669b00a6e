"""Where a run stands, in one value: what the brief, `run show` and a resume's answer are made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from platformstate.entities.step import Step, is_side_effecting
from platformstate.policy.journal import TERMINAL, RunState
from platformstate.policy.pin import Pin
from platformstate.policy.settle import Action, foreseen
from platformstate.policy.walking import AttemptFacts, cursor, is_done, situation


class RunFacts(NamedTuple):
    """What lies beside a run's journal, gathered by whoever asks.

    Of a task's run `dead` says that its process is proven to be, `expired` that its lease has run out. `committed_seq` is the last event that
    HEAD holds, None when it holds none.
    """

    attempt: AttemptFacts = AttemptFacts()
    dead: bool = False
    expired: bool = False
    drift: bool | None = None
    pin_verified: bool | None = None
    last_seq: int = 0
    committed_seq: int | None = None
    stale_possible: bool = False


# What an action asks of a person or a command. RUN after a failure asks to mend something first.
_NEXT: Final[Mapping[Action, str]] = {
    Action.SKIP: "resume",
    Action.REFUSE: "wait",
    Action.ADOPT: "resume",
    Action.PROBE: "resume",
    Action.RECORD_DONE: "resume",
    Action.RECORD_ABSENT: "resume",
    Action.RUN: "resume",
    Action.DECIDE: "decide",
    Action.ASK: "resume",
    Action.STOP: "fix",
}
_MENDED: Final = frozenset({"step_failed", "check_failed", "journal_full"})
# A journal without room takes no step: another run has to follow.
_FOLLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "procedure": ("platformctl procedure conduct {id} --supersedes {run}",),
    "job": ("platformctl run abort {run} --reason TEXT", "platformctl jobs run {id}"),
}
_COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "resume": ("platformctl run resume {run}",),
    "decide": ("platformctl run decide {run} redo|done|skip|abort --reason TEXT",),
    "approve": ("platformctl run approve {run}", "platformctl run reject {run} --reason TEXT"),
    "begin_step": ("platformctl run step begin {run}",),
    "end_step": ("platformctl run step end {run} --outcome succeeded",),
    "fix": ("platformctl run steps {run}", "platformctl run resume {run}"),
    "wait": ("platformctl run tail {run} -f",),
}


def condition(state: RunState, facts: RunFacts) -> str | None:
    """Return crashed or stalled for a run that says it runs but of which nobody is left."""
    if state.status != "running":
        return None
    header = state.header
    if not header["subject"].startswith("task/"):
        return None if facts.attempt.locked else "crashed"
    if facts.attempt.locked:
        return None
    return "crashed" if facts.dead else "stalled" if facts.expired else None


def next_action(state: RunState, pin: Pin | None, facts: RunFacts) -> str:
    """Return who has to do what next: none, resume, decide, approve, begin_step, end_step, fix or wait."""
    if state.status in TERMINAL or pin is None:
        return "none"
    at_task = state.header["subject"].startswith("task/")
    if facts.attempt.locked and not at_task:
        return "wait"
    index = cursor(pin.steps, state.walk)
    if index is None:
        return "none" if at_task else "resume"
    step = pin.steps[index]
    action = foreseen(situation(step, state.walk.at(index), facts.attempt))
    if action in (Action.WAIT, Action.BEGIN):
        return _awaited(action, step, crashed=state.status == "running" and not at_task)
    if action is Action.RUN and state.status == "suspended" and state.reason in _MENDED:
        return "fix"
    return _NEXT[action]


def _awaited(action: Action, step: Step, *, crashed: bool) -> str:
    if crashed:
        return "resume"
    if step.kind == "gate":
        return "approve"
    return "begin_step" if action is Action.BEGIN else "end_step"


def stopped_at(state: RunState, pin: Pin | None, facts: RunFacts) -> dict[str, Any] | None:
    """Return the step at which a run stands, None when none is left or none was pinned."""
    index = None if pin is None else cursor(pin.steps, state.walk)
    if pin is None or index is None:
        return None
    step, known = pin.steps[index], state.walk.at(index)
    return {
        "step_index": index,
        "key": step.key,
        "kind": step.kind,
        "attempt": known.last.number if known.last else 0,
        "outcome": "in_flight" if known.outcome == "open" else known.outcome,
        "side_effecting": is_side_effecting(step),
        "receipt": facts.attempt.receipt in ("success", "failure"),
        "since": known.since,
    }


def standing(state: RunState, pin: Pin | None, facts: RunFacts) -> dict[str, Any]:
    """Return where a run stands, as `run show` and the brief have it."""
    action = next_action(state, pin, facts)
    run, subject = state.header["id"], state.header["subject"]
    kind, _, name = subject.partition("/")
    named = f"{name}/{run}" if kind == "job" else run
    is_full = action == "fix" and state.reason == "journal_full"
    commands = _FOLLOWED.get(kind, ()) if is_full else _COMMANDS[action]
    return {
        "run": named,
        "subject": subject,
        "status": state.status,
        "condition": condition(state, facts),
        "reason": state.reason,
        "locked": facts.attempt.locked,
        "steps_total": None if pin is None else len(pin.steps),
        "steps_done": None if pin is None else steps_done(state, pin),
        "stopped_at": stopped_at(state, pin, facts),
        "next_action": action,
        "next": [command.format(run=named, id=name) for command in commands],
        "drift": facts.drift,
        "pin_verified": facts.pin_verified,
        "chain_verified_to_seq": facts.last_seq,
        "committed_to_seq": facts.committed_seq,
        "stale_possible": facts.stale_possible,
    }


def steps_done(state: RunState, pin: Pin) -> int:
    """Return how many of the pinned steps need nothing more."""
    return sum(is_done(step, state.walk) for step in pin.steps)
