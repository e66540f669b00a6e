"""A parsed text as a tree that knows its places; built only for a finding, an edit or formatting."""

from __future__ import annotations

from typing import Literal


class Node:
    """One value: where it stands, and what it is.

    `start` and `end` count code points from the beginning of the text, `line` and `col` from 1.
    `style` is that of a scalar: empty for a plain one, else its first character. `flow` says that a
    mapping or sequence is written in brackets.
    """

    __slots__ = ("col", "end", "entries", "flow", "items", "kind", "line", "start", "style", "text")

    def __init__(
        self,
        kind: Literal["scalar", "mapping", "sequence"],
        start: int,
        end: int,
        line: int,
        col: int,
        text: str = "",
        style: str = "",
        flow: bool = False,
        entries: list[tuple[Node, Node]] | None = None,
        items: list[Node] | None = None,
    ) -> None:
        self.kind = kind
        self.start, self.end = start, end
        self.line, self.col = line, col
        self.text, self.style, self.flow = text, style, flow
        self.entries = [] if entries is None else entries
        self.items = [] if items is None else items

    def child(self, key: str) -> tuple[Node, Node] | None:
        """Return the key and the value that a mapping holds under a name."""
        return next((entry for entry in self.entries if entry[0].text == key), None)


def place_at(text: str, index: int) -> tuple[int, int]:
    """Return line and column, from 1, of a place in a text; columns count code points."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def pointer(parent: str, key: str | int) -> str:
    """Return the RFC 6901 pointer to a child of what `parent` points to."""
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"


def steps(pointer: str) -> list[str]:
    """Return the names that a pointer goes through."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
