"""Read front matter that is laid out as our own writer leaves it: one key or item a line, nothing unusual.

It knows only "plain" and "look again": what it takes for plain is what `yaml_fast` reads, at half the
price and without PyYAML. Printable ASCII, known keys, no comment, no escape, no text over several lines.
"""

from __future__ import annotations

import re
from typing import Any, Final

from platformstate.codec import limits
from platformstate.codec.plain_values import LookAgain, plain_value
from platformstate.codec.shapes import ANYTHING
from platformstate.core.kind import Shape

_KEY: Final = r"[a-z][a-z0-9_]{0,63}"
_QUOTED: Final = r'"[ !$-\[\]-~]*"'
# A plain text ends at ": " and at " #"; a colon at its end would make it a key.
_PLAIN: Final = r'-{0,2}[A-Za-z0-9_/.(][ -"$-9;-~]*(?::(?=[!-~])[ -"$-9;-~]*)*(?<! )'
# Within brackets: no comma, no bracket and no colon, of which the parser thinks otherwise there.
_WORD: Final = r'(?:-?[A-Za-z0-9_/.][A-Za-z0-9_/.+-]*|"[A-Za-z0-9_/.:+-]*")'
_FLOW: Final = rf"\[(?:{_WORD}(?:, {_WORD})*)?\]|\{{{_KEY}: {_WORD}(?:, {_KEY}: {_WORD})*\}}"
# Indent, dash, key, and one of three ways to write a value; all of them are empty on a blank line.
_LINE: Final = re.compile(
    rf"^( *)(- )?(?:({_KEY}):(?: |(?=\n)))?(?:({_PLAIN})|({_QUOTED})|({_FLOW}))?\n", re.MULTILINE
)
_BLANK: Final = ("",) * 6
# The name of each field that was met: a store holds it in every record, memory needs it once.
_NAMES: Final[dict[str, str]] = {}
_Row = tuple[str, str, str, str, str, str]


def plain_mapping(text: str, shape: Shape) -> dict[str, Any] | None:
    """Return the mapping that a YAML text holds, None when another reader has to look at it."""
    rows: list[_Row] = _LINE.findall(text)
    if len(rows) != text.count("\n") or not text.endswith("\n"):
        return None
    reader = _Reader([row for row in rows if row != _BLANK])
    try:
        made = reader.mapping("", shape)
    except LookAgain:
        return None
    return made if reader.is_done else None


class _Reader:
    """Builds values from lines. A line that fits nowhere is left, and with it everything after it."""

    def __init__(self, rows: list[_Row]) -> None:
        self._rows = [*rows, _BLANK]
        self._at = 0

    @property
    def is_done(self) -> bool:
        """Whether every line had its place."""
        return self._at == len(self._rows) - 1

    def mapping(self, indent: str, shape: Shape) -> dict[str, Any]:
        """Read the keys that stand at an indent."""
        made: dict[str, Any] = {}
        while True:
            row_indent, dash, key, plain, quoted, flow = self._rows[self._at]
            if row_indent != indent or dash or not key:
                return made
            child = shape.keys.get(key)
            if child is None or key in made:
                raise LookAgain
            self._at += 1
            key = _NAMES.setdefault(key, key)
            if plain:
                made[key] = plain_value(plain, child)
            elif quoted or flow:
                made[key] = _enclosed(quoted, flow, child)
            else:
                made[key] = self._below(indent, child)

    def _below(self, indent: str, shape: Shape) -> Any:
        """Read what stands under a key that has no value beside it."""
        row_indent, dash, key, *_ = self._rows[self._at]
        if dash and len(row_indent) >= len(indent):
            return self._sequence(row_indent, shape)
        if key and len(row_indent) > len(indent):
            return self.mapping(row_indent, shape)
        raise LookAgain

    def _sequence(self, indent: str, shape: Shape) -> list[Any]:
        child = shape.items or ANYTHING
        made: list[Any] = []
        while True:
            row_indent, dash, key, plain, quoted, flow = self._rows[self._at]
            if row_indent != indent or not dash:
                return made
            if len(made) == limits.MAX_ITEMS:
                raise LookAgain
            if key:  # the first key of a mapping stands behind the dash, the others below it
                self._rows[self._at] = (f"{indent}  ", "", key, plain, quoted, flow)
                made.append(self.mapping(f"{indent}  ", child))
            else:
                self._at += 1
                made.append(plain_value(plain, child) if plain else _enclosed(quoted, flow, child))


def _enclosed(quoted: str, flow: str, shape: Shape) -> Any:
    """Return what stands on one line between quotes or brackets. Raises LookAgain for nothing at all."""
    if quoted:
        return quoted[1:-1]
    if flow.startswith("["):
        if flow.count(",") >= limits.MAX_ITEMS:  # none stands within a word
            raise LookAgain
        return [_word(word, shape.items or ANYTHING) for word in flow[1:-1].split(", ") if word]
    if flow:
        return _pairs(flow[1:-1].split(", "), shape)
    raise LookAgain


def _pairs(pairs: list[str], shape: Shape) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for pair in pairs:
        key, _, word = pair.partition(": ")
        child = shape.keys.get(key)
        if child is None or key in made:
            raise LookAgain
        made[key] = _word(word, child)
    return made


def _word(word: str, shape: Shape) -> Any:
    return word[1:-1] if word.startswith('"') else plain_value(word, shape)
