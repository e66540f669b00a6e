"""Which files a sync reads and which rows it replaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from platformstate.core.tree import Entry
from platformstate.errors import Problem
from platformstate.exporter.decision import Decision
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.exporter.source import Source
from platformstate.exporter.units import is_judged, subject_file, unit_of

Inventory = Mapping[str, tuple[str, int]]


class Work(NamedTuple):
    """What one sync has to do; `units` is None when every row of the store may be replaced.

    `changed` and `removed` count files that are exported.
    """

    entries: list[Entry]
    units: frozenset[str] | None
    changed: int
    removed: int


def planned(decision: Decision, source: Source, old_tree: str, inventory: Inventory) -> Work:
    """Return the files to read and the units that they touch."""
    if decision.method == "head":
        return Work([], frozenset(), 0, 0)
    if decision.method == "difference":
        return _of_difference(source, [path for path in source.changed(old_tree) if is_judged(path)])
    exported = [entry for entry in source.listing() if is_judged(entry.path)]
    if decision.method == "everything":
        return Work(exported, None, len(exported), len(inventory.keys() - {entry.path for entry in exported}))
    return _of_inventory(exported, inventory)


def _of_difference(source: Source, changed: Sequence[str]) -> Work:
    units = _units(changed)
    entries = (
        [entry for entry in source.listing(_places(units)) if _unit(entry.path) in units] if units else []
    )
    present = {entry.path for entry in entries}
    removed = sum(path not in present for path in changed)
    return Work(entries, units, len(changed) - removed, removed)


def _of_inventory(exported: Sequence[Entry], inventory: Inventory) -> Work:
    now = {entry.path: (entry.oid or "", PARSER_VERSION) for entry in exported}
    changed = [path for path, known in now.items() if inventory.get(path) != known]
    removed = [path for path in inventory if path not in now]
    units = _units([*changed, *removed])
    entries = [entry for entry in exported if _unit(entry.path) in units]
    return Work(entries, units, len(changed), len(removed))


def _units(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_unit, paths))


def _unit(path: str) -> str:
    unit = unit_of(path)
    return path if unit is None else unit.path


def _places(units: frozenset[str]) -> list[str]:
    """Return what to list for each unit: its file, or a run's whole folder."""
    return sorted(path.removesuffix("/run.md") for path in units)


def orphans(work: Work, source: Source) -> list[Problem]:
    """Return the units that stay or come although the document of their subject is not there."""
    needed = {entry.path: subject for entry in work.entries if (subject := subject_file(entry.path))}
    here = {entry.path for entry in work.entries}
    asked = sorted(set(needed.values()) - here)
    here |= {entry.path for entry in source.listing(asked)} if asked else set()
    gone = [
        path for path in work.units or () if path not in here and path.count("/") == 3 and subject_of(path)
    ]
    left = list(source.listing([_folder(path) for path in gone])) if gone else []
    needed |= {entry.path: subject for entry in left if (subject := subject_file(entry.path))}
    return [_orphan(path, needed[path]) for path in _mains(needed) if needed[path] not in here]


def subject_of(path: str) -> bool:
    """Say whether a unit is a task's, job's or procedure's document."""
    unit = unit_of(path)
    return unit is not None and unit.table in ("task", "job", "procedure")


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _mains(paths: Iterable[str]) -> list[str]:
    """Return the paths that hold rows: of a run's parts its header alone."""
    return sorted(path for path in paths if _unit(path) == path)


def _orphan(path: str, subject: str) -> Problem:
    message = f"{subject} is not there, to which this belongs"
    return Problem(path, 1, 1, "reference_dangling", message, f"restore {subject}, or remove this with it")
