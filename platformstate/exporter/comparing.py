"""What a sync would do, found by reading alone: the numbers of a dry run."""

from __future__ import annotations

from platformstate.exporter.ports import Target
from platformstate.exporter.rows import Row
from platformstate.exporter.source import Progress, Source
from platformstate.exporter.staging import duplicate, refused, rows, twice
from platformstate.exporter.state import Counts
from platformstate.exporter.tables import TABLES
from platformstate.exporter.work import Work, orphans

Staged = dict[tuple[str | None, ...], tuple[bytes, str]]


def compared(
    target: Target, source: Source, work: Work, told: Progress, *, repair: bool = False
) -> dict[str, Counts]:
    """Return what a sync would do to each table. Raises: state_invalid."""
    staged: dict[str, Staged] = {name: {} for name in TABLES}
    seen: dict[bytes | None, str] = {}
    source.problems = []
    for number, (record, found, _) in enumerate(rows(source, work.entries), 1):
        if problem := twice(seen, record, found):
            source.problems.append(problem)
        for row in found:
            staged[record.unit.table][_key(record.unit.table, row)] = (row.hash, record.unit.path)
        told("parse", number, len(work.entries))
    source.problems += orphans(work, source)
    counts = {name: _of_table(target, source, name, staged[name], work, repair) for name in TABLES}
    if source.problems:
        raise refused(source.problems)
    return counts


def _key(table: str, row: Row) -> tuple[str | None, ...]:
    names = TABLES[table].names
    fields = [row.fields[_position(names, name)] for name in TABLES[table].key]
    return tuple(None if each is None else each.decode("utf-8") for each in fields)


def _position(names: tuple[str, ...], name: str) -> int:
    """Return where a key's column stands among the hashed ones; none of those left out stands before it."""
    position = names.index(name)
    return position - sum(other in names[:position] for other in ("row_hash", "sync_id", "synced_at"))


def _of_table(target: Target, source: Source, name: str, staged: Staged, work: Work, repair: bool) -> Counts:
    updated = deleted = equal = 0
    if not staged and not work.units and work.units is not None:
        return Counts()
    for key, row_hash, path in target.present(TABLES[name], source.wanted.store, own=repair):
        touched = work.units is None or path in work.units
        found = staged.get(key)
        if found is None:
            deleted += touched
        elif not touched:
            source.problems.append(duplicate(found[1], path))
        elif found[0] == row_hash:
            equal += 1
        else:
            updated += 1
    return Counts(len(staged) - updated - equal, updated, deleted, equal)
