"""Which file of a store belongs to which unit, and which table a unit's rows go to. Pure.

A unit is a file, but for a run: its header, receipt, pinned steps and summary and the names of its logs
and artifacts make one row. A touched unit replaces its rows, an absent one deletes them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from platformstate.core.places import Place, place_of, run_path
from platformstate.policy.tree_rules import is_foreign

_FILE_TABLES: Final = {
    "task": "task",
    "job": "job",
    "procedure": "procedure",
    "checkpoint": "task_checkpoint",
    "event": "run_event",
    "ledger": "job_run",
    "evidence": "evidence",
    "template": "packet_template",
}
_RUN_PARTS: Final = frozenset({"run", "receipt", "resolved_steps", "summary", "log", "artifact"})
NAMED_ONLY: Final = frozenset({"log", "artifact"})
SUBJECT_TABLES: Final = frozenset({"task", "job", "procedure"})
# Places of the layout that no table holds, and where they are instead.
NOT_EXPORTED: Final = {"store": "gives the store's id", "schema_copy": "a copy of what the program brings"}


class Unit(NamedTuple):
    """A unit: the path that its rows name as their source, and their table."""

    path: str
    table: str


@lru_cache(maxsize=1 << 14)
def unit_of(path: str) -> Unit | None:
    """Return the unit that a path of the repository belongs to, None for one that is not exported."""
    place = place_of(path)
    if place is None:
        return None
    if place.kind in _RUN_PARTS:
        return _run_unit(place)
    table = _FILE_TABLES.get(place.kind)
    return None if table is None else Unit(path, table)


def _run_unit(place: Place) -> Unit:
    subject, run = place.subject or "", place.run or place.id
    return Unit(run_path(subject, run), f"{subject.partition('/')[0]}_run")


def is_judged(path: str) -> bool:
    """Say whether a path is exported, or stands in a folder of ours without a place there and is refused."""
    return unit_of(path) is not None or (place_of(path) is None and not is_foreign(path))


def subject_file(path: str) -> str | None:
    """Return the document without which a unit may not be there: a run's, checkpoint's, ledger's subject."""
    place = place_of(path)
    if place is None or place.subject is None or place.kind in SUBJECT_TABLES:
        return None
    kind, _, name = place.subject.partition("/")
    return f"state/{kind}s/{name}/{kind}.md"
