"""Rows in PostgreSQL's binary COPY format, straight from their canonical bytes. Pure.

Sources: "COPY", section "Binary Format", of PostgreSQL's manual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, repeat
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
Fields = Sequence[bytes | None]


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
    "raw": _framed,
}


def writers(types: Sequence[str]) -> list[Writer]:
    """Return what turns a field of each type into its binary form, its length before it; `raw` is as it is."""
    return [_WRITERS[type] for type in types]


def tuples(
    rows: Sequence[Fields], written: Sequence[Writer], after: Fields = (), also: Sequence[Writer] = ()
) -> bytes:
    """Return rows as tuples, made column by column: what a column repeats is written once.

    The fields of `after` end every tuple.
    """
    if not rows:
        return b""
    head = _count(len(written) + len(also))
    tail = b"".join(map(_field, after, also))
    columns = [_column(column, write) for column, write in zip(zip(*rows, strict=True), written, strict=True)]
    return b"".join(chain.from_iterable(zip(repeat(head), *columns, repeat(tail))))


def _field(value: bytes | None, write: Writer) -> bytes:
    return _NULL if value is None else write(value)


def _column(values: Fields, write: Writer) -> Iterable[bytes]:
    different = set(values)
    if len(different) * 4 < len(values):
        known = {value: _field(value, write) for value in different}
        return map(known.__getitem__, values)
    if write is _framed:
        return [_NULL if value is None else _length(len(value)) + value for value in values]
    return [_NULL if value is None else write(value) for value in values]
