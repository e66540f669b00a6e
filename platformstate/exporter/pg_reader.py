"""One snapshot of a store's tables in PostgreSQL, as a verification reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from platformstate.exporter import pg_catalog, pg_text
from platformstate.exporter.catalog import Drift
from platformstate.exporter.parity import Shard
from platformstate.exporter.pg_connect import Connection, sql
from platformstate.exporter.postgres import read_head
from platformstate.exporter.rows import Fields
from platformstate.exporter.state import Head


class PostgresReader:
    """A transaction that only reads; every hash is computed by the server."""

    def __init__(self, connection: Connection, schema: str, store: str) -> None:
        self._connection, self._schema, self._store = connection, schema, store

    def head(self) -> Head | None:
        """Return the cursor."""
        return read_head(self._connection, self._store)

    def shards(self, table: str) -> dict[int, Shard]:
        """Return the shards of a table that are not empty."""
        text = pg_text.shards(pg_text.EVERY[table])
        return {
            row[0]: Shard(*row[1:]) for row in self._connection.execute(sql(text), {"store": self._store})
        }

    def rows(self, table: str, shards: Sequence[int]) -> Iterator[tuple[bytes | None, Fields]]:
        """Yield the stored hash and the canonical fields of the rows of some shards."""
        text = pg_text.rows_in_shards(pg_text.EVERY[table])
        for row in self._connection.execute(sql(text), {"store": self._store, "shards": list(shards)}):
            yield row[0], tuple(None if each is None else each.encode("utf-8") for each in row[1:])

    def counts(self, table: str) -> tuple[int, int]:
        """Return how many rows a table has, and how many the inventory says."""
        row = self._connection.execute(
            sql(
                f"SELECT (SELECT count(*) FROM {table} WHERE store_id = %(s)s::uuid),"
                " (SELECT coalesce(sum(row_count), 0) FROM source_file"
                " WHERE store_id = %(s)s::uuid AND table_name = %(t)s)"
            ),
            {"s": self._store, "t": table},
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def files(self) -> dict[str, tuple[str, int]]:
        """Return blob and parser version of every file of the inventory."""
        text = (
            "SELECT path, encode(blob_oid, 'hex'), parser_version FROM source_file WHERE store_id = %s::uuid"
        )
        return {row[0]: (row[1], row[2]) for row in self._connection.execute(text, [self._store])}

    def drift(self, *, deep: bool = True) -> list[Drift]:
        """Return how the catalog differs from the expected one.

        When `deep`, views whose definition cannot be read on a server of this version are told by their rows.
        """
        found = pg_catalog.drift(self._connection, self._schema)
        by_rows = deep and not found and not pg_catalog.knows_print(self._connection)
        return pg_catalog.other_views(self._connection) if by_rows else found

    def system_id(self) -> str:
        """Return the number that tells this cluster from every other."""
        row = self._connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
        return "" if row is None else str(row[0])
