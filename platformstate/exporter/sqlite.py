"""A SQLite file as a target: the same tables and hashes, read and written by the standard library."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platformstate.errors import StateError, shown
from platformstate.exporter.canonical import hashed_columns, row_hash
from platformstate.exporter.layout import Table
from platformstate.exporter.migrations import Applied, packaged, refuse_foreign
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.exporter.sqlite_values import canonical_rows, decoded, shown_field
from platformstate.exporter.state import Head, LastVerify, Server, Standing, Verification
from platformstate.exporter.tables import TABLES

if TYPE_CHECKING:
    from platformstate.exporter.sqlite_reader import SqliteReader
    from platformstate.exporter.sqlite_writer import SqliteWriter

_HEAD: Final = (
    "SELECT ref, lower(hex(commit_oid)), lower(hex(tree_oid)), commit_at, schema_version, parser_version,"
    " sync_id, synced_at FROM store_head WHERE store_id = ?"
)
_MODES: Final = {"write": "rwc", "update": "rw", "read": "ro", "plan": "ro"}
_FAULTS: Final = (
    ("database or disk is full", "db_disk_full", "the disk is full"),
    ("readonly", "db_read_only", "the file may not be written"),
    ("read-only", "db_read_only", "the file may not be written"),
    ("file is not a database", "db_server_unsupported", "the file is no SQLite database"),
    ("malformed", "db_server_unsupported", "the file is a damaged SQLite database"),
    ("already exists", "db_migration_changed", "the file has tables that are none of ours"),
    ("no such table", "db_migration_changed", "the file lacks tables of ours"),
    ("no such column", "db_migration_changed", "the file has tables that are none of ours"),
    ("no column named", "db_migration_changed", "the file has tables that are none of ours"),
    ("unable to open", "db_unreachable", "the file cannot be opened"),
    ("disk i/o error", "db_unreachable", "the file cannot be read or written"),
)
_ANY_HEAD: Final = "SELECT 1 FROM store_head LIMIT 1"
_NO_ROOM: Final = ("db_disk_full", "db_unreachable")
_UNDO: Final = "undo that (platformctl db verify names it), or remove the file and sync again"
_LOOK: Final = "platformctl db verify tells whether somebody changed the tables; if nobody did, report a bug"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours. Raises: db_locked, db_disk_full, db_read_only, db_unreachable."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise _refusal(str(error), path) from error
    except sqlite3.DatabaseError as error:
        raise _meaning(str(error).lower(), path) from error


def _meaning(said: str, path: Path) -> StateError:
    if "locked" in said or "busy" in said:
        hint = "wait for it, or allow more with --lock-timeout S"
        return StateError("db_locked", f"{shown(path)} is being written", hint=hint, retryable=True)
    for text, code, message in _FAULTS:
        if text in said:
            return StateError(code, f"{shown(path)}: {message}", hint="name another file with --sqlite")
    return StateError("internal_error", f"SQLite refused a statement: {said}", hint=_LOOK)


def _refusal(said: str, path: Path) -> StateError:
    """Return the error for a row that a rule of a table refuses: what is written obeys every rule of ours."""
    if said.startswith("FOREIGN KEY"):
        message = "a row names a record that is not there, or is held by one of somebody else"
        hint = "platformctl validate --rev COMMIT; drop what refers to the tables from elsewhere"
        return StateError("state_invalid", f"{message}; nothing was written", hint=hint)
    message = f"{shown(path)}: a rule that somebody added refuses a row ({shown(said)}); nothing was written"
    return StateError("db_migration_changed", message, hint=_UNDO)


class SqliteTarget:
    """One file, opened when it is first asked.

    Mode `write` makes it and its tables when they are absent, `update` and `read` ask that it is there,
    `plan` takes an absent one for an empty one.
    """

    engine = "sqlite"
    schema = "main"

    def __init__(
        self, path: Path, *, mode: str, lock_timeout: float = 10.0, now: str, tool_version: str
    ) -> None:
        self.path, self._mode, self._timeout = path, mode, lock_timeout
        self._now, self._tool_version = now, tool_version
        self._connection: sqlite3.Connection | None = None
        self._undo: Callable[[], None] | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, made when it is first needed."""
        if self._connection is None:
            with explained(self.path):
                self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        there = os.path.exists(self.path)  # False for a name that no file can have
        if self._mode in ("read", "update") and not there:
            raise StateError(
                "db_never_synced", f"{shown(self.path)} is not there", hint="platformctl db sync"
            )
        place = f"{self.path.absolute().as_uri()}?mode={_MODES[self._mode]}"
        if self._mode == "plan" and not there:
            place = "file::memory:"
        if self._mode == "write":
            self._undo = _undo(self.path)
        with ExitStack() as opened:
            connection = sqlite3.connect(place, uri=True, timeout=self._timeout, isolation_level=None)
            opened.callback(connection.close)
            connection.text_factory = decoded
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            if self._mode == "write" or place == "file::memory:":
                self._migrate(connection)
            opened.pop_all()
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        done = applied_migrations(connection)
        refuse_foreign(done, packaged("sqlite"))
        for each in packaged("sqlite")[len(done) :]:
            connection.execute("BEGIN IMMEDIATE")
            if each.version not in {known.version for known in applied_migrations(connection)}:
                for statement in statements(each.sql):
                    connection.execute(statement)
                row = (
                    each.version,
                    each.name,
                    bytes.fromhex(each.checksum),
                    self._now,
                    "sqlite",
                    self._tool_version,
                    0,
                )
                connection.execute("INSERT INTO schema_migration VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def whole_or_absent(self) -> Iterator[None]:
        """Take back a file that this command made and that had no room, lest it pass for a mirror."""
        try:
            yield
        except StateError as refused:
            if self._undo is not None and refused.code in _NO_ROOM:
                self.close()
                _taken_back(self.path, self._undo)
            raise

    def server(self) -> Server:
        """Return what may be told of the file."""
        return Server("sqlite", sqlite3.sqlite_version, self.schema, str(self.path), "")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a snapshot in which nothing is written."""
        connection = self.connection
        with explained(self.path):
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def standing(self, store: str) -> Standing:
        """Return what the file says of a store."""
        with self.reading() as connection:
            applied = applied_migrations(connection)
            if not applied:
                return Standing()
            row = connection.execute(_HEAD, [store]).fetchone()
            if row is not None:
                head = Head(*row)
                return Standing(applied, head, same_parser=head.parser_version == PARSER_VERSION)
            return Standing(applied, None, *_without_cursor(connection, store))

    def inventory(self, store: str) -> dict[str, tuple[str, int]]:
        """Return blob and parser version of every file of a store in the inventory."""
        text = "SELECT path, lower(hex(blob_oid)), parser_version FROM source_file WHERE store_id = ?"
        with self.reading() as connection:
            return {path: (blob, version) for path, blob, version in connection.execute(text, [store])}

    def present(
        self, table: Table, store: str, *, own: bool = False
    ) -> list[tuple[tuple[Any, ...], bytes, str]]:
        """Return key, hash and source of every row of a store, the hash computed anew when `own`."""
        names = hashed_columns(table)
        key, source = [names.index(name) for name in table.key], names.index("source_path")
        with self.reading() as connection:
            return [
                (
                    tuple(shown_field(fields[place]) for place in key),
                    row_hash(table.name, fields) if own else kept or b"",
                    shown_field(fields[source]) or "",
                )
                for kept, fields in canonical_rows(connection, table, store)
            ]

    def writer(self, store: str, sync_id: str) -> SqliteWriter:
        """Begin the one transaction of a sync."""
        from platformstate.exporter.sqlite_writer import SqliteWriter

        return SqliteWriter(self.connection, self.path, store, sync_id, self._now)

    def was_committed(self, store: str, sync_id: str) -> bool:
        """Say whether a sync is in the ledger; SQLite loses no answer."""
        with self.reading() as connection:
            found = connection.execute("SELECT 1 FROM sync_run WHERE sync_id = ?", [sync_id])
            return found.fetchone() is not None

    def locked(self, store: str) -> StateError:
        """Return the error for a file that another process writes."""
        return _meaning("locked", self.path)

    @contextmanager
    def reader(self, store: str) -> Iterator[SqliteReader]:
        """Give one snapshot to verify."""
        from platformstate.exporter.sqlite_reader import SqliteReader

        with self.reading() as connection:
            yield SqliteReader(connection, store)

    def remember(self, said: Verification) -> None:
        """Record a verification. Raises: db_read_only, db_locked."""
        row = (said.verify_id, said.store, bytes.fromhex(said.commit), said.mode, int(said.ok), said.report)
        rest = (None, said.tool_version, said.actor, said.started_at, self._now)
        with explained(self.path):
            self.connection.execute(
                "INSERT INTO verify_run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row + rest
            )

    def last_verify(self, store: str, commit: str | None = None) -> LastVerify | None:
        """Return the newest verification of a store, or the newest deep one of a commit."""
        text = (
            "SELECT verify_id, lower(hex(commit_oid)), mode, ok, finished_at FROM verify_run WHERE store_id = :store"
            + ("" if commit is None else " AND mode = 'deep' AND lower(hex(commit_oid)) = :commit")
            + " ORDER BY finished_at DESC, rowid DESC LIMIT 1"
        )
        with self.reading() as connection:
            row = connection.execute(text, {"store": store, "commit": commit}).fetchone()
        return None if row is None else LastVerify(row[0], row[1], row[2], bool(row[3]), row[4])

    def sizes(self, store: str) -> dict[str, int]:
        """Return how many rows of a store each table has."""
        with self.reading() as connection:
            text = "SELECT count(*) FROM {} WHERE store_id = ?"
            return {name: connection.execute(text.format(name), [store]).fetchone()[0] for name in TABLES}

    def can(self) -> dict[str, bool]:
        """Return whether this user may write the file."""
        writable = os.access(self.path, os.W_OK)
        return {"migrate": writable, "sync": writable}


def _undo(path: Path) -> Callable[[], None] | None:
    """Return what makes a place again as it is, None where a file holds something."""
    if not os.path.exists(path):  # also where a link leads to nothing
        return lambda: os.unlink(os.path.realpath(path))
    return None if os.stat(path).st_size else lambda: os.truncate(path, 0)


def _taken_back(path: Path, undo: Callable[[], None]) -> None:
    """Undo what was made unless somebody else has synced into it meanwhile, or is about to."""
    place = f"{path.absolute().as_uri()}?mode=rw"
    with (
        suppress(sqlite3.Error, OSError),
        closing(sqlite3.connect(place, uri=True, timeout=0, isolation_level=None)) as connection,
    ):
        connection.execute("BEGIN EXCLUSIVE")
        if not applied_migrations(connection) or not connection.execute(_ANY_HEAD).fetchone():
            undo()


def statements(text: str) -> Iterator[str]:
    """Yield the statements of a migration one by one; none of ours holds a semicolon in a text."""
    return (each.strip() for each in text.split(";\n") if each.strip())


def applied_migrations(connection: sqlite3.Connection) -> tuple[Applied, ...]:
    """Return the migrations that were applied; none when there is no such table."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'").fetchone()
    if there is None:
        return ()
    text = "SELECT version, name, lower(hex(checksum)) FROM schema_migration ORDER BY version"
    return tuple(Applied(*row) for row in connection.execute(text))


def read_head(connection: sqlite3.Connection, store: str) -> Head | None:
    """Return the cursor of a store."""
    row = connection.execute(_HEAD, [store]).fetchone()
    return None if row is None else Head(*row)


def _without_cursor(connection: sqlite3.Connection, store: str) -> tuple[bool, bool, bool]:
    rows = any(
        connection.execute(f"SELECT 1 FROM {name} WHERE store_id = ? LIMIT 1", [store]).fetchone()
        for name in TABLES
    )
    files, other = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE parser_version <> ?) FROM source_file WHERE store_id = ?",
        [PARSER_VERSION, store],
    ).fetchone()
    return rows, bool(files), not other
