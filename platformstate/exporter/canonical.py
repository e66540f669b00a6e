"""The one text of every value, and the hashes over it: the same in Python, PostgreSQL and SQLite. Pure.

A field is `~,` for null, else `<bytes>:<text>,`. A row's hash is over its table's name and its fields, a
shard's over its rows' hashes, a table's over its shards, the root over the tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from math import isfinite
from typing import Any, Final

from platformstate.exporter.layout import Table

Fields = Sequence[bytes | None]
EMPTY_ROOT: Final = sha256(b"").hexdigest()
UNHASHED: Final = frozenset({"row_hash", "sync_id", "synced_at"})
_INT4: Final = range(-(2**31), 2**31)
_INT8: Final = range(-(2**63), 2**63)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False)
_WHOLE_SECONDS: Final = len("2026-11-20T10:11:30Z")


class Unstorable(ValueError):
    """A value that no database can hold; the message says what is wrong with it."""


def hashed_columns(table: Table) -> tuple[str, ...]:
    """Return the columns that a row's hash is over, in their order."""
    return tuple(name for name in table.names if name not in UNHASHED)


def json_text(value: Any) -> str:
    """Return a value as PostgreSQL prints jsonb: keys by length then bytes, plain decimals."""
    try:
        text = _ENCODER.encode(_in_order(value))
    except _Fraction:
        text = _plain(value)
    if "\\u0000" in text and _holds_nul(value):
        raise Unstorable("a text in it holds the character U+0000")
    return text


class _Fraction(Exception):
    """A number that is no integer: its text is not the one that the encoder gives."""


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=_key_order) if len(value) > 1 else value
        return {key: _in_order(value[key]) for key in keys}
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if isinstance(value, float):
        raise _Fraction
    return value


def _key_order(key: str) -> tuple[int, bytes]:
    encoded = key.encode("utf-8", "surrogatepass")
    return len(encoded), encoded


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        inner = (f"{_plain(key)}: {_plain(value[key])}" for key in sorted(value, key=_key_order))
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, float):
        return _decimal(value)
    return _ENCODER.encode(value)


def _decimal(value: float) -> str:
    if not isfinite(value):
        raise Unstorable("a number in it is not finite")
    text = format(Decimal(repr(value)), "f")
    return text.removeprefix("-") if not value else text


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(each) for key, each in value.items())
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\0" in value


def instant_text(value: str) -> str:
    """Return an RFC 3339 instant in UTC with six digits of a second."""
    if len(value) == _WHOLE_SECONDS and value[-1] == "Z":
        return f"{value[:-1]}.000000Z"
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as failed:
        raise Unstorable(f"{value} is outside of the years 1 to 9999") from failed
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(_WHOLE_SECONDS + 7, "0")


def _text(value: Any) -> bytes:
    try:
        encoded = str(value).encode("utf-8")
    except UnicodeEncodeError as failed:
        raise Unstorable("it holds a lone surrogate") from failed
    if b"\0" in encoded:
        raise Unstorable("it holds the character U+0000")
    return encoded


def _json(value: Any) -> bytes:
    try:
        return json_text(value).encode("utf-8")
    except UnicodeEncodeError as failed:
        raise Unstorable("a text in it holds a lone surrogate") from failed
    except ValueError as failed:
        raise Unstorable(str(failed)) from failed


def _number(value: Any, size: range) -> bytes:
    if value not in size:
        raise Unstorable(f"{value} is no number of {size.stop.bit_length()} bits")
    return b"%d" % value


_WRITERS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "text": _text,
    "uuid": lambda value: value.encode("ascii"),
    "jsonb": _json,
    "timestamptz": lambda value: instant_text(value).encode("ascii"),
    "integer": lambda value: _number(value, _INT4),
    "bigint": lambda value: _number(value, _INT8),
    "boolean": lambda value: b"true" if value else b"false",
    "bytea": lambda value: value.encode("ascii"),
}


def field(value: Any, type: str) -> bytes | None:
    """Return a value's canonical bytes; bytea is given and written in hexadecimal. Raises: Unstorable."""
    return None if value is None else _WRITERS[type](value)


def encoded(fields: Iterable[bytes | None]) -> bytes:
    """Return fields as they are hashed."""
    return b"".join([b"~," if each is None else b"%d:%b," % (len(each), each) for each in fields])


def row_hash(table: str, fields: Fields) -> bytes:
    """Return the hash of a row; its fields are those of `hashed_columns`."""
    return sha256(b"%b,%b" % (table.encode("ascii"), encoded(fields))).digest()


def shard(key: Fields) -> int:
    """Return the shard of a row from the fields of its primary key."""
    return sha256(encoded(key)).digest()[0]


def shard_digest(hashes: Iterable[bytes]) -> bytes:
    """Return the digest of one shard's rows."""
    return sha256(b"".join(sorted(hashes))).digest()


def table_root(digests: Mapping[int, bytes]) -> str:
    """Return a table's root from the digests of its shards that are not empty."""
    return sha256(b"".join(bytes([number]) + digests[number] for number in sorted(digests))).hexdigest()


def root(roots: Mapping[str, str]) -> str:
    """Return the root over all tables."""
    return sha256("".join(f"{name} {roots[name]}\n" for name in sorted(roots)).encode("ascii")).hexdigest()
