"""A PostgreSQL database as a target: what it says of a store, and one sync's transaction."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from platformstate.errors import StateError
from platformstate.exporter import pg_text
from platformstate.exporter.layout import Table
from platformstate.exporter.migrations import Applied
from platformstate.exporter.pg_connect import Connection, connect, described, refuse_standby, sql
from platformstate.exporter.pg_errors import explained
from platformstate.exporter.pg_writer import PostgresWriter
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.exporter.state import Head, LastVerify, Server, Standing, Verification
from platformstate.exporter.tables import TABLES
from platformstate.exporter.target import Target

if TYPE_CHECKING:
    from platformstate.exporter.pg_reader import PostgresReader

_INSTANT: Final = "to_char({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
_HEAD: Final = (
    "SELECT ref, encode(commit_oid, 'hex'), encode(tree_oid, 'hex'),"
    f" {_INSTANT.format(c='commit_at')}, schema_version, parser_version, sync_id::text,"
    f" {_INSTANT.format(c='synced_at')} FROM store_head WHERE store_id = %s::uuid"
)
_REMEMBER: Final = """INSERT INTO verify_run (verify_id, store_id, commit_oid, mode, ok, report, document_sha256,
  tool_version, actor, started_at)
VALUES (%s::uuid, %s::uuid, decode(%s, 'hex'), %s, %s, %s::jsonb, decode(%s, 'hex'), %s, %s, %s::timestamptz)"""
_LAST_VERIFY: Final = (
    f"SELECT verify_id::text, encode(commit_oid, 'hex'), mode, ok, {_INSTANT.format(c='finished_at')}"
    " FROM verify_run WHERE store_id = %(store)s::uuid"
)
_OF_COMMIT: Final = " AND mode = 'deep' AND commit_oid = decode(%(commit)s, 'hex')"
_NEWEST: Final = " ORDER BY finished_at DESC LIMIT 1"
_MAY_MIGRATE: Final = """SELECT coalesce((SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_namespace
  WHERE nspname = %(schema)s), pg_catalog.has_database_privilege(current_database(), 'CREATE'))"""
_MAY_SYNC: Final = """SELECT count(*) = pg_catalog.cardinality(%(names)s::text[])
  AND pg_catalog.has_database_privilege(current_database(), 'TEMP')
FROM pg_tables WHERE schemaname = %(schema)s AND tablename = ANY(%(names)s)
  AND pg_catalog.has_schema_privilege(schemaname, 'USAGE')
  AND pg_catalog.has_table_privilege(pg_catalog.format('%%I.%%I', schemaname, tablename), 'INSERT')
  AND pg_catalog.has_table_privilege(pg_catalog.format('%%I.%%I', schemaname, tablename), 'UPDATE')
  AND pg_catalog.has_table_privilege(pg_catalog.format('%%I.%%I', schemaname, tablename), 'DELETE')"""
_HOLDER: Final = """SELECT a.pid, a.usename, a.application_name,
  extract(epoch FROM clock_timestamp() - a.xact_start)::integer
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND ((l.classid::bigint << 32) | l.objid::bigint) = ANY(%s) ORDER BY a.xact_start LIMIT 1"""

_HAS_TRANSACTION_TIMEOUT: Final = 170000


class Timeouts:
    """How many seconds a lock and a statement may take."""

    def __init__(self, lock: float = 10.0, statement: float = 600.0) -> None:
        self.lock_ms, self.statement_ms = round(lock * 1000), round(statement * 1000)


class PostgresTarget:
    """One database, connected when it is first asked."""

    engine = "postgres"

    def __init__(
        self, target: Target, *, verb: str, sync_id: str, timeouts: Timeouts, writes: bool = True
    ) -> None:
        self.target, self.schema, self.timeouts, self.writes = target, target.schema, timeouts, writes
        self._application = f"platformctl/{verb}/{sync_id[:8]}"
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection, made when it is first needed or was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.target, self._application, os.environ, writes=self.writes)
        return self._connection

    def close(self) -> None:
        """Close the connection, if one was made."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def server(self) -> Server:
        """Return what may be told of the server."""
        return described(self.connection, self.schema)

    def begin(self, how: str, *, hidden: bool = False) -> Connection:
        """Begin a transaction in which unqualified names are the schema's.

        Row security would hide rows; a statement that it touches is refused, or `hidden` rows stay so.
        """
        connection = self.connection
        with explained():
            settings = self._settings(connection.info.server_version, hidden)
            connection.execute(sql(f"BEGIN {how}; {settings}"))
        return connection

    def _settings(self, version: int, hidden: bool) -> str:
        """Return the settings of a transaction, whatever a database or a role has set."""
        given = {
            # pg_catalog, left out, is looked in first: no function of the schema hides one of the server's.
            "search_path": f'"{self.schema}", pg_temp',
            "TimeZone": "'UTC'",
            "lock_timeout": self.timeouts.lock_ms,
            "statement_timeout": self.timeouts.statement_ms,
            "idle_in_transaction_session_timeout": 0,
            "row_security": "on" if hidden else "off",
            "quote_all_identifiers": "off",
        }
        if version >= _HAS_TRANSACTION_TIMEOUT:
            given["transaction_timeout"] = 0
        return "; ".join(f"SET LOCAL {name} = {value}" for name, value in given.items())

    @contextmanager
    def reading(self, *, hidden: bool = False) -> Iterator[Connection]:
        """Give a snapshot in which nothing is written, and roll it back."""
        connection = self.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", hidden=hidden)
        try:
            with explained():
                yield connection
        finally:
            rolled_back(connection)

    def standing(self, store: str) -> Standing:
        """Return what the database says of a store."""
        with self.reading() as connection:
            applied = applied_migrations(connection, self.schema)
            if not applied:
                return Standing()
            head = read_head(connection, store)
            if head is not None:
                return Standing(applied, head, same_parser=head.parser_version == PARSER_VERSION)
            return Standing(applied, None, *_without_cursor(connection, store))

    def inventory(self, store: str) -> dict[str, tuple[str, int]]:
        """Return blob and parser version of every file of a store in the inventory."""
        text = (
            "SELECT path, encode(blob_oid, 'hex'), parser_version FROM source_file WHERE store_id = %s::uuid"
        )
        with self.reading() as connection:
            return {path: (blob, version) for path, blob, version in connection.execute(text, [store])}

    def present(
        self, table: Table, store: str, *, own: bool = False
    ) -> list[tuple[tuple[Any, ...], bytes, str]]:
        """Return key, hash and source of every row of a store, the hash computed anew when `own`."""
        by_name = {column.name: column for column in table.columns}
        key = ", ".join(pg_text.text_of(by_name[name]) for name in table.key)
        kept = pg_text.hash_of(table) if own else "t.row_hash"
        text = f"SELECT {kept}, t.source_path, {key} FROM {table.name} t WHERE t.store_id = %s::uuid"
        with self.reading() as connection:
            found = connection.execute(sql(text), [store]).fetchall()
        return [(tuple(row[2:]), row[0], row[1]) for row in found]

    def writer(self, store: str, sync_id: str) -> PostgresWriter:
        """Begin the one transaction of a sync."""
        return PostgresWriter(
            self.begin("ISOLATION LEVEL READ COMMITTED READ WRITE"), self.schema, store, sync_id
        )

    def was_committed(self, store: str, sync_id: str) -> bool:
        """Say whether a sync whose answer was lost is in the ledger; waits until its backend has ended."""
        connection = self.begin("ISOLATION LEVEL READ COMMITTED READ WRITE")
        try:
            with explained():
                key = pg_text.store_lock(self.schema, store)
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])
                found = connection.execute("SELECT 1 FROM sync_run WHERE sync_id = %s::uuid", [sync_id])
                return found.fetchone() is not None
        finally:
            rolled_back(connection)

    def locked(self, store: str) -> StateError:
        """Return the error that names who holds the lock."""
        keys = [pg_text.store_lock(self.schema, store), pg_text.migration_lock(self.schema)]
        with self.reading() as connection:
            row = connection.execute(_HOLDER, [keys]).fetchone()
        who = "another session"
        if row is not None:
            who = f"pid {row[0]} ({row[1]}, {row[2] or 'unnamed'}) for {row[3]} s"
        hint = "wait for it, or allow more with --lock-timeout S"
        return StateError("db_locked", f"the lock is held by {who}", hint=hint, retryable=True)

    @contextmanager
    def reader(self, store: str) -> Iterator[PostgresReader]:
        """Give one snapshot to verify."""
        from platformstate.exporter.pg_reader import PostgresReader

        with self.reading(hidden=True) as connection:  # it reports row security, and what that hides
            yield PostgresReader(connection, self.schema, store)

    def remember(self, said: Verification) -> None:
        """Record a verification in a transaction of its own. Raises: db_permission_denied, db_read_only."""
        refuse_standby(self.connection)
        connection = self.begin("ISOLATION LEVEL READ COMMITTED READ WRITE")
        try:
            with explained():
                connection.execute(_REMEMBER, said)
                connection.execute("COMMIT")
        finally:
            rolled_back(connection)

    def last_verify(self, store: str, commit: str | None = None) -> LastVerify | None:
        """Return the newest verification of a store, or the newest deep one of a commit."""
        text = _LAST_VERIFY + ("" if commit is None else _OF_COMMIT) + _NEWEST
        with self.reading() as connection:
            row = connection.execute(sql(text), {"store": store, "commit": commit}).fetchone()
        return None if row is None else LastVerify(*row)

    def document(self, verify_id: str) -> tuple[str | None, str]:
        """Return the sha256 that a verification keeps of its evidence, and the server's system id."""
        from platformstate.exporter.pg_reader import PostgresReader

        text = "SELECT encode(document_sha256, 'hex') FROM verify_run WHERE verify_id = %s::uuid"
        with self.reading() as connection:
            there = applied_migrations(connection, self.schema)
            row = connection.execute(text, [verify_id]).fetchone() if there else None
            return (None if row is None else row[0]), PostgresReader(connection, self.schema, "").system_id()

    def sizes(self, store: str) -> dict[str, int]:
        """Return how many rows of a store each table has."""
        with self.reading() as connection:
            found = {}
            for name in TABLES:
                text = sql(f"SELECT count(*) FROM {name} WHERE store_id = %s::uuid")
                row = connection.execute(text, [store]).fetchone()
                found[name] = int(row[0]) if row else 0
            return found

    def can(self) -> dict[str, bool]:
        """Return whether this user may migrate and sync."""
        names = [*TABLES, "source_file", "store_head"]
        with self.reading() as connection:
            row = connection.execute(_MAY_MIGRATE, {"schema": self.schema}).fetchone()
            tables = connection.execute(_MAY_SYNC, {"schema": self.schema, "names": names}).fetchone()
        assert row is not None
        assert tables is not None
        return {"migrate": bool(row[0]), "sync": bool(tables[0])}


def applied_migrations(connection: Connection, schema: str) -> tuple[Applied, ...]:
    """Return the migrations that were applied; none when there is no such table."""
    there = connection.execute(
        "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'schema_migration'", [schema]
    ).fetchone()
    if there is None:
        return ()
    # With its schema's name, a role that may not use the schema is told so.
    text = (
        f"SELECT version, name, encode(checksum, 'hex') FROM \"{schema}\".schema_migration ORDER BY version"
    )
    return tuple(Applied(*row) for row in connection.execute(sql(text)))


def read_head(connection: Connection, store: str, *, locking: bool = False) -> Head | None:
    """Return the cursor of a store, held until the end of the transaction when `locking`."""
    text = f"{_HEAD} FOR UPDATE" if locking else _HEAD
    row = connection.execute(sql(text), [store]).fetchone()
    return None if row is None else Head(*row)


def _without_cursor(connection: Connection, store: str) -> tuple[bool, bool, bool]:
    """Say whether rows and an inventory are there, and whether this program's parser made the latter."""
    some = " OR ".join(f"EXISTS (SELECT 1 FROM {name} WHERE store_id = %(s)s::uuid)" for name in TABLES)
    rows = connection.execute(sql(f"SELECT {some}"), {"s": store}).fetchone()
    files = connection.execute(
        "SELECT count(*), bool_and(parser_version = %s) FROM source_file WHERE store_id = %s::uuid",
        [PARSER_VERSION, store],
    ).fetchone()
    assert rows is not None
    assert files is not None
    return bool(rows[0]), bool(files[0]), bool(files[1]) or not files[0]


def rolled_back(connection: Connection) -> None:
    """End a transaction, if one goes on; a connection that was lost has none."""
    try:
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()
