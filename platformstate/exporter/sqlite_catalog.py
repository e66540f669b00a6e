"""Read the catalog of a SQLite file as the expected one is written."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from platformstate.exporter import catalog
from platformstate.exporter.catalog import Drift
from platformstate.exporter.sqlite import applied_migrations
from platformstate.exporter.views import VIEWS


def found(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the description of every object of ours that is there, and of what is on our tables."""
    objects: dict[str, str] = {}
    listed = list(connection.execute("SELECT type, name, tbl_name FROM sqlite_master"))
    ours = {table.name for table in catalog.tables()}
    for type, name, table in listed:
        if type == "table" and name in ours:
            objects |= _table(connection, name)
        elif type == "view" and name in VIEWS:
            objects[name] = ", ".join(str(row[1]) for row in connection.execute(f"PRAGMA table_info({name})"))
        elif type == "trigger" and table in ours:
            objects[name] = f"trigger on {table}"
        elif type == "index" and table in ours and not name.startswith("sqlite_autoindex"):
            columns = [row[2] for row in connection.execute(f'PRAGMA index_info("{name}")')]
            objects[f"{table}.index {name}"] = ", ".join(map(str, columns))
    return objects | catalog.of_migrations(applied_migrations(connection))


def _table(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    rows = list(connection.execute(f"PRAGMA table_info({name})"))
    key = [row[1] for row in sorted((row for row in rows if row[5]), key=lambda row: row[5])]
    references: dict[int, tuple[list[str], str]] = defaultdict(lambda: ([], ""))
    for row in connection.execute(f"PRAGMA foreign_key_list({name})"):
        references[row[0]] = ([*references[row[0]][0], row[3]], row[2])
    columns = {f"{name}.{row[1]}": catalog.typed(row[2], not row[3]) for row in rows}
    return {name: catalog.described(key, references.values()), **columns}


def drift(connection: sqlite3.Connection) -> list[Drift]:
    """Return how the tables that are there differ from those that the migrations make."""
    return catalog.drift(catalog.expected("sqlite"), found(connection))
