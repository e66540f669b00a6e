"""Read JSON strictly, and write it canonically or for people.

The standard library's parser does the reading; what it lets pass (duplicate keys, NaN, numbers
out of range, hidden characters) makes us look again with `json_nodes`, which knows the places.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, Final

from platformstate.codec import limits
from platformstate.codec.characters import holds_refused
from platformstate.codec.decoding import decoded
from platformstate.codec.json_nodes import read_json, too_deep
from platformstate.errors import Problem

_LINE_SEPARATORS: Final = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
# A number begins after one of these signs; in a text they may stand too, which costs a second look.
# An expression that begins with one set of characters is searched for three times as fast as one that may not.
_DIGITS: Final = re.compile(r"[:,\[\s-][0-9]{16}")
_FRACTION: Final = re.compile(r"[:,\[]-?[0-9]+[.e]")
# The escapes that may stand for a refused character.
_ESCAPES: Final = re.compile(r"\\[bfu]")
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False, check_circular=False
)


class Doubtful(ValueError):
    """The fast way met something that it cannot judge; the slow one says what it is."""


def canonical_json(value: Any) -> bytes:
    """Return a value as RFC 8785 writes it, keys by code point.

    Our records hold integers only; other numbers, of values that are not ours, are written as plain
    decimals. Raises ValueError for NaN and infinities.
    """
    text = _ENCODER.encode(value)
    if isinstance(value, float) or _FRACTION.search(text):
        text = _canonical(value)
    return text.encode("utf-8")


def plain_json(value: Any) -> str:
    """Return a value that holds no other numbers than integers as `canonical_json` does, but sooner."""
    return _ENCODER.encode(value)


def pretty_json(value: Any) -> bytes:
    """Return a value as our JSON files hold it: two-space indent, keys as given, LF at the end."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    return text.translate(_LINE_SEPARATORS).encode("utf-8") + b"\n"


def parse_json(
    data: bytes, path: str, *, max_bytes: int | None = None
) -> tuple[Any | None, tuple[Problem, ...]]:
    """Return the value that a JSON file holds, or None and why it is refused; warnings may stand beside."""
    text, problems = decoded(data, path, max_bytes or limits.MAX_BYTES["json"], "json")
    if text is None:
        return None, problems
    value, found = parse_text(text, path)
    return value, (*problems, *found)


def parse_text(text: str, path: str, *, line: int = 1) -> tuple[Any | None, tuple[Problem, ...]]:
    """Return the value of JSON text that begins at a line of a file, or None and why it is refused."""
    try:
        return fast_value(text), ()
    except (ValueError, RecursionError):
        return read_json(text, path, line=line)


# Records have more bytes an item than this; what has fewer is refused sooner by the other reader.
_SPARSE_BYTES: Final = 8


def fast_value(text: str) -> Any:
    """Return the value of JSON text in which nothing needs a second look. Raises ValueError otherwise."""
    commas = text.count(",")
    is_dense = commas >= limits.MAX_ITEMS and commas * _SPARSE_BYTES > len(text)
    if is_dense or holds_long_number(text) or too_deep(text) is not None:
        raise Doubtful
    value = _READER.decode(text)
    if commas >= limits.MAX_ITEMS and _too_long(value):
        raise Doubtful
    if hides(text, value):
        raise Doubtful
    return value


def holds_long_number(text: str) -> bool:
    """Say whether JSON text may hold an integer of more digits than are always exact."""
    return text[:1].isdecimal() or _DIGITS.search(text) is not None


def hides(text: str, value: Any) -> bool:
    """Say whether an escape in the JSON text of a value stands for a refused character."""
    return "\\" in text and _ESCAPES.search(text) is not None and _hides(value)


def _too_long(value: Any) -> bool:
    """Say whether a list holds more items than a record may."""
    if isinstance(value, dict):
        return any(map(_too_long, value.values()))
    return isinstance(value, list) and (len(value) > limits.MAX_ITEMS or any(map(_too_long, value)))


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs) or len(made) > limits.MAX_KEYS:
        raise Doubtful
    return made


def _constant(name: str) -> Any:
    raise Doubtful(name)


def _number(lexeme: str) -> float:
    number = float(lexeme)
    if not isfinite(number) or abs(number) > limits.MAX_NUMBER or len(lexeme) > limits.MAX_DIGITS:
        raise Doubtful
    return number


_READER: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_number)


def _hides(value: Any) -> bool:
    """Say whether a decoded string or key of a value holds a refused character."""
    if isinstance(value, str):
        return holds_refused(value, json=True)
    if isinstance(value, dict):
        return any(map(_hides, value)) or any(map(_hides, value.values()))
    return any(map(_hides, value)) if isinstance(value, list) else False


def _canonical(value: Any) -> str:
    """Write a value that holds other numbers than integers; the library would use exponents."""
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, dict):
        written = (f"{_ENCODER.encode(key)}:{_canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(written) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return _ENCODER.encode(value)


def _decimal(number: float) -> str:
    if not isfinite(number):
        raise ValueError(f"{number} cannot be written as JSON")
    from decimal import Decimal  # costs every command, and hardly a record holds such a number

    text = format(Decimal(repr(number)), "f")
    return text if number else text.removeprefix("-")
