"""Rows in PostgreSQL's binary COPY format, straight from their canonical bytes. Pure.

Sources: "COPY", section "Binary Format", of PostgreSQL's manual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct, pack
from typing import Final

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + pack(">ii", 0, 0)
TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_length: Final = Struct(">i").pack
_count: Final = Struct(">h").pack
_bigint: Final = Struct(">q").pack
Writer = Callable[[bytes], bytes]


def _framed(data: bytes) -> bytes:
    return _length(len(data)) + data


@lru_cache(maxsize=1 << 12)
def _timestamptz(text: bytes) -> bytes:
    moment = datetime.fromisoformat(text.decode("ascii"))
    return _framed(_bigint((moment - _EPOCH) // _MICROSECOND))


@lru_cache(maxsize=1 << 8)
def _uuid(text: bytes) -> bytes:
    return _framed(bytes.fromhex(text.replace(b"-", b"").decode("ascii")))


@lru_cache(maxsize=1 << 10)
def _integer(text: bytes) -> bytes:
    return _framed(_length(int(text)))


_WRITERS: Final[dict[str, Writer]] = {
    "text": _framed,
    "jsonb": lambda text: _length(len(text) + 1) + b"\x01" + text,
    "uuid": _uuid,
    "bytea": lambda text: _framed(bytes.fromhex(text.decode("ascii"))),
    "integer": _integer,
    "bigint": lambda text: _framed(_bigint(int(text))),
    "boolean": lambda text: _framed(b"\x01" if text == b"true" else b"\0"),
    "timestamptz": _timestamptz,
}


def writers(types: Sequence[str]) -> list[Writer]:
    """Return what turns a field of each type into its binary form, its length before it."""
    return [_WRITERS[type] for type in types]


def row(fields: Sequence[bytes | None], written: Sequence[Writer], *raw: bytes) -> bytes:
    """Return the fields of one tuple: the canonical ones, then raw bytes, such as a hash."""
    parts = [_NULL if each is None else write(each) for each, write in zip(fields, written, strict=True)]
    parts += map(_framed, raw)
    return b"".join(parts)


def tuples(rows: Sequence[bytes], columns: int, after: bytes = b"") -> bytes:
    """Return rows as tuples of so many columns, the last of which may be the same in all."""
    count = _count(columns)
    return b"".join([count, (after + count).join(rows), after]) if rows else b""
