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


@lru_cache(maxsize=1 << 12)
def _timestamptz(text: bytes) -> bytes:
    moment = datetime.fromisoformat(text.decode("ascii"))
    return _bigint((moment - _EPOCH) // _MICROSECOND)


@lru_cache(maxsize=1 << 8)
def _uuid(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"-", b"").decode("ascii"))


_WRITERS: Final[dict[str, Writer | None]] = {
    "text": None,
    "jsonb": lambda text: b"\x01" + text,
    "uuid": _uuid,
    "bytea": lambda text: bytes.fromhex(text.decode("ascii")),
    "integer": lambda text: _length(int(text)),
    "bigint": lambda text: _bigint(int(text)),
    "boolean": lambda text: b"\x01" if text == b"true" else b"\0",
    "timestamptz": _timestamptz,
}


def writers(types: Sequence[str]) -> list[Writer | None]:
    """Return what turns a field of each type into its binary form, None for one that already is."""
    return [_WRITERS[type] for type in types]


def row(fields: Sequence[bytes | None], written: Sequence[Writer | None], *raw: bytes) -> bytes:
    """Return one tuple: the canonical fields, then fields that are raw bytes, such as a hash."""
    parts = [_count(len(fields) + len(raw))]
    for each, write in zip(fields, written, strict=True):
        if each is None:
            parts.append(_NULL)
            continue
        data = each if write is None else write(each)
        parts += (_length(len(data)), data)
    for each in raw:
        parts += (_length(len(each)), each)
    return b"".join(parts)
