"""Compare a run's header with its journal, of which it is a projection. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from platformstate.codec import locate
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.errors import Problem, shown
from platformstate.policy.journal import Event, JournalBroken, fold


def header_differences(header: Mapping[str, Any], meta: Mapping[str, Any]) -> list[str]:
    """Return the fields in which a run.md and its folded journal differ, in order; `x-` keys are free."""
    fields = [*header, *(key for key in meta if key not in header and not key.startswith("x-"))]
    return [key for key in fields if key != "idempotency" and header.get(key) != meta.get(key)]


def run_actor(rows: Sequence[tuple[int, Event]], header: Mapping[str, Any] | None) -> str | None:
    """Return in whose name a run's checkpoints speak: its journal says it, else its header."""
    if rows and rows[0][1].get("type") == "RunDefined":
        return str(rows[0][1].get("actor"))
    return None if header is None else str(header.get("actor"))


def header_problems(header: Document[Any], rows: Sequence[tuple[int, Event]]) -> tuple[Problem, ...]:
    """Return the first field in which a run.md differs from what its journal folds to.

    A journal that breaks its own rules has its own finding and none here.
    """
    try:
        folded = fold([event for _, event in rows]).header
    except JournalBroken:
        return () if rows else (_header_problem(header, "status", "the run has no journal beside it"),)
    differing = header_differences(folded, header.meta)
    if not differing:
        return ()
    name = differing[0]
    has, says = shown(header.meta.get(name, "absent")), shown(folded.get(name, "absent"))
    others = f" (also: {', '.join(differing[1:])})" if differing[1:] else ""
    return (_header_problem(header, name, f'{name} is "{has}", the journal says "{says}"{others}'),)


def _header_problem(header: Document[Any], name: str, message: str) -> Problem:
    line, col = locate.position(header.source or "", KINDS["run"].container, f"/{name}")
    fix = "restore run.md from the commit that wrote it; it follows events.jsonl"
    return Problem(header.path, line, col, "run_header_differs", message, fix, f"/{name}")
