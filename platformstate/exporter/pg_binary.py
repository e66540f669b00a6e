"""Rows in PostgreSQL's binary COPY format, straight from their canonical bytes. Pure.

Sources: "COPY", section "Binary Format", of PostgreSQL's manual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import pack
from typing import Final

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + pack(">ii", 0, 0)
TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
Writer = Callable[[bytes], bytes]


@lru_cache(maxsize=1 << 12)
def _timestamptz(text: bytes) -> bytes:
    moment = datetime.fromisoformat(text.decode("ascii"))
    return pack(">iq", 8, (moment - _EPOCH) // _MICROSECOND)


def _with_length(data: bytes) -> bytes:
    return pack(">i", len(data)) + data


_WRITERS: Final[dict[str, Writer]] = {
    "text": _with_length,
    "jsonb": lambda text: pack(">i", len(text) + 1) + b"\x01" + text,
    "uuid": lambda text: b"\0\0\0\x10" + bytes.fromhex(text.replace(b"-", b"").decode("ascii")),
    "bytea": lambda text: _with_length(bytes.fromhex(text.decode("ascii"))),
    "integer": lambda text: pack(">ii", 4, int(text)),
    "bigint": lambda text: pack(">iq", 8, int(text)),
    "boolean": lambda text: b"\0\0\0\x01" + (b"\x01" if text == b"true" else b"\0"),
    "timestamptz": _timestamptz,
}


def writers(types: Sequence[str]) -> list[Writer]:
    """Return what writes a field of each type."""
    return [_WRITERS[type] for type in types]


def row(fields: Sequence[bytes | None], written: Sequence[Writer], *raw: bytes) -> bytes:
    """Return one tuple: the canonical fields, then fields that are raw bytes, such as a hash."""
    parts = [pack(">h", len(fields) + len(raw))]
    parts += [_NULL if each is None else write(each) for each, write in zip(fields, written, strict=True)]
    parts += [_with_length(each) for each in raw]
    return b"".join(parts)
