"""The one transaction of a sync into PostgreSQL: stage by binary COPY, lock, merge, finish, commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import psycopg

from platformstate.exporter import pg_binary, pg_text
from platformstate.exporter.layout import Table
from platformstate.exporter.pg_connect import Connection, sql
from platformstate.exporter.pg_copying import Copying
from platformstate.exporter.pg_errors import explained, is_transient
from platformstate.exporter.repairing import repair_postgres
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.exporter.state import Counts, Head, LedgerRow

# What waits before it is sent: little, so that the server works while rows are made.
BATCH_BYTES: Final = 1 << 16
_LEDGER: Final = """INSERT INTO sync_run (sync_id, store_id, ref, from_commit, to_commit, to_tree, relation, counts,
  schema_version, parser_version, tool_version, actor, started_at)
VALUES (%s::uuid, %s::uuid, %s, decode(%s, 'hex'), decode(%s, 'hex'), decode(%s, 'hex'), %s, %s::jsonb,
  %s, %s, %s, %s, %s::timestamptz)"""
_HEAD: Final = """INSERT INTO store_head (store_id, ref, commit_oid, tree_oid, commit_at, schema_version,
  parser_version, sync_id)
VALUES (%s::uuid, %s, decode(%s, 'hex'), decode(%s, 'hex'), %s::timestamptz, %s, %s, %s::uuid)
ON CONFLICT (store_id) DO UPDATE SET ref = excluded.ref, commit_oid = excluded.commit_oid,
  tree_oid = excluded.tree_oid, commit_at = excluded.commit_at, schema_version = excluded.schema_version,
  parser_version = excluded.parser_version, sync_id = excluded.sync_id, synced_at = now()"""


class OutcomeUnknown(Exception):
    """The answer to COMMIT was lost."""


_STAMPS: Final = {"sync_id": "uuid", "synced_at": "timestamptz"}


class _Batch:
    """Rows of one table that wait to be sent, how, and how many were."""

    def __init__(self, table: Table, stamps: Mapping[str, bytes]) -> None:
        types = {column.name: column.type for column in table.columns} | {"row_hash": "raw"}
        self.types = [types[name] for name in pg_text.staged_columns(table)]
        self.statement = pg_text.copy_straight(table) if stamps else pg_text.copy_in(table)
        names = [name for name in pg_text.stamps(table) if stamps]
        self.after = [stamps[name] for name in names]
        self.also = [_STAMPS[name] for name in names]
        self.rows: list[pg_binary.Fields] = []
        self.size = self.sent = 0

    def taken(self) -> bytes:
        """Return what waits, and wait for more."""
        rows, self.rows, self.size = self.rows, [], 0
        self.sent += len(rows)
        return pg_binary.tuples(rows, self.types, self.after, self.also)


class PostgresWriter:
    """A transaction in progress; nothing of it is seen before `commit`.

    Rows that are staged before `lock` go to temporary tables and are merged, those after it straight into
    their tables, in which the store may have none.
    """

    straight = True

    def __init__(self, connection: Connection, schema: str, store: str, sync_id: str) -> None:
        self._connection, self._schema = connection, schema
        self._values = {"store": store, "sync_id": sync_id}
        self._stamps: dict[str, bytes] = {}
        self._batches: dict[str, _Batch] = {}
        self._copying = Copying(connection)

    def stage(self, table: Table, rows: Sequence[pg_binary.Fields], size: int) -> None:
        """Add rows to what will be there, fields and hash; they are sent with the next batch of their table."""
        batch = self._batches.get(table.name) or self._begun(table)
        batch.rows += rows
        batch.size += size
        if batch.size >= BATCH_BYTES:
            self._send(batch)

    def _begun(self, table: Table) -> _Batch:
        if not self._stamps:
            with explained():
                self._copying.end()
                self._connection.execute(sql(pg_text.create_staging(table)))
        return self._batches.setdefault(table.name, _Batch(table, self._stamps))

    def _send(self, batch: _Batch) -> None:
        with explained():
            self._copying.write(batch.statement, batch.taken())

    def flush(self) -> None:
        """Send every batch that waits."""
        for batch in self._batches.values():
            if batch.rows:
                self._send(batch)
        with explained():
            self._copying.end()

    def touched(self, units: Iterable[str]) -> None:
        """Say which units this sync replaces."""
        with explained(), self._connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE touched (unit text PRIMARY KEY) ON COMMIT DROP")
            with cursor.copy("COPY pg_temp.touched FROM STDIN (FORMAT BINARY)") as copy:
                rows = [[unit.encode("utf-8")] for unit in units]
                copy.write(b"".join([pg_binary.HEADER, pg_binary.tuples(rows, ["text"]), pg_binary.TRAILER]))

    def lock(self, head: Callable[[Connection], Head | None]) -> Head | None:
        """Wait for this store's turn, then return its cursor as it is now. Raises: Locked."""
        migrating = pg_text.migration_lock(self._schema)
        own = pg_text.store_lock(self._schema, str(self._values["store"]))
        with explained():
            self._connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [migrating])
            row = self._connection.execute(sql(pg_text.LOCK_AND_NOW), [own]).fetchone()
            assert row is not None
            self._stamps = {"sync_id": self._values["sync_id"].encode(), "synced_at": str(row[1]).encode()}
            return head(self._connection)

    def repair(self) -> None:
        """Give every row of this store the hash that its columns have now."""
        with explained():
            repair_postgres(self._connection, str(self._values["store"]))

    def duplicates(self, table: Table) -> list[tuple[str, str]]:
        """Return files of touched and of other units that hold one key."""
        with explained():
            return list(self._connection.execute(sql(pg_text.duplicates(table))).fetchall())

    def merge(self, table: Table, *, all_units: bool, fresh: bool) -> Counts:
        """Make the table's rows of the touched units equal to the staged ones; a fresh store's are there."""
        batch = self._batches.get(table.name)
        if fresh:
            return Counts() if batch is None else Counts(inserted=batch.sent)
        with explained():
            found = self._merge(table) if batch else Counts()
            gone = pg_text.delete_unstaged(table, staged=bool(batch), all_units=all_units)
            return found._replace(deleted=max(0, self._connection.execute(sql(gone), self._values).rowcount))

    def _merge(self, table: Table) -> Counts:
        row = self._connection.execute(sql(pg_text.count_staged(table))).fetchone()
        assert row is not None
        new, other, whole = row
        if new or other:
            self._connection.execute(sql(pg_text.merge(table)), self._values)
        return Counts(new, other, 0, whole - new - other)

    def count(self, table: Table) -> int:
        """Return how many rows of this store a table has now."""
        with explained():
            text = f"SELECT count(*) FROM {table.name} WHERE store_id = %(store)s::uuid"
            row = self._connection.execute(sql(text), self._values).fetchone()
        return int(row[0]) if row else 0

    def finish(self, said: LedgerRow, schema_version: int) -> None:
        """Write the ledger's row and the cursor."""
        ledger = [
            said.sync_id, said.store, said.ref, said.from_commit, said.to_commit, said.to_tree, said.relation,
            said.counts, schema_version, PARSER_VERSION, said.tool_version, said.actor, said.started_at,
        ]  # fmt: skip
        head = [
            said.store, said.ref, said.to_commit, said.to_tree, said.commit_at, schema_version,
            PARSER_VERSION, said.sync_id,
        ]  # fmt: skip
        with explained():
            self._connection.execute(_LEDGER, ledger)
            self._connection.execute(_HEAD, head)

    def commit(self) -> None:
        """Commit. Raises: OutcomeUnknown when the answer was lost."""
        with explained():
            try:
                self._connection.execute("COMMIT")
            except psycopg.Error as lost:
                if not is_transient(lost) or lost.sqlstate in ("40001", "40P01"):
                    raise
                self._connection.close()
                raise OutcomeUnknown from None

    def rollback(self) -> None:
        """Give everything up."""
        try:
            self._copying.abandon()
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()
