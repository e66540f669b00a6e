"""Where a run's walk through its pinned steps stands, and what follows from that. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.entities.step import CheckStep, CommandStep, ManualStep, Step, call_path, has_effect
from platformstate.policy.pin import step_sha256
from platformstate.policy.settle import Situation
from platformstate.policy.steps import CLOSING, Event, StepState, Walk

CHECKPOINT_COMMIT_S: Final = 10
STEP_COMMIT_S: Final = 60
MAX_RETRY_DELAY_S: Final = 300
_ALWAYS_COMMITTED: Final = frozenset(
    {"RunStarted", "RunSuspended", "RunSucceeded", "RunFailed", "RunAborted"}
)


class AttemptFacts(NamedTuple):
    """What the places outside the journal say of a run's open attempt."""

    receipt: str = "none"
    start_mark: bool = False
    place: str = "same"
    locked: bool = False
    probe: str = "unasked"


def situation(step: Step, state: StepState, facts: AttemptFacts) -> Situation:
    """Return what the resume table asks about a step."""
    last = state.last
    code = last.closing.get("exit_code") if last is not None else None
    safe = isinstance(step, CommandStep) and code is not None and code in step.retry_safe_rc
    probed = isinstance(step, CommandStep) and step.done_when is not None
    return Situation(
        kind=step.kind,
        idempotent=isinstance(step, CommandStep | ManualStep) and step.idempotent,
        probe=facts.probe if probed else "absent",
        outcome=state.outcome,
        receipt=facts.receipt,
        start_mark=facts.start_mark,
        place=facts.place,
        locked=facts.locked,
        decision="none" if state.decision is None else str(state.decision["answer"]),
        rc_class="safe" if safe else "other",
    )


def is_done(step: Step, walk: Walk) -> bool:
    """Say whether a step needs nothing more."""
    return step.pinned_skip or walk.at(step.index).done


def cursor(steps: Sequence[Step], walk: Walk) -> int | None:
    """Return the first index that is not done, None when all are."""
    return next((step.index for step in steps if not is_done(step, walk)), None)


def where(steps: Sequence[Step], walk: Walk, index: int) -> dict[str, Any]:
    """Return where one step stands, as a checkpoint records it."""
    known = walk.at(index)
    outcome = "in_flight" if known.outcome == "open" else known.outcome
    attempt = known.last.number if known.last else 1
    return {"step_index": index, "key": steps[index].key, "attempt": attempt, "outcome": outcome}


def trailing(steps: Sequence[Step], walk: Walk) -> tuple[int, ...]:
    """Return the checks that held and must be made again before a run goes on.

    These are the ones after the last effect, and those that ask for it always.
    """
    effects = (step.index for step in steps if has_effect(step) and walk.outcome(step.index) in _LASTING)
    last_effect = max(effects, default=-1)
    return tuple(
        step.index
        for step in steps
        if isinstance(step, CheckStep)
        and walk.outcome(step.index) == "succeeded"
        and (step.recheck == "always" or (step.recheck == "trailing" and step.index > last_effect))
    )


_LASTING: Final = frozenset({"succeeded", "carried"})


class Carried(NamedTuple):
    """Which steps of a new list were done in an old one, and which of the rest stand before such a one."""

    pairs: tuple[tuple[int, int], ...]
    before: tuple[int, ...]


def carry(old: Sequence[Step], walk: Walk, new: Sequence[Step]) -> Carried:
    """Return (new index, old index) of each done command and manual step that an equal one stands for.

    Each old step is carried once, in order. `before` names the steps that would be run although they
    stand before a carried one.
    """
    done: defaultdict[str, deque[int]] = defaultdict(deque)
    for step in old:
        if has_effect(step) and walk.at(step.index).done:
            done[step_sha256(step)].append(step.index)
    pairs = []
    left = []
    for step in new:
        if step.pinned_skip or not has_effect(step):
            continue
        equal = done.get(step_sha256(step))
        if equal:
            pairs.append((step.index, equal.popleft()))
        else:
            left.append(step.index)
    last = pairs[-1][0] if pairs else -1
    return Carried(tuple(pairs), tuple(index for index in left if index < last))


def captors(steps: Sequence[Step]) -> dict[str, list[CommandStep]]:
    """Return the steps that capture something, by the call that they stand in."""
    found: dict[str, list[CommandStep]] = {}
    for step in steps:
        if isinstance(step, CommandStep) and step.capture:
            found.setdefault(call_path(step.key), []).append(step)
    return found


def captures(
    captors: Mapping[str, Sequence[CommandStep]], walk: Walk, step: Step, carried: Mapping[int, str]
) -> dict[str, str]:
    """Return what earlier steps of the same call captured, by name.

    `carried` holds what the carried steps captured in the run in which they were done.
    """
    given = {}
    for other in captors.get(call_path(step.key), ()):
        text = walk.at(other.index).captured
        text = carried.get(other.index) if text is None else text
        if other.index < step.index and text is not None:
            given[str(other.capture)] = text
    return given


def boundary(event: Event, last_commit: float | None, now: float) -> bool:
    """Say whether a run is committed after an event; times are seconds of one clock."""
    if event["type"] in _ALWAYS_COMMITTED:
        return True
    age = float("inf") if last_commit is None else now - last_commit
    if event["type"] == "CheckpointRecorded":
        return age >= CHECKPOINT_COMMIT_S
    return event["type"] in CLOSING and age >= STEP_COMMIT_S


def retry_delay(step: CommandStep, spent: int, exit_code: int | None) -> int | None:
    """Return after how many seconds a failed command is tried again within the conduct, None if it is not.

    `spent` counts the retries so far; `exit_code` is None for an attempt that ran out of time.
    """
    harmless = step.idempotent or (exit_code is not None and exit_code in step.retry_safe_rc)
    if spent >= step.retries or not harmless:
        return None
    return min(step.retry_delay << spent, MAX_RETRY_DELAY_S)
