"""Which acts of an operator a change holds: what a reviewer of a range has to be told of. Pure.

Anybody can write such an act into a file. So each one is named, and where signers are set its
commit has to be signed by one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from platformstate.codec import locate
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.errors import Problem, shown
from platformstate.policy.history import FileHistory

_APPROVAL: Final = b'"GateApproved"'


def operator_acts(change: FileHistory) -> tuple[Problem, ...]:
    """Return a warning for each act that stands in none of the versions before."""
    place = places.place_of(change.path)
    kind = "" if place is None else place.kind
    if kind == "event" and change.after is not None:
        return tuple(_approvals(change, change.after))
    if change.document is None:
        return ()
    if kind == "task":
        return tuple(_waivers(change, change.document))
    if kind == "evidence":
        return tuple(_proofs(change, change.document))
    return tuple(_live_database(change, change.document)) if kind == "store" else ()


def _waivers(change: FileHistory, document: Document[Any]) -> Iterator[Problem]:
    known = set[str]().union(*(_waived(meta) for meta in change.before_meta if meta is not None))
    for index, criterion in enumerate(document.meta.get("acceptance", ())):
        if criterion["state"] == "waived" and criterion["id"] not in known:
            reason = shown(criterion.get("reason", "no reason given"))
            message = f"{criterion['id']} was waived: {reason}"
            yield _act(document, f"/acceptance/{index}/state", message)


def _waived(meta: Mapping[str, Any]) -> set[str]:
    return {each["id"] for each in meta.get("acceptance", ()) if each["state"] == "waived"}


def _proofs(change: FileHistory, document: Document[Any]) -> Iterator[Problem]:
    if document.meta["type"] == "operator" and all(before is None for before in change.before):
        by, note = shown(document.meta["by"]), shown(document.meta["note"])
        yield _act(document, "/note", f"evidence of an operator, {by}: {note}")


def _live_database(change: FileHistory, document: Document[Any]) -> Iterator[Problem]:
    now = document.meta.get("live_database")
    before = [None if meta is None else meta.get("live_database") for meta in change.before_meta]
    if now not in (before or [None]):
        pointer = "/live_database" if now is not None else ""
        yield _act(document, pointer, "live_database says another database is the live one")


def _approvals(change: FileHistory, after: bytes) -> Iterator[Problem]:
    """Yield the gates that were approved in lines which no version before has."""
    known = max((len(each) for each in change.before if each and after.startswith(each)), default=0)
    first = after.count(b"\n", 0, known) + 1
    for number, line in enumerate(after[known:].split(b"\n"), first):
        if _APPROVAL in line and (event := _event(line)).get("type") == "GateApproved":
            by, step = shown(event.get("actor")), event.get("step_index")
            message = f"the gate of step {shown(step)} was approved by {by}"
            yield _warning(change.path, number, 1, message, "")


def _event(line: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _act(document: Document[Any], pointer: str, message: str) -> Problem:
    container = KINDS[document.kind.name].container
    line, col = locate.position(document.source or "", container, pointer)
    return _warning(document.path, line, col, message, pointer)


def _warning(path: str, line: int, col: int, message: str, pointer: str) -> Problem:
    fix = "make sure that an operator did this; it is in no command's power to tell"
    return Problem(path, line, col, "operator_act", message, fix, pointer, "warning")
