"""One snapshot of a store's tables in SQLite, as a verification reads it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence

from platformstate.exporter import canonical, sqlite_catalog
from platformstate.exporter.canonical import hashed_columns
from platformstate.exporter.catalog import Drift
from platformstate.exporter.parity import Shard
from platformstate.exporter.pg_text import EVERY
from platformstate.exporter.rows import Fields
from platformstate.exporter.sqlite import read_head
from platformstate.exporter.sqlite_values import canonical_rows
from platformstate.exporter.state import Head


class SqliteReader:
    """A transaction that only reads; every hash is computed here from the stored columns."""

    def __init__(self, connection: sqlite3.Connection, store: str) -> None:
        self._connection, self._store = connection, store

    def head(self) -> Head | None:
        """Return the cursor."""
        return read_head(self._connection, self._store)

    def shards(self, table: str) -> dict[int, Shard]:
        """Return the shards of a table that are not empty."""
        hashes: dict[int, list[bytes]] = defaultdict(list)
        wrong: dict[int, int] = defaultdict(int)
        for kept, fields in canonical_rows(self._connection, EVERY[table], self._store):
            number, own = _shard(table, fields), canonical.row_hash(table, fields)
            hashes[number].append(own)
            wrong[number] += "row_hash" in EVERY[table].names and kept != own
        return {
            number: Shard(len(each), canonical.shard_digest(each), wrong[number])
            for number, each in hashes.items()
        }

    def rows(self, table: str, shards: Sequence[int]) -> Iterator[tuple[bytes | None, Fields]]:
        """Yield the stored hash and the canonical fields of the rows of some shards."""
        wanted = set(shards)
        for kept, fields in canonical_rows(self._connection, EVERY[table], self._store):
            if _shard(table, fields) in wanted:
                yield kept, fields

    def counts(self, table: str) -> tuple[int, int]:
        """Return how many rows a table has, and how many the inventory says."""
        there = self._connection.execute(f"SELECT count(*) FROM {table} WHERE store_id = ?", [self._store])
        said = self._connection.execute(
            "SELECT coalesce(sum(row_count), 0) FROM source_file WHERE store_id = ? AND table_name = ?",
            [self._store, table],
        )
        return int(there.fetchone()[0]), int(said.fetchone()[0])

    def files(self) -> dict[str, tuple[str, int]]:
        """Return blob and parser version of every file of the inventory."""
        text = "SELECT path, lower(hex(blob_oid)), parser_version FROM source_file WHERE store_id = ?"
        return {row[0]: (row[1], row[2]) for row in self._connection.execute(text, [self._store])}

    def drift(self, *, deep: bool = True) -> list[Drift]:
        """Return how the catalog differs from the expected one, definitions included."""
        return sqlite_catalog.drift(self._connection)

    def system_id(self) -> str:
        """Return nothing: a file has no cluster."""
        return ""


def _shard(table: str, fields: Fields) -> int:
    names = hashed_columns(EVERY[table])
    return canonical.shard([fields[names.index(name)] for name in EVERY[table].key])
