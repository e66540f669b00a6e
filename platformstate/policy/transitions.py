"""Rules between two versions of a record: which status may follow which, and what a new one asks for. Pure.

A change may hold many steps, as a squashed branch does: what counts is that the lifecycle has a way
from the old status to the new one.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from platformstate.codec import locate
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.errors import Problem, shown

Meta = Mapping[str, Any]
Fault = tuple[str, str, str]
"""Code, message and fix."""

_REFUSED: Final = {"task": "task_transition_refused", "run": "run_transition_refused"}
_NEEDS_REASON: Final = ("parked", "retired")


def transition_problems(
    before: Sequence[Meta], document: Document[Any], *, worked: bool = False
) -> list[Problem]:
    """Return what the change from earlier versions to a record breaks.

    At a merge there are several earlier versions, and one that allows the new status is enough; for
    a new record there is none, and only what the status itself asks for is judged. A task that was
    `worked` on in the same change, as a squashed branch may have it, has outlived why it was reopened.
    """
    if document.kind.name not in _REFUSED:
        return []
    if not before:
        return [_problem(document, fault) for fault in _entry(None, document)]
    found = [
        [*(_problem(document, fault) for fault in _faults(old, document, worked)), *_criteria(old, document)]
        for old in before
    ]
    return found[0] if all(found) else []


def _criteria(old: Meta, document: Document[Any]) -> list[Problem]:
    if document.kind.name != "task" or old.get("acceptance") == document.meta.get("acceptance"):
        return []
    from platformstate.policy.evidence_rules import criterion_changes  # most changes leave criteria alone

    return criterion_changes(old, document)


def reachable(states: Mapping[str, Sequence[str]], start: str) -> frozenset[str]:
    """Return the states that a lifecycle leads to from one of its states, by any number of steps."""
    found, queue = {start}, [start]
    for state in queue:
        fresh = [after for after in states.get(state, ()) if after not in found]
        found.update(fresh)
        queue.extend(fresh)
    return frozenset(found)


def _faults(old: Meta, document: Document[Any], worked: bool) -> Iterator[Fault]:
    lifecycle = KINDS[document.kind.name].lifecycle
    was, now = str(old.get("status")), str(document.meta["status"])
    if lifecycle is None or was == now:
        return
    allowed = reachable(lifecycle.states, was)
    if was in lifecycle.states and now not in allowed:
        listed = ", ".join(sorted(allowed - {was})) or "nothing else"
        message = f"status went from {shown(was)} to {now}; from there it may become {listed}"
        yield _REFUSED[document.kind.name], message, f"restore status: {was}"
        return
    yield from _entry(was, document, worked)


def _entry(was: str | None, document: Document[Any], worked: bool = False) -> Iterator[Fault]:
    if document.kind.name != "task":
        return
    now = str(document.meta["status"])
    is_reopened = (was, now) == ("done", "ready") and not worked
    if (now in _NEEDS_REASON or is_reopened) and not str(document.meta.get("status_reason", "")).strip():
        message = f"status became {now} without a reason"
        yield "transition_reason_missing", message, "say why in status_reason"
    if now in _ENTRIES and was != now:
        yield from _ENTRIES[now](document)


def _ready(document: Document[Any]) -> Iterator[Fault]:
    if not document.meta.get("acceptance"):
        name = shlex.quote(str(document.meta["id"]))
        message = "status became ready, and no criterion says what will prove the task"
        yield "task_has_no_criteria", message, f'platformctl task update {name} --accept "TEXT::PROOF"'


def _live(document: Document[Any]) -> Iterator[Fault]:
    criteria = document.meta.get("acceptance", ())
    if not any(each["proof"] == "live" and each["state"] == "met" for each in criteria):
        now = document.meta["status"]
        message = f"status became {now}, and no criterion of proof live is met"
        yield "task_transition_refused", message, "restore the status; live proof comes first"


_ENTRIES: Final[Mapping[str, Callable[[Document[Any]], Iterator[Fault]]]] = {
    "ready": _ready,
    "deployed": _live,
    "observed": _live,
}


def _problem(document: Document[Any], fault: Fault) -> Problem:
    code, message, fix = fault
    pointer = "/acceptance" if code == "task_has_no_criteria" else "/status"
    container = KINDS[document.kind.name].container
    line, col = locate.position(document.source or "", container, pointer)
    return Problem(document.path, line, col, code, message, fix, pointer)
