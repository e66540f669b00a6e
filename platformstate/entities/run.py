"""Runs at tasks: the events that open one, and how one is shown. No disk, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

UNCOUPLED: Final = "none"
OPEN: Final = ("defined", "running", "suspended")
PLACE: Final = ("host", "clone", "worktree")
_SHOWN: Final = ("fence", "coupling", "rescues", "started_at", "ended_at", "reason", "exit_code")


class Place(NamedTuple):
    """Where a run works: host, clone, the worktree's name, its branch, and the holder's process."""

    host: str
    clone: str
    worktree: str
    branch: str | None
    base_commit: str | None
    boot_id: str
    pid: int


def opening(run: str, task: str, actor: str, attempt: int, place: Place, at: str) -> list[dict[str, Any]]:
    """Return the events with which an agent's own checkpoint opens a run: no claim, no fence."""
    defined = {
        "type": "RunDefined",
        "at": at,
        "run": run,
        "subject": f"task/{task}",
        "actor": actor,
        "attempt": attempt,
        "coupling": UNCOUPLED,
        "host": place.host,
        "clone": place.clone,
        "worktree": place.worktree,
        "branch": place.branch,
        "base_commit": place.base_commit,
    }
    holder = {
        "actor": actor,
        "boot_id": place.boot_id,
        "clone": place.clone,
        "host": place.host,
        "pid": place.pid,
    }
    return [defined, {"type": "RunStarted", "at": at, "holder": holder}]


def works_here(header: Mapping[str, Any], actor: str, place: Place) -> bool:
    """Say whether a run is open and is this actor's in this worktree of this clone."""
    here = (place.host, place.clone, place.worktree)
    same_place = tuple(header.get(name) for name in PLACE) == here
    return header["status"] in OPEN and header["actor"] == actor and same_place


def row(header: Mapping[str, Any], checkpoints: int, condition: str | None = None) -> dict[str, Any]:
    """Return a run as it stands in a list; its condition is what was found out beside the record."""
    return {
        "id": header["id"],
        "actor": header["actor"],
        "attempt": header.get("attempt"),
        "status": header["status"],
        "condition": condition,
        **{name: header.get(name) for name in _SHOWN},
        "checkpoints": checkpoints,
    }
