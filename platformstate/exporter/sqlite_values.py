"""How canonical fields stand in a SQLite file, and how what stands there is read back, also after a hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from platformstate.exporter.canonical import hashed_columns
from platformstate.exporter.layout import Table

Reader = Callable[[Any], "bytes | None"]


def decoded(text: bytes) -> str:
    """Return a stored text, also one that a hand made invalid."""
    return text.decode("utf-8", "surrogateescape")


def _read_back(type: str) -> Reader:
    """Return what gives the canonical bytes of a stored value, also of one that was edited by hand."""
    if type == "bytea":
        return lambda value: value.hex().encode("ascii") if isinstance(value, bytes) else _odd(value)
    if type == "boolean":
        return lambda value: {0: b"false", 1: b"true"}.get(value, _as_text(value))
    return _as_text


def _as_text(value: Any) -> bytes | None:
    if value is None:
        return None
    return _odd(value) if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def _odd(value: Any) -> bytes | None:
    """Return a value of a type that its column never has; it is equal to none that was exported."""
    return None if value is None else b"\0" + repr(value).encode("utf-8", "surrogateescape")


def shown_field(field: bytes | None) -> str | None:
    """Return a canonical field as a text to compare with or to show."""
    return None if field is None else field.decode("utf-8", "surrogateescape")


def canonical_rows(
    connection: sqlite3.Connection, table: Table, store: str
) -> Iterator[tuple[bytes | None, tuple[bytes | None, ...]]]:
    """Yield each row's stored hash, None where the table keeps none, and its canonical fields."""
    names = hashed_columns(table)
    types = {column.name: column.type for column in table.columns}
    readers = [_read_back(types[name]) for name in names]
    kept = "row_hash" if "row_hash" in table.names else "NULL"
    text = f"SELECT {kept}, {', '.join(names)} FROM {table.name} WHERE store_id = ?"
    for row in connection.execute(text, [store]):
        yield row[0], tuple(read(value) for read, value in zip(readers, row[1:], strict=True))


def stored(types: Sequence[str], fields: Iterable[bytes | None]) -> list[Any]:
    """Return canonical fields as SQLite keeps them."""
    return [None if each is None else _STORED[type](each) for type, each in zip(types, fields, strict=True)]


_STORED: Final[dict[str, Callable[[bytes], Any]]] = {
    "text": bytes.decode,
    "uuid": bytes.decode,
    "jsonb": bytes.decode,
    "timestamptz": bytes.decode,
    "integer": int,
    "bigint": int,
    "boolean": lambda text: int(text == b"true"),
    "bytea": lambda text: bytes.fromhex(text.decode("ascii")),
    "raw": bytes,
}
