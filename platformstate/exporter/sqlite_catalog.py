"""Read the catalog of a SQLite file as the expected one is written.

SQLite keeps the text of each definition as it was given, so that what the pragmas do not tell is compared as
text with that of a file made here.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from functools import cache
from typing import Final

from platformstate.exporter import catalog
from platformstate.exporter.catalog import Drift
from platformstate.exporter.migrations import packaged
from platformstate.exporter.sqlite import applied_migrations, statements
from platformstate.exporter.views import VIEWS

_OTHER: Final = "another definition"
_INDEXED: Final = "SELECT name FROM pragma_index_info(?)"


def found(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the description of every object of ours that is there, and of what is on our tables."""
    objects: dict[str, str] = {}
    ours = {table.name for table in catalog.tables()}
    wanted = _wanted()
    for type, name, table, text in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        odd = [] if _plain(text) == wanted.get((type, name)) else [_OTHER]
        if type == "table" and name in ours:
            objects |= _table(connection, name, odd)
        elif type in ("view", "table") and name in VIEWS:
            columns = ", ".join(str(row[1]) for row in connection.execute(f"PRAGMA table_info({name})"))
            objects[name] = "; ".join([columns, *odd])
        elif type == "view" and name in ours:
            objects[name] = "view"
        elif type == "trigger" and (table in ours or table in VIEWS):
            objects[f"{table}.trigger {name}"] = f"trigger on {table}"
        elif type == "index" and table in ours and not name.startswith("sqlite_autoindex"):
            columns = ", ".join(str(row[0]) for row in connection.execute(_INDEXED, [name]))
            objects[f"{table}.index {name}"] = columns + "".join(f" ({word})" for word in odd)
    return objects | catalog.of_migrations(applied_migrations(connection))


@cache
def _wanted() -> dict[tuple[str, str], str]:
    """Return the text of every object that the migrations make."""
    made = sqlite3.connect(":memory:")
    for migration in packaged("sqlite"):
        for statement in statements(migration.sql):
            made.execute(statement)
    rows = made.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    made.close()
    return {(type, name): _plain(text) for type, name, text in rows}


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())


def _table(connection: sqlite3.Connection, name: str, odd: list[str]) -> dict[str, str]:
    rows = list(connection.execute(f"PRAGMA table_info({name})"))
    key = [row[1] for row in sorted((row for row in rows if row[5]), key=lambda row: row[5])]
    references: dict[int, tuple[list[str], str]] = defaultdict(lambda: ([], ""))
    for row in connection.execute(f"PRAGMA foreign_key_list({name})"):
        references[row[0]] = ([*references[row[0]][0], row[3]], row[2])
    columns = {f"{name}.{row[1]}": catalog.typed(row[2], not row[3]) for row in rows}
    said = [catalog.referring(each, target) for each, target in references.values()]
    return {name: catalog.described(key, said, odd), **columns}


def drift(connection: sqlite3.Connection) -> list[Drift]:
    """Return how the tables that are there differ from those that the migrations make."""
    return catalog.drift(catalog.expected("sqlite"), found(connection))
