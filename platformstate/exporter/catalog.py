"""What the tables of a database should look like, and how those that are there differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from platformstate.exporter.bookkeeping import BOOKKEEPING
from platformstate.exporter.layout import Table, column_type
from platformstate.exporter.migrations import Applied, packaged
from platformstate.exporter.tables import TABLES
from platformstate.exporter.views import VIEWS


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
        found[table.name] = described(table.key, ((_columns(table, c), t) for c, t in table.references))
        for column in table.columns:
            found[f"{table.name}.{column.name}"] = typed(column_type(column, engine), column.null)
        for index in table.indexes:
            found[f"{table.name}.index {index.name}"] = ", ".join(index.columns)
    found |= {name: ", ".join(columns) for name, columns in VIEWS.items()}
    if with_migrations:
        found |= {f"migration {each.version}": each.checksum for each in packaged(engine)}
    return found


def _columns(table: Table, column: str) -> tuple[str, ...]:
    return ("store_id", column) if table.deferred and column != "sync_id" else (column,)


def described(key: Iterable[str], references: Iterable[tuple[Iterable[str], str]]) -> str:
    """Return how a table's keys are written in a drift."""
    parts = [f"key ({', '.join(key)})"]
    parts += sorted(f"({', '.join(columns)}) references {target}" for columns, target in references)
    return "; ".join(parts)


def typed(type: str, null: bool) -> str:
    """Return how a column is written in a drift."""
    return type if null else f"{type} not null"


def drift(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[Drift]:
    """Return every object that differs; of a table that is not there, only the table."""
    gone = {name for name in wanted if name not in found and "." not in name}
    names = sorted(wanted.keys() | found.keys())
    return [
        Drift(name, wanted.get(name), found.get(name))
        for name in names
        if wanted.get(name) != found.get(name) and name.partition(".")[0] not in gone - {name}
    ]


def of_migrations(applied: Iterable[Applied]) -> dict[str, str]:
    """Return the applied migrations as objects of a catalog."""
    return {f"migration {each.version}": each.checksum for each in applied}
