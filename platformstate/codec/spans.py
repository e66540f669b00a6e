"""Whole lines of a text: where entries begin and end, and the comments and blanks around them."""

from __future__ import annotations

import re
from typing import Final

from platformstate.codec.nodes import Node

_COMMENT: Final = re.compile(r" *#")


class Spans:
    """Line arithmetic over one text that ends in a line feed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def line_start(self, index: int) -> int:
        """Return where the line of a place begins."""
        return self.text.rfind("\n", 0, index) + 1

    def line_end(self, index: int) -> int:
        """Return where the line after that of a place begins."""
        return self.text.index("\n", index) + 1

    def before(self, node: Node) -> str:
        """Return what stands on a node's line before it."""
        return self.text[self.line_start(node.start) : node.start]

    def beside(self, index: int) -> str:
        """Return the comment that ends the line of a place, empty when there is none."""
        rest = self.text[index : self.line_end(index) - 1].strip(" \t")
        return rest if rest.startswith("#") else ""

    def last(self, node: Node) -> int:
        """Return where a node's text ends; blank lines that trail block text are not of it."""
        if node.kind == "scalar" or node.flow:
            written = self.text[node.start : node.end]
            return node.start + len(written.rstrip() if node.style in ("|", ">") else written)
        return self.last(node.items[-1] if node.items else node.entries[-1][1])

    def after(self, node: Node) -> int:
        """Return where the line after the last one of a node begins."""
        return self.line_end(self.last(node))

    def block_start(self, node: Node) -> int:
        """Return where an entry begins, with the comment lines directly above it."""
        start = self.line_start(node.start)
        indent = len(self.text[start : node.start]) - len(self.text[start : node.start].lstrip(" "))
        while start > 0:
            above = self.line_start(start - 1)
            line = self.text[above : start - 1]
            if not _COMMENT.match(line) or len(line) - len(line.lstrip(" ")) != indent:
                break
            start = above
        return start

    def is_blank_at(self, index: int) -> bool:
        """Say whether the line that begins at a place is blank."""
        return self.text[index : index + 1] == "\n"

    def is_blank_before(self, index: int) -> bool:
        """Say whether the line before the one that begins at a place is blank."""
        return index >= 2 and self.text[index - 2 : index] == "\n\n"
