"""From the files of a commit to the rows that will be there, with every finding on the way."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Final

from platformstate.core.tree import Entry
from platformstate.errors import Problem, StateError
from platformstate.exporter.bookkeeping import SOURCE_FILE
from platformstate.exporter.ports import Writer
from platformstate.exporter.rows import BadValue, Fields, Record, Row, inventory_rows, rows_of
from platformstate.exporter.source import Progress, Source
from platformstate.exporter.tables import TABLES
from platformstate.exporter.work import Work, orphans

# What a file weighs in a batch of the inventory: little, so that its short rows come with many others.
FILE_BYTES: Final = 64


def rows(source: Source, entries: list[Entry]) -> Iterator[tuple[Record, list[Row], list[Fields]]]:
    """Yield each unit with its rows and its files' in the inventory; what no database holds is a finding."""
    watch, store = source.watch, source.wanted.store
    started, git = perf_counter(), watch.git
    for record, files in source.records(entries):
        try:
            found = list(rows_of(record, store))
            listed = inventory_rows(store, record, files)
        except BadValue as bad:
            source.problems.append(_unstorable(record, bad))
            continue
        watch.parse += perf_counter() - started - (watch.git - git)
        yield record, found, listed
        started, git = perf_counter(), watch.git
    watch.parse += perf_counter() - started - (watch.git - git)


def _unstorable(record: Record, bad: BadValue) -> Problem:
    message = f"{bad.column} cannot be stored: {bad.reason}"
    return Problem(record.unit.path, bad.line or 1, 1, "db_value_unstorable", message, "change the value")


def twice(first: dict[bytes | None, str], record: Record, found: list[Row]) -> Problem | None:
    """Return the finding for a checkpoint whose id another staged file has; other keys are their paths."""
    if record.unit.table != "task_checkpoint":
        return None
    key = found[0].fields[1]
    other = first.setdefault(key, record.unit.path)
    return None if other == record.unit.path else duplicate(record.unit.path, other)


def duplicate(path: str, other: str) -> Problem:
    """Return the finding for one id in two files."""
    fix = "give one of them a new id; a copied record is a new record"
    return Problem(path, 1, 1, "id_duplicate", f"the id of {path} is also that of {other}", fix, "/id")


def refused(problems: list[Problem]) -> StateError:
    """Return the error for files that are invalid, with every finding."""
    found = tuple(sorted(set(problems)))
    count = "1 finding" if len(found) == 1 else f"{len(found)} findings"
    message = f"{count} in what was to be exported; nothing was written"
    return StateError("state_invalid", message, hint="platformctl validate --rev COMMIT", problems=found)


def stage(writer: Writer, source: Source, work: Work, told: Progress) -> dict[str, int]:
    """Read, judge and stage everything. Raises: state_invalid, with all that was found."""
    seen: dict[bytes | None, str] = {}
    watch = source.watch
    counted = dict.fromkeys(TABLES, 0)
    done = read = 0
    source.problems = []
    for record, found, listed in rows(source, work.entries):
        if problem := twice(seen, record, found):
            source.problems.append(problem)
            continue
        if source.problems:
            continue
        counted[record.unit.table] += len(found)
        writer.stage(
            TABLES[record.unit.table], [(*row.fields, row.hash) for row in found], watch.bytes - read
        )
        read = watch.bytes
        writer.stage(SOURCE_FILE, listed, FILE_BYTES * len(listed))
        done += len(listed)
        told("copy", done, len(work.entries))
    with watch.parsing():
        source.problems += orphans(work, source)
    if source.problems:
        raise refused(source.problems)
    writer.flush()
    if work.units is not None:
        writer.touched(work.units)
    return counted
