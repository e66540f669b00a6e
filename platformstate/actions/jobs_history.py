"""`jobs history`: what became of a job's slots, by its ledger and the range that this clone has open."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.job_specs import resolve_job
from platformstate.core.instants import moment_of
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL
from platformstate.policy.ledger import range_line
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store


def job_history(
    store: Store,
    prefix: str,
    *,
    limit: int = 20,
    since: str | None = None,
    until: str | None = None,
    status: str | None = None,
    runs_only: bool = False,
) -> Answer:
    """Return what became of a job's slots, newest first; a range that goes on has `open: true`.

    Raises: job_not_found, usage_invalid.
    """
    name = resolve_job(store, prefix)
    _refuse_no_stretch(since, until)
    _refuse_unknown(status)
    lines = [*read_ledger(WorkTree(store.root), name), *_open_range(store, name)]
    wanted = [
        line
        for line in reversed(lines)
        if (since is None or line["at"] >= since)
        and (until is None or line["at"] < until)
        and status in (None, line["status"])
        and (not runs_only or line["status"] in TERMINAL)
    ]
    return Answer({"job": name, "items": wanted[:limit], "truncated": len(wanted) > limit})


def _refuse_no_stretch(since: str | None, until: str | None) -> None:
    given = {flag: text for flag, text in (("--since", since), ("--until", until)) if text is not None}
    bounds = [moment_of(flag, text) for flag, text in given.items()]
    if bounds != sorted(bounds):
        message = f"--until {until} lies before --since {since}"
        raise StateError("usage_invalid", message, hint=f"--since {until} --until {since}")


def _refuse_unknown(status: str | None) -> None:
    if status is None:
        return
    from platformstate.entities.choices import CHOICES

    known = CHOICES["Ledger.status"]
    if status not in known:
        message = f"--status {shown(status)} is none of {', '.join(known)}"
        meant = get_close_matches(status, known, 1) or known
        raise StateError("usage_invalid", message, hint=f"--status {meant[0]}")


def _open_range(store: Store, name: str) -> list[dict[str, Any]]:
    """Return the range of slots that do not run and that goes on, as the line that it would be now."""
    cursor = JobFiles(store.repository.common_dir, name).cursor() or {}
    said = cursor.get("open")
    if not isinstance(said, dict):
        return []
    line = range_line(
        name,
        str(said.get("status")),
        said.get("reason"),
        (str(said.get("slot")), str(said.get("to")), int(said.get("slot_count", 0))),
        at=store.now(),
        actor=store.actor,
        schedule=str(said.get("schedule") or cursor.get("schedule")),
    )
    return [{**line, "open": True}]
