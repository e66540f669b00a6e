"""The one transaction of a sync into SQLite: stage in temporary tables, lock, merge, finish, commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from platformstate.exporter.layout import Table
from platformstate.exporter.pg_text import EVERY, staged_columns
from platformstate.exporter.repairing import repair_sqlite
from platformstate.exporter.rows import PARSER_VERSION, Fields
from platformstate.exporter.sqlite import explained
from platformstate.exporter.sqlite_values import stored
from platformstate.exporter.state import Counts, Head, LedgerRow

BATCH_ROWS: Final = 500
_LEDGER: Final = "INSERT INTO sync_run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_HEAD: Final = "INSERT OR REPLACE INTO store_head VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class SqliteWriter:
    """A transaction in progress; nothing of it is seen before `commit`."""

    straight = False

    def __init__(
        self, connection: sqlite3.Connection, path: Path, store: str, sync_id: str, now: str
    ) -> None:
        self._connection, self._path = connection, path
        self._store, self._sync_id, self._now = store, sync_id, now
        self._waiting: dict[str, list[list[Any]]] = {}
        self._types: dict[str, list[str]] = {}
        self.staged: dict[str, int] = {}
        with explained(path):
            for name in ("touched", *(f"staged_{each}" for each in EVERY)):
                connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            connection.execute("BEGIN")

    def stage(self, table: Table, rows: Sequence[Fields], size: int) -> None:
        """Add rows to what will be there, fields and hash; a batch is a number of them, whatever their size."""
        name = table.name
        if name not in self._types:
            self._begin(table)
        self._waiting[name] += [stored(self._types[name], row) for row in rows]
        self.staged[name] += len(rows)
        if len(self._waiting[name]) >= BATCH_ROWS:
            self._send(table)

    def _begin(self, table: Table) -> None:
        name, columns = table.name, staged_columns(table)
        types = {column.name: column.type for column in table.columns} | {"row_hash": "raw"}
        self._types[name] = [types[each] for each in columns]
        self._waiting[name], self.staged[name] = [], 0
        key = ", ".join(table.key)
        with explained(self._path):
            self._connection.execute(
                f"CREATE TEMP TABLE staged_{name} ({', '.join(columns)}, PRIMARY KEY ({key}))"
            )

    def _send(self, table: Table) -> None:
        rows, self._waiting[table.name] = self._waiting[table.name], []
        marks = ", ".join("?" * len(staged_columns(table)))
        with explained(self._path):
            self._connection.executemany(f"INSERT INTO temp.staged_{table.name} VALUES ({marks})", rows)

    def flush(self) -> None:
        """Send every batch that waits."""
        for name in self._waiting:
            self._send(EVERY[name])

    def touched(self, units: Iterable[str]) -> None:
        """Say which units this sync replaces."""
        with explained(self._path):
            self._connection.execute("CREATE TEMP TABLE touched (unit TEXT PRIMARY KEY)")
            rows = ((unit,) for unit in units)
            self._connection.executemany("INSERT INTO temp.touched VALUES (?)", rows)

    def lock(self, head: Callable[[sqlite3.Connection], Head | None]) -> Head | None:
        """Wait for this file's turn, then return the cursor as it is now. Raises: db_locked."""
        with explained(self._path):
            self._connection.execute("UPDATE main.store_head SET ref = ref WHERE false")
            return head(self._connection)

    def repair(self) -> None:
        """Give every row of this store the hash that its columns have now."""
        with explained(self._path):
            repair_sqlite(self._connection, self._store)

    def duplicates(self, table: Table) -> list[tuple[str, str]]:
        """Return files of touched and of other units that hold one key."""
        on = " AND ".join(f"t.{name} = s.{name}" for name in table.key)
        text = (
            f"SELECT s.source_path, t.source_path FROM temp.staged_{table.name} s JOIN main.{table.name} t ON {on}"
            " WHERE NOT EXISTS (SELECT 1 FROM temp.touched u WHERE u.unit = t.source_path) ORDER BY 1, 2 LIMIT 20"
        )
        with explained(self._path):
            return list(self._connection.execute(text))

    def merge(self, table: Table, *, all_units: bool, fresh: bool) -> Counts:
        """Make the table's rows of the touched units equal to the staged ones."""
        staged = self.staged.get(table.name, 0)
        with explained(self._path):
            found = self._upsert(table) if staged else Counts()
            return found if fresh else found._replace(deleted=self._delete(table, bool(staged), all_units))

    def _upsert(self, table: Table) -> Counts:
        columns = staged_columns(table)
        on = " AND ".join(f"t.{name} = s.{name}" for name in table.key)
        differs = _differs(table)
        source = f"temp.staged_{table.name} s LEFT JOIN main.{table.name} t ON {on}"
        new, other, whole = self._connection.execute(
            f"SELECT count(*) FILTER (WHERE t.{table.key[-1]} IS NULL),"
            f" count(*) FILTER (WHERE t.{table.key[-1]} IS NOT NULL AND {differs}), count(*) FROM {source}"
        ).fetchone()
        stamps = {"sync_id": self._sync_id, "synced_at": self._now}
        stamps = {name: value for name, value in stamps.items() if name in table.names}
        names = [*columns, *stamps]
        sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in table.key)
        where = " OR ".join(f"{table.name}.{name} IS NOT excluded.{name}" for name in _compared(table))
        self._connection.execute(
            f"INSERT INTO main.{table.name} ({', '.join(names)})"
            f" SELECT {', '.join(columns)}, {', '.join('?' * len(stamps))} FROM temp.staged_{table.name} WHERE true"
            f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {sets} WHERE {where}",
            list(stamps.values()),
        )
        return Counts(new, other, 0, whole - new - other)

    def _delete(self, table: Table, staged: bool, all_units: bool) -> int:
        unit = "unit" if table.name == "source_file" else "source_path"
        wheres = ["store_id = ?"]
        if not all_units:
            wheres.append(f"{unit} IN (SELECT unit FROM temp.touched)")
        if staged:
            on = " AND ".join(f"main.{table.name}.{name} = s.{name}" for name in table.key)
            wheres.append(f"NOT EXISTS (SELECT 1 FROM temp.staged_{table.name} s WHERE {on})")
        text = f"DELETE FROM main.{table.name} WHERE {' AND '.join(wheres)}"
        return self._connection.execute(text, [self._store]).rowcount

    def count(self, table: Table) -> int:
        """Return how many rows of this store a table has now."""
        text = f"SELECT count(*) FROM main.{table.name} WHERE store_id = ?"
        with explained(self._path):
            return int(self._connection.execute(text, [self._store]).fetchone()[0])

    def finish(self, said: LedgerRow, schema_version: int) -> None:
        """Write the ledger's row and the cursor."""
        parent = None if said.from_commit is None else bytes.fromhex(said.from_commit)
        commit, tree = bytes.fromhex(said.to_commit), bytes.fromhex(said.to_tree)
        ledger = (
            said.sync_id, said.store, said.ref, parent, commit, tree, said.relation, said.counts, schema_version,
            PARSER_VERSION, said.tool_version, said.actor, said.started_at, self._now,
        )  # fmt: skip
        head = (
            said.store, said.ref, commit, tree, said.commit_at, schema_version, PARSER_VERSION, said.sync_id,
            self._now,
        )  # fmt: skip
        with explained(self._path):
            self._connection.execute(_LEDGER, ledger)
            self._connection.execute(_HEAD, head)

    def commit(self) -> None:
        """Commit. Raises: db_locked while another process reads for too long, db_disk_full."""
        with explained(self._path):
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Give everything up."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _compared(table: Table) -> list[str]:
    if "row_hash" in table.names:
        return ["row_hash"]
    return [name for name in staged_columns(table) if name not in table.key]


def _differs(table: Table) -> str:
    return "(" + " OR ".join(f"t.{name} IS NOT s.{name}" for name in _compared(table)) + ")"
