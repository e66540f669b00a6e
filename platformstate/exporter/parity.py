"""Compare the tables with one commit: roots, then shards, then keys and columns. The engines only read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from platformstate.core.tree import Entry
from platformstate.exporter import canonical
from platformstate.exporter.canonical import hashed_columns
from platformstate.exporter.catalog import Drift
from platformstate.exporter.pg_text import EVERY
from platformstate.exporter.rows import PARSER_VERSION, Fields
from platformstate.exporter.source import Source
from platformstate.exporter.staging import refused, rows
from platformstate.exporter.state import Head
from platformstate.exporter.units import unit_of

SHOWN: Final = 20


class Shard(NamedTuple):
    """One shard of a table as a database has it; `wrong` rows keep a hash that is not theirs."""

    rows: int
    digest: bytes
    wrong: int


class Reader(Protocol):
    """One snapshot of a database."""

    def head(self) -> Head | None:
        """Return the cursor."""
        ...

    def shards(self, table: str) -> dict[int, Shard]:
        """Return the shards of a table that are not empty."""
        ...

    def rows(self, table: str, shards: Sequence[int]) -> Iterator[tuple[bytes | None, Fields]]:
        """Yield the stored hash and the canonical fields of the rows of some shards."""
        ...

    def counts(self, table: str) -> tuple[int, int]:
        """Return how many rows a table has, and how many the inventory says."""
        ...

    def files(self) -> dict[str, tuple[str, int]]:
        """Return blob and parser version of every file of the inventory."""
        ...

    def drift(self, *, deep: bool = True) -> list[Drift]:
        """Return how the catalog differs from the expected one."""
        ...


class Table(NamedTuple):
    """What was compared of one table."""

    expected: int
    found: int
    expected_root: str | None = None
    found_root: str | None = None
    shards_differing: int | None = None
    missing: tuple[dict[str, Any], ...] = ()
    extra: tuple[dict[str, Any], ...] = ()
    altered: tuple[dict[str, Any], ...] = ()

    @property
    def differences(self) -> int:
        """How many rows differ; at least one where a count does."""
        named = len(self.missing) + len(self.extra) + len(self.altered)
        return named or int(not self.equal)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        counts = self.expected == self.found and self.expected_root == self.found_root
        return counts and not (self.missing or self.extra or self.altered)

    def as_json(self) -> dict[str, Any]:
        """Return what `db verify` shows of it: the first rows of each sort."""
        return {
            "ok": self.equal,
            "expected": self.expected,
            "found": self.found,
            "expected_root": self.expected_root,
            "found_root": self.found_root,
            "shards_differing": self.shards_differing,
            "missing": list(self.missing[:SHOWN]),
            "extra": list(self.extra[:SHOWN]),
            "altered": list(self.altered[:SHOWN]),
        }


class Expected:
    """What the tables must hold for one commit: the hashes of each table's rows by shard."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[int, list[bytes]]] = {name: defaultdict(list) for name in EVERY}

    def add(self, table: str, shard: int, row_hash: bytes) -> None:
        """Count one row."""
        self.hashes[table][shard].append(row_hash)

    def rows(self, table: str) -> int:
        """Return how many rows a table must hold."""
        return sum(map(len, self.hashes[table].values()))

    def digests(self, table: str) -> dict[int, bytes]:
        """Return the digests of a table's shards."""
        return {number: canonical.shard_digest(each) for number, each in self.hashes[table].items()}

    def roots(self) -> dict[str, str]:
        """Return the root of every table."""
        return {name: canonical.table_root(self.digests(name)) for name in EVERY}


def every_row(source: Source, entries: list[Entry]) -> Iterator[tuple[str, int, bytes, Fields]]:
    """Yield table, shard, hash and fields of every row of a commit, the inventory's too. Raises: state_invalid."""
    inventory = EVERY["source_file"]
    for record, found, listed in rows(source, entries):
        for row in found:
            yield record.unit.table, row.shard, row.hash, row.fields
        for fields in listed:
            key = fields[: len(inventory.key)]
            yield "source_file", canonical.shard(key), canonical.row_hash("source_file", fields), fields
    if source.problems:
        raise refused(source.problems)


def expected_of(source: Source) -> Expected:
    """Return what the tables must hold for a commit."""
    found = Expected()
    for table, shard, row_hash, _ in every_row(source, exported(source)):
        found.add(table, shard, row_hash)
    return found


def exported(source: Source) -> list[Entry]:
    """Return the files of a commit that are exported."""
    return [entry for entry in source.listing() if unit_of(entry.path)]


def deep(source: Source, reader: Reader, names: Iterable[str]) -> dict[str, Table]:
    """Compare every value of some tables."""
    wanted = expected_of(source)
    shards = {name: reader.shards(name) for name in names}
    differing = {name: _differing(wanted.digests(name), each) for name, each in shards.items()}
    details = _details(source, reader, {name: each for name, each in differing.items() if each})
    return {
        name: Table(
            wanted.rows(name),
            sum(each.rows for each in shards[name].values()),
            canonical.table_root(wanted.digests(name)),
            canonical.table_root({number: each.digest for number, each in shards[name].items()}),
            len(differing[name]),
            *details.get(name, ((), (), ())),
        )
        for name in shards
    }


def _differing(wanted: Mapping[int, bytes], found: Mapping[int, Shard]) -> list[int]:
    def differs(number: int) -> bool:
        there = found.get(number)
        return there is None or there.digest != wanted.get(number) or there.wrong > 0

    return [number for number in sorted(wanted.keys() | found.keys()) if differs(number)]


Details = tuple[tuple[dict[str, Any], ...], ...]


def _details(source: Source, reader: Reader, differing: Mapping[str, list[int]]) -> dict[str, Details]:
    """Return which rows of the differing shards are missing, extra and altered."""
    if not differing:
        return {}
    wanted: dict[str, dict[Fields, tuple[bytes, Fields]]] = {name: {} for name in differing}
    for name, shard, row_hash, fields in every_row(source, exported(source)):
        if shard in differing.get(name, ()):
            wanted[name][_key(name, fields)] = (row_hash, fields)
    return {name: _rows(name, wanted[name], reader.rows(name, each)) for name, each in differing.items()}


def _key(name: str, fields: Fields) -> Fields:
    columns = hashed_columns(EVERY[name])
    return tuple(fields[columns.index(column)] for column in EVERY[name].key)


def _rows(
    name: str, wanted: dict[Fields, tuple[bytes, Fields]], there: Iterable[tuple[bytes | None, Fields]]
) -> Details:
    extra, altered = [], []
    left = dict(wanted)
    for kept, fields in there:
        key = _key(name, fields)
        if key not in left:
            extra.append(_shown(name, key))
            continue
        row_hash, expected = left.pop(key)
        columns = _columns(name, expected, fields)
        if kept is not None and kept != row_hash:
            columns.append("row_hash")
        if columns:
            altered.append({"key": _shown(name, key), "columns": columns})
    return tuple(_shown(name, key) for key in left), tuple(extra), tuple(altered)


def _columns(name: str, expected: Fields, found: Fields) -> list[str]:
    names = hashed_columns(EVERY[name])
    return [each for each, a, b in zip(names, expected, found, strict=True) if a != b]


def _shown(name: str, key: Fields) -> dict[str, Any]:
    types = {column.name: column.type for column in EVERY[name].columns}
    pairs = zip(EVERY[name].key, key, strict=True)
    return {column: _readable(value, types[column]) for column, value in pairs if column != "store_id"}


def _readable(value: bytes | None, type: str) -> str | int | None:
    if value is None:
        return None
    text = value.decode("utf-8", "replace")
    return int(text) if type in ("integer", "bigint") and text.isdecimal() else text


def quick(source: Source, reader: Reader, names: Iterable[str]) -> dict[str, Table]:
    """Compare the inventory with the commit's files, and its counts of rows with the tables'."""
    found = {}
    for name in names:
        if name == "source_file":
            found[name] = _inventory(source, reader)
        else:
            there, said = reader.counts(name)
            found[name] = Table(said, there)
    return found


def _inventory(source: Source, reader: Reader) -> Table:
    now = {entry.path: (entry.oid or "", PARSER_VERSION) for entry in exported(source)}
    there = reader.files()
    names = ("blob_oid", "parser_version")
    altered = [
        {
            "key": {"path": path},
            "columns": [n for n, a, b in zip(names, now[path], there[path], strict=True) if a != b],
        }
        for path in sorted(now.keys() & there.keys())
        if now[path] != there[path]
    ]
    return Table(
        len(now),
        len(there),
        missing=tuple({"path": path} for path in sorted(now.keys() - there.keys())),
        extra=tuple({"path": path} for path in sorted(there.keys() - now.keys())),
        altered=tuple(altered),
    )
