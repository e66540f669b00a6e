"""What a table of the export is, and the SQL that creates it on each engine. Pure text, no database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

ENGINES: Final = ("postgres", "sqlite")
_SQLITE_TYPES: Final = {
    "uuid": "TEXT",
    "text": "TEXT",
    "timestamptz": "TEXT",
    "jsonb": "TEXT",
    "bytea": "BLOB",
    "boolean": "INTEGER",
    "integer": "INTEGER",
    "bigint": "INTEGER",
}


class Column(NamedTuple):
    """One column; `sources` says where in a record of each kind its value stands, if it stands there."""

    name: str
    type: str
    null: bool = True
    sources: tuple[tuple[str, tuple[str, ...]], ...] = ()
    check: str = ""
    default: str = ""


class Index(NamedTuple):
    """An index and its columns, `store_id` first."""

    name: str
    columns: tuple[str, ...]


class Table(NamedTuple):
    """One table; `key` and `references` name columns of it, `store_id` included where it has one."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[tuple[str, str], ...] = ()
    indexes: tuple[Index, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def deferred(self) -> bool:
        """Whether its references are checked at the end of a transaction, as those of records are."""
        return "store_id" in self.key


def create_table(table: Table, engine: str) -> str:
    """Return the statements that create a table and its indexes."""
    lines = [_column(column, engine) for column in table.columns]
    lines.append(f"PRIMARY KEY ({', '.join(table.key)})")
    lines += [_reference(table, column, target) for column, target in table.references]
    body = ",\n".join(f"  {line}" for line in lines)
    return f"CREATE TABLE {table.name} (\n{body}\n);\n" + "".join(map(create_index, _on(table)))


def _on(table: Table) -> Sequence[tuple[str, Index]]:
    return [(table.name, index) for index in table.indexes]


def create_index(of: tuple[str, Index]) -> str:
    """Return the statement that creates one index of a table."""
    table, index = of
    return f"CREATE INDEX {index.name} ON {table} ({', '.join(index.columns)});\n"


def add_column(table: str, column: Column, engine: str) -> str:
    """Return the statement that adds a column to a table that has rows."""
    return f"ALTER TABLE {table} ADD COLUMN {_column(column, engine)};\n"


def column_type(column: Column, engine: str) -> str:
    """Return the type of a column as an engine calls it."""
    return column.type if engine == "postgres" else _SQLITE_TYPES[column.type]


def _column(column: Column, engine: str) -> str:
    text = f"{column.name} {column_type(column, engine)}"
    if not column.null:
        text += " NOT NULL"
    if column.default and engine == "postgres":
        text += f" DEFAULT {column.default}"
    if column.check:
        check = column.check.replace("octet_length", "length") if engine == "sqlite" else column.check
        text += f" CHECK ({check})"
    return text


def _reference(table: Table, column: str, target: str) -> str:
    if table.deferred and column != "sync_id":
        return f"FOREIGN KEY (store_id, {column}) REFERENCES {target} DEFERRABLE INITIALLY DEFERRED"
    return f"FOREIGN KEY ({column}) REFERENCES {target}"
