"""The tables of a commit as JSON lines: the same commit gives the same bytes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from platformstate.exporter.canonical import hashed_columns, json_text
from platformstate.exporter.parity import Expected, every_row, exported
from platformstate.exporter.pg_text import EVERY
from platformstate.exporter.rows import Fields
from platformstate.exporter.source import Source

_BARE = frozenset({"jsonb", "integer", "bigint", "boolean"})


def write_tables(source: Source, folder: Path) -> Expected:
    """Write one file a table, its rows in the order of their files, and return what they hash to."""
    found = Expected()
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {
            name: stack.enter_context((folder / f"{name}.jsonl").open("wb")) for name in EVERY
        }
        for table, shard, row_hash, fields in every_row(source, exported(source)):
            found.add(table, shard, row_hash)
            files[table].write(_line(table, fields, row_hash))
    return found


def _line(table: str, fields: Fields, row_hash: bytes) -> bytes:
    types = {column.name: column.type for column in EVERY[table].columns}
    names = hashed_columns(EVERY[table])
    pairs = [f'"{name}": {_value(types[name], each)}' for name, each in zip(names, fields, strict=True)]
    return f'{{{", ".join(pairs)}, "row_hash": "{row_hash.hex()}"}}\n'.encode()


def _value(type: str, field: bytes | None) -> str:
    if field is None:
        return "null"
    text = field.decode("utf-8")
    return text if type in _BARE else json_text(text)
