"""JSON with places: the slow, strict reader behind `json_text`, and what `locate` walks.

It reads exactly RFC 8259, and goes on after a duplicate key, a number out of range or a hidden
character, so that one look reports them all; a syntax error ends it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from math import isfinite
from typing import Any, Final

from platformstate.codec import limits
from platformstate.codec.characters import refused
from platformstate.codec.nodes import Node
from platformstate.codec.safe import safe_text
from platformstate.errors import Problem, shown

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?")
_LINE_END: Final = re.compile(r"\n")
_WORD: Final = re.compile(r"[A-Za-z]+")
_STRING: Final = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]')
_WORDS: Final = {"true": True, "false": False, "null": None}
_SYNTAX_FIX: Final = "write plain JSON: double quotes, no comments, no comma before a closing bracket"


class _Stop(Exception):
    """The text cannot be read any further."""


def too_deep(text: str) -> int | None:
    """Return the place of the bracket that nests too deep, None when none does. Linear."""
    if text.count("{") + text.count("[") <= limits.MAX_DEPTH:
        return None
    depth = 0
    for token in _BRACKETS.finditer(text):
        bracket = token.group()
        if bracket in "[{":
            depth += 1
            if depth > limits.MAX_DEPTH:
                return token.start()
        elif bracket in "]}":
            depth -= 1
    return None


def read_json(text: str, path: str, *, line: int = 1) -> tuple[Any | None, tuple[Problem, ...]]:
    """Return the value of a JSON text, or None and all that is wrong with it."""
    reader = JsonReader(text, path, line)
    value = reader.document()
    return (None if reader.problems else value), tuple(reader.problems)


def json_tree(text: str) -> Node | None:
    """Return a JSON text as a tree with places, None when it is not JSON."""
    reader = JsonReader(text, "", 1)
    reader.document()
    return reader.root


class JsonReader:
    """Reads one text once; `root` is its tree, `problems` what was wrong."""

    def __init__(self, text: str, path: str, line: int) -> None:
        self.text, self.path, self.first_line = text, path, line
        self.at = 0
        self._line_starts = [0, *(found.end() for found in _LINE_END.finditer(text))]
        self.problems: list[Problem] = []
        self.root: Node | None = None

    def document(self) -> Any:
        """Read the one value of the text; None when a syntax error ended it."""
        deep = too_deep(self.text)
        if deep is not None:
            self._refuse(deep, "depth_exceeded", f"nested deeper than {limits.MAX_DEPTH} levels", "nest less")
            return None
        try:
            self._skip()
            value, root = self._value()
            self._skip()
            if self.at < len(self.text):
                self._stop("something follows the value")
        except _Stop:
            return None
        self.root = root
        return value

    def _refuse(self, index: int, code: str, message: str, fix: str) -> None:
        if len(self.problems) < limits.MAX_PROBLEMS:
            line, col = self._place(index)
            self.problems.append(Problem(self.path, line + self.first_line - 1, col, code, message, fix))

    def _place(self, index: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1

    def _stop(self, message: str) -> None:
        self._refuse(self.at, "json_syntax_invalid", f"not JSON: {message}", _SYNTAX_FIX)
        raise _Stop

    def _too_many(self, index: int, most: str) -> None:
        self._refuse(index, "text_too_large", f"more than {most}", "split it")
        raise _Stop

    def _skip(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _value(self) -> tuple[Any, Node]:
        first = self.text[self.at : self.at + 1]
        if first == "{":
            return self._mapping()
        if first == "[":
            return self._sequence()
        if first == '"':
            return self._string()
        return self._number() if first and first in "-0123456789" else self._word()

    def _node(self, kind: Any, start: int, **given: Any) -> Node:
        line, col = self._place(start)
        return Node(kind, start, self.at, line, col, **given)

    def _mapping(self) -> tuple[dict[str, Any], Node]:
        start = self.at
        made: dict[str, Any] = {}
        lines: dict[str, int] = {}
        entries: list[tuple[Node, Node]] = []
        self.at += 1
        self._skip()
        while not self._closes("}", first=not entries):
            if self.text[self.at : self.at + 1] != '"':
                self._stop("a key in double quotes was expected")
            name, key = self._string()
            if name in made:
                message = f"key {shown(safe_text(name))!r} stands twice, first on line {lines[name]}"
                self._refuse(key.start, "key_duplicate", message, "remove one of the two")
            self._skip()
            self._expect(":")
            made[name], value = self._value()
            lines.setdefault(name, key.line + self.first_line - 1)
            entries.append((key, value))
            if len(entries) > limits.MAX_KEYS:
                self._too_many(start, f"{limits.MAX_KEYS:,} keys in one object")
            self._skip()
        return made, self._node("mapping", start, flow=True, entries=entries)

    def _sequence(self) -> tuple[list[Any], Node]:
        start = self.at
        made: list[Any] = []
        items: list[Node] = []
        self.at += 1
        self._skip()
        while not self._closes("]", first=not items):
            value, node = self._value()
            made.append(value)
            items.append(node)
            if len(items) > limits.MAX_ITEMS:
                self._too_many(start, f"{limits.MAX_ITEMS:,} items in one list")
            self._skip()
        return made, self._node("sequence", start, flow=True, items=items)

    def _closes(self, bracket: str, *, first: bool) -> bool:
        """Step over the closing bracket, or over the comma before the next member."""
        if self.text[self.at : self.at + 1] == bracket:
            self.at += 1
            return True
        if not first:
            self._expect(",")
            if self.text[self.at : self.at + 1] == bracket:
                self._stop("a comma stands before the closing bracket")
        return False

    def _expect(self, sign: str) -> None:
        if self.text[self.at : self.at + 1] != sign:
            self._stop(f"{sign!r} was expected")
        self.at += 1
        self._skip()

    def _string(self) -> tuple[str, Node]:
        found = _STRING.match(self.text, self.at)
        if found is None:
            self._stop("a text that never ends, or with a line break in it")
        assert found is not None
        try:
            value: str = json.loads(found.group())
        except ValueError:
            self._stop("an escape that JSON does not have")
        start, self.at = self.at, found.end()
        for _, name in list(refused(value, json=True))[:1]:
            message = f"the text holds {name} after its escapes are read"
            self._refuse(start, "text_control_character", message, f"remove {name}")
        return value, self._node("scalar", start, text=value, style='"')

    def _number(self) -> tuple[float | None, Node]:
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            self._stop("a number that JSON does not have")
        assert found is not None
        start, self.at, lexeme = self.at, found.end(), found.group()
        value = number_of(lexeme)
        if value is None:
            message = f"{shown(lexeme)} is beyond ±(2^53−1) or has more than {limits.MAX_DIGITS} digits"
            self._refuse(start, "number_out_of_range", message, "write it as text in quotes")
        return value, self._node("scalar", start, text=lexeme)

    def _word(self) -> tuple[bool | None, Node]:
        found = _WORD.match(self.text, self.at)
        word = found.group() if found else ""
        if word not in _WORDS:
            self._stop(f"{shown(safe_text(word))} is no JSON value" if word else "a value was expected")
        start = self.at
        self.at += len(word)
        return _WORDS[word], self._node("scalar", start, text=word)


def number_of(lexeme: str) -> int | float | None:
    """Return the number that a lexeme of JSON or our YAML writes, None when it is out of range."""
    if len(lexeme) > limits.MAX_DIGITS:
        return None
    number = int(lexeme) if lexeme.lstrip("-").isdigit() else float(lexeme)
    return number if isfinite(number) and abs(number) <= limits.MAX_NUMBER else None
