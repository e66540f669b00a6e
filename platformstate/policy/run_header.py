"""Compare a run's header with its journal, of which it is a projection. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from platformstate.codec import locate
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.errors import Problem, shown
from platformstate.policy.journal import RUN_EVENTS, Event, JournalBroken, fold


def header_differences(header: Mapping[str, Any], meta: Mapping[str, Any]) -> list[str]:
    """Return the fields in which a run.md and its folded journal differ, in order; `x-` keys are free."""
    fields = [*header, *(key for key in meta if key not in header and not key.startswith("x-"))]
    return [key for key in fields if key != "idempotency" and header.get(key) != meta.get(key)]


# What a run.md says otherwise as its run goes on.
CHANGING: Final = frozenset({"status", "reason", "steps", "started_at", "ended_at", "exit_code"})
_LAGGING: Final = frozenset({"status", "reason"})
_STATUS_AFTER: Final = {"RunStarted": "running", "RunResumed": "running", "RunSuspended": "suspended"}


def _lags(meta: Mapping[str, Any], events: Sequence[Event]) -> bool:
    """Say whether a header tells of a running run as it was before it was resumed.

    A resume is no boundary: `run.md` follows the journal at the next commit.
    """
    said = [event for event in events if event["type"] in RUN_EVENTS]
    if said[-1]["type"] != "RunResumed":
        return False
    has = (meta.get("status"), meta.get("reason"))
    while said[-1]["type"] == "RunResumed" or said[-1].get("reason") == "crashed":
        said.pop()
        if has == (_STATUS_AFTER[said[-1]["type"]], said[-1].get("reason")):
            return True
    return False


def run_actor(rows: Sequence[tuple[int, Event]], header: Mapping[str, Any] | None) -> str | None:
    """Return in whose name a run's checkpoints speak: its journal says it, else its header."""
    if rows and rows[0][1].get("type") == "RunDefined":
        return str(rows[0][1].get("actor"))
    return None if header is None else str(header.get("actor"))


def header_problems(header: Document[Any], rows: Sequence[tuple[int, Event]]) -> tuple[Problem, ...]:
    """Return the first field in which a run.md differs from what its journal folds to.

    A journal that breaks its own rules has its own finding and none here.
    """
    events = [event for _, event in rows]
    try:
        folded = fold(events).header
    except JournalBroken:
        return () if rows else (_header_problem(header, "status", "the run has no journal beside it"),)
    differing = header_differences(folded, header.meta)
    if not differing or (set(differing) <= _LAGGING and _lags(header.meta, events)):
        return ()
    name = differing[0]
    has, says = shown(header.meta.get(name, "absent")), shown(folded.get(name, "absent"))
    others = f" (also: {', '.join(differing[1:])})" if differing[1:] else ""
    return (_header_problem(header, name, f'{name} is "{has}", the journal says "{says}"{others}'),)


def _header_problem(header: Document[Any], name: str, message: str) -> Problem:
    line, col = locate.position(header.source or "", KINDS["run"].container, f"/{name}")
    fix = "restore run.md from the commit that wrote it; it follows events.jsonl"
    return Problem(header.path, line, col, "run_header_differs", message, fix, f"/{name}")
