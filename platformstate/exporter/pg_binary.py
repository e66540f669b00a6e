"""Rows in PostgreSQL's binary COPY format, straight from their canonical bytes. Pure.

Sources: "COPY", section "Binary Format", of PostgreSQL's manual.
"""

from __future__ import annotations

from binascii import unhexlify
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
_KNOWN_LENGTHS: Final = 1 << 11
_length: Final = Struct(">i").pack
_count: Final = Struct(">h").pack
_bigint: Final = Struct(">q").pack
Writer = Callable[[bytes], bytes]
Fields = Sequence[bytes | None]


class _Prefixes(dict[int, bytes]):
    """What stands before a value of a length, found faster than made."""

    def __init__(self, more: int = 0, mark: bytes = b"") -> None:
        super().__init__((size, _length(size + more) + mark) for size in range(_KNOWN_LENGTHS))
        self._more, self._mark = more, mark

    def __missing__(self, size: int) -> bytes:
        return _length(size + self._more) + self._mark


_PLAIN: Final = _Prefixes()
# The version of jsonb's binary form, 1, is the first byte of a value.
_JSONB: Final = _Prefixes(1, b"\x01")


def _framed(data: bytes) -> bytes:
    return _PLAIN[len(data)] + data


@lru_cache(maxsize=1 << 12)
def _timestamptz(text: bytes) -> bytes:
    moment = datetime.fromisoformat(text.decode("ascii"))
    return _framed(_bigint((moment - _EPOCH) // _MICROSECOND))


@lru_cache(maxsize=1 << 8)
def _uuid(text: bytes) -> bytes:
    return _framed(unhexlify(text.replace(b"-", b"")))


@lru_cache(maxsize=1 << 10)
def _integer(text: bytes) -> bytes:
    return _framed(_length(int(text)))


_WRITERS: Final[dict[str, Writer]] = {
    "text": _framed,
    "jsonb": lambda text: _JSONB[len(text)] + text,
    "uuid": _uuid,
    "bytea": lambda text: _framed(unhexlify(text)),
    "integer": _integer,
    "bigint": lambda text: _framed(_bigint(int(text))),
    "boolean": lambda text: _framed(b"\x01" if text == b"true" else b"\0"),
    "timestamptz": _timestamptz,
    "raw": _framed,
}
# Types whose values are written as they are, or after one step, behind a prefix.
_PREFIXED: Final[dict[str, tuple[_Prefixes, Callable[[bytes], bytes] | None]]] = {
    "text": (_PLAIN, None),
    "raw": (_PLAIN, None),
    "jsonb": (_JSONB, None),
    "bytea": (_PLAIN, unhexlify),
}


def tuples(
    rows: Sequence[Fields], types: Sequence[str], after: Fields = (), also: Sequence[str] = ()
) -> bytes:
    """Return rows as tuples, made column by column: what every row has alike is written once.

    A field of type `raw` is bytes as they are. The fields of `after` end every tuple.
    """
    if not rows:
        return b""
    pieces: list[Iterable[bytes]] = []
    same = [_count(len(types) + len(also))]
    for values, type in zip(zip(*rows, strict=True), types, strict=True):
        first = values[0]
        if first == values[-1] and values.count(first) == len(values):
            same.append(_field(first, type))
            continue
        if same:
            pieces.append(repeat(b"".join(same), len(rows)))
            same.clear()
        pieces += _column(values, type)
    same += map(_field, after, also)
    return b"".join(chain.from_iterable(zip(*pieces, repeat(b"".join(same), len(rows)), strict=True)))


def _field(value: bytes | None, type: str) -> bytes:
    return _NULL if value is None else _WRITERS[type](value)


def _column(values: Fields, type: str) -> Sequence[Iterable[bytes]]:
    """Return the pieces of a column: its prefixes and its values, or both in one."""
    filled = [value for value in values if value]
    if len(filled) < len(values):
        return [[_field(value, type) for value in values]]
    if type not in _PREFIXED:
        return [map(_WRITERS[type], filled)]
    prefixes, changed = _PREFIXED[type]
    written = filled if changed is None else list(map(changed, filled))
    return map(prefixes.__getitem__, map(len, written)), written
