"""From the records of one unit to its rows, every value in its canonical bytes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from platformstate.core.places import place_of
from platformstate.core.tree import Entry
from platformstate.exporter import canonical
from platformstate.exporter.canonical import Unstorable
from platformstate.exporter.layout import Table
from platformstate.exporter.tables import TABLES
from platformstate.exporter.units import Unit

PARSER_VERSION: Final = 1
"""Raised when a row of an unchanged file would look otherwise; a test of golden rows asks for it."""

_PARSER: Final = b"%d" % PARSER_VERSION
Fields = tuple[bytes | None, ...]
_NO_FILES: Final[Mapping[str, str]] = {}
_RUN_EXTRAS: Final = {"run_receipt.json": "receipt", "resolved_steps.json": "steps"}


class Part(NamedTuple):
    """One record of a unit: a document (line 0) or one line of JSON."""

    kind: str
    line: int
    meta: Mapping[str, Any]
    body: str = ""


class Record(NamedTuple):
    """A unit as it was read: its records, its main file's blob, and what a run has beside its header."""

    unit: Unit
    blob: str
    parts: Sequence[Part]
    extras: Mapping[str, Any] = _NO_FILES
    files: Mapping[str, str] = _NO_FILES


class Row(NamedTuple):
    """One row: the canonical bytes of its hashed columns, the hash over them, and its shard."""

    fields: Fields
    hash: bytes
    shard: int


class BadValue(ValueError):
    """A record holds a value that no database can hold: in which column, and what is wrong."""

    def __init__(self, line: int, column: str, reason: str) -> None:
        super().__init__(reason)
        self.line, self.column, self.reason = line, column, reason


def rows_of(record: Record, store: str) -> Iterator[Row]:
    """Yield the rows of a unit. Raises: BadValue."""
    plan = _plan(record.unit.table)
    around = _surroundings(record, store)
    for part in record.parts:
        yield _row(plan, part, {**around, **_own(record, part)})


class _Plan(NamedTuple):
    table: Table
    columns: tuple[tuple[str, str, Mapping[str, tuple[str, ...]]], ...]
    key: tuple[int, ...]


@cache
def _plan(name: str) -> _Plan:
    table = TABLES[name]
    names = canonical.hashed_columns(table)
    by_name = {column.name: column for column in table.columns}
    columns = tuple((each, by_name[each].type, dict(by_name[each].sources)) for each in names)
    return _Plan(table, columns, tuple(names.index(each) for each in table.key))


def _row(plan: _Plan, part: Part, derived: Mapping[str, Any]) -> Row:
    fields = []
    for name, type, sources in plan.columns:
        path = sources.get(part.kind)
        value = derived.get(name) if path is None else _at(part.meta, path)
        try:
            fields.append(None if value is None else canonical.field(value, type))
        except Unstorable as refused:
            raise BadValue(part.line, name, str(refused)) from refused
    key = [fields[position] for position in plan.key]
    return Row(tuple(fields), canonical.row_hash(plan.table.name, fields), canonical.shard(key))


def _at(meta: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = meta
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _surroundings(record: Record, store: str) -> dict[str, Any]:
    """Return what is the same in every row of a unit."""
    place = place_of(record.unit.path)
    kind, _, name = ((place.subject if place else None) or "").partition("/")
    return {
        "store_id": store,
        "source_path": record.unit.path,
        "blob_oid": record.blob,
        "subject_kind": kind,
        "subject_id": name,
        f"{kind}_id": name,
        "run_id": place.run if place else None,
        "name": record.unit.path.rpartition("/")[2],
        "files": dict(record.files),
        **record.extras,
    }


def _own(record: Record, part: Part) -> dict[str, Any]:
    """Return what a record says beside the columns that its schema names."""
    own: dict[str, Any] = {"doc": part.meta, "body": part.body, "source_line": part.line}
    return own | _EXTRA.get((record.unit.table, part.kind), _nothing)(record, part)


def _nothing(record: Record, part: Part) -> dict[str, Any]:
    return {}


def _of_procedure(record: Record, part: Part) -> dict[str, Any]:
    steps = part.meta.get("steps")
    return {"step_count": len(steps) if isinstance(steps, list) else None}


def _of_ledger(record: Record, part: Part) -> dict[str, Any]:
    name = record.unit.path.rpartition("/")[2]
    return {"origin": "ledger", "writer": name.split(".")[1], "files": {}}


def _of_job_folder(record: Record, part: Part) -> dict[str, Any]:
    return {"origin": "folder"}


_EXTRA: Final[Mapping[tuple[str, str], Callable[[Record, Part], dict[str, Any]]]] = {
    ("procedure", "procedure"): _of_procedure,
    ("job_run", "ledger"): _of_ledger,
    ("job_run", "run"): _of_job_folder,
}


def extra_name(path: str) -> str | None:
    """Return the column of a run's row that a file beside its header fills as JSON."""
    return _RUN_EXTRAS.get(path.rpartition("/")[2])


def inventory_rows(store: str, record: Record, files: Sequence[Entry]) -> list[Fields]:
    """Return the hashed columns of each file's row in the inventory, the unit's own path first, as in `files`."""
    unit, whose = record.unit, store.encode("ascii")
    own = unit.path.encode("utf-8")
    blob, count = record.blob.encode("ascii"), b"%d" % len(record.parts)
    found: list[Fields] = [(whose, own, blob, own, unit.table.encode("ascii"), count, _PARSER)]
    for entry in files[1:]:
        blob = (entry.oid or "").encode("ascii")
        found.append((whose, entry.path.encode("utf-8"), blob, own, None, b"0", _PARSER))
    return found
