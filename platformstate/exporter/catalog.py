"""What the tables of a database should look like, and how those that are there differ. Pure.

An object is described by what it is, in words that do not depend on a server's version: never by the text
that the server prints for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from platformstate.exporter.bookkeeping import BOOKKEEPING
from platformstate.exporter.layout import Table, column_type
from platformstate.exporter.migrations import Applied, packaged
from platformstate.exporter.tables import TABLES
from platformstate.exporter.views import VIEWS

KINDS: Final = {
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "c": "composite type",
    "i": "index",
    "I": "index",
}
_WORD: Final = re.compile(r"'(?:[^']|'')*'|[<>=!]+|\w+")
# What a server adds or leaves out when it prints an expression of ours.
_PRINTED: Final = frozenset({"any", "array", "text"})


class Drift(NamedTuple):
    """One object that is not as expected; None stands for one that is not there."""

    object: str
    expected: str | None
    found: str | None

    def as_json(self) -> dict[str, str | None]:
        """Return what `db verify` shows of it."""
        return self._asdict()


def tables() -> tuple[Table, ...]:
    """Return every table, those of records first."""
    return (*TABLES.values(), *BOOKKEEPING)


def expected(engine: str, *, with_migrations: bool = True) -> dict[str, str]:
    """Return the description of every object by its name."""
    found: dict[str, str] = {}
    for table in tables():
        found |= _expected(table, engine)
    found |= {name: ", ".join(columns) for name, columns in VIEWS.items()}
    if with_migrations:
        found |= {f"migration {each.version}": each.checksum for each in packaged(engine)}
    return found


def _expected(table: Table, engine: str) -> dict[str, str]:
    found = {
        table.name: described(table.key, (_reference(table, *each, engine) for each in table.references))
    }
    for column in table.columns:
        default = words(column.default) if engine == "postgres" else ""
        odd = [f"default {default}"] if default else []
        found[f"{table.name}.{column.name}"] = typed(column_type(column, engine), column.null, odd)
        if column.check and engine == "postgres":
            found[f"{table.name}.check {table.name}_{column.name}_check"] = words(column.check)
    for index in table.indexes:
        found[f"{table.name}.index {index.name}"] = ", ".join(index.columns)
    return found


def _reference(table: Table, column: str, target: str, engine: str) -> str:
    own = table.deferred and column != "sync_id"
    how = ["deferred"] if own and engine == "postgres" else []
    return referring(("store_id", column) if own else (column,), target, how)


def referring(columns: Iterable[str], target: str, how: Iterable[str] = ()) -> str:
    """Return how a reference is written in a drift."""
    return " ".join([f"({', '.join(columns)}) references {target}", *how])


def described(key: Iterable[str], references: Iterable[str], odd: Iterable[str] = ()) -> str:
    """Return how a table's keys, and what is unusual about it, are written in a drift."""
    return "; ".join([f"key ({', '.join(key)})", *sorted(references), *odd])


def typed(type: str, null: bool, odd: Iterable[str] = ()) -> str:
    """Return how a column is written in a drift."""
    return " ".join([type, *([] if null else ["not null"]), *odd])


def words(expression: str) -> str:
    """Return what an expression says, without the casts and brackets in which servers differ."""
    found = [word if word[0] == "'" else word.lower() for word in _WORD.findall(expression)]
    return " ".join("=" if word == "in" else word for word in found if word not in _PRINTED)


def drift(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[Drift]:
    """Return every object that differs; of a table that is not there, or is none, only the table."""
    no_table = {None, *KINDS.values()}
    gone = {name for name in wanted if "." not in name and found.get(name) in no_table}
    names = sorted(wanted.keys() | found.keys())
    return [
        Drift(name, wanted.get(name), found.get(name))
        for name in names
        if wanted.get(name) != found.get(name) and name.partition(".")[0] not in gone - {name}
    ]


def of_migrations(applied: Iterable[Applied]) -> dict[str, str]:
    """Return the applied migrations as objects of a catalog."""
    return {f"migration {each.version}": each.checksum for each in applied}
