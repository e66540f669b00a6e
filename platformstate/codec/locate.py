"""Where in a record's text a value or a key stands, for findings made after it was read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from platformstate.codec.container import parts
from platformstate.codec.decoding import without_crlf
from platformstate.codec.json_nodes import json_tree
from platformstate.codec.nodes import Node, steps
from platformstate.core.catalog import KINDS
from platformstate.errors import Problem

if TYPE_CHECKING:
    from platformstate.core.document import Document


def position(text: str, container: str, pointer: str, *, of_key: bool = False) -> tuple[int, int]:
    """Return line and column, from 1, of the value (or key) that a pointer names.

    A key that is absent, or an item that is, stands where its mapping's first key or its list does.
    The text is that of the whole file; of one line for `jsonl`.
    """
    root = tree(without_crlf(text), container)
    if root is None:
        return 1, 1
    node = root
    names = steps(pointer)
    for depth, name in enumerate(names):
        key, child = _step(node, name)
        if child is None:
            return _first(node)
        if of_key and key is not None and depth == len(names) - 1:
            return key.line, key.col
        node = child
    return _first(node) if node is root and node.kind == "mapping" else (node.line, node.col)


def problem_at(
    document: Document[Any], pointer: str, code: str, message: str, fix: str, criterion: str | None = None
) -> Problem:
    """Return a finding about what a pointer names in a record, at its line and column."""
    container = KINDS[document.kind.name].container
    line, col = position(document.source or "", container, pointer)
    return Problem(document.path, line, col, code, message, fix, pointer, criterion=criterion)


@lru_cache(maxsize=4)
def tree(text: str, container: str) -> Node | None:
    """Return the tree of a text with LF line ends; None when nothing can be read there."""
    if container in ("json", "jsonl"):
        return json_tree(text)
    split = parts(text, container)
    from platformstate.codec.yaml_nodes import YamlTree  # only findings need places

    return None if split.code else YamlTree(split.yaml, start=split.start, line=split.line).root


def _step(node: Node, name: str) -> tuple[Node | None, Node | None]:
    if node.kind == "mapping":
        return node.child(name) or (None, None)
    if node.kind == "sequence" and name.isdecimal() and int(name) < len(node.items):
        return None, node.items[int(name)]
    return None, None


def _first(node: Node) -> tuple[int, int]:
    """Return where a mapping's first key stands, or the node itself."""
    if node.kind == "mapping" and node.entries:
        node = node.entries[0][0]
    return node.line, node.col
