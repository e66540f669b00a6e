"""What an author wrote around the values of a YAML text: comments and brackets, as notes.

A comment line belongs to the entry below it, with a blank line that follows it; a comment beside a
value to that entry; inside brackets that stay, to the entry that holds them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from platformstate.codec.layout import At, Note
from platformstate.codec.nodes import Node
from platformstate.codec.shapes import child_of, item_of
from platformstate.core.kind import Shape

_LINE_OF_ITS_OWN: Final = re.compile(r"[ \t-]*")
_BLOCK_HEADER: Final = re.compile(r"[|>][-+0-9]*[ \t]+(#.*)")
_BLANK_NEXT: Final = re.compile(r"[ \t]*\n[ \t]*\n")
_BLANK_BEFORE: Final = re.compile(r"\n[ \t]*\n\Z")
_COMMENT: Final = re.compile(r"(?:^|(?<=[\s,\[\]{}]))#.*", re.MULTILINE)


class _Entry(NamedTuple):
    """An entry: where it begins, how deep it stands, its path, that of what it is shown in, and its end."""

    start: int
    depth: int
    path: At
    shown_in: At
    ends_at: int


def notes_of(root: Node, shape: Shape, text: str, start: int, end: int) -> tuple[dict[At, Note], list[str]]:
    """Return the notes of a YAML tree by path, and the comments after its last entry.

    The tree's places count in `text`; its YAML stands from `start` to `end`.
    """
    entries = sorted(_entries(root, shape, text, (), None))
    notes: dict[At, Note] = {path: Note(flow=True) for path in _flow_paths(root, text, ())}
    starts = [entry.start for entry in entries]
    after_all: list[str] = []
    for place, comment in _comments(root, text, start, end):
        line_start = text.rfind("\n", 0, place) + 1
        next_entry = bisect_left(starts, place)
        gap = ("",) if _BLANK_NEXT.match(text, place + len(comment)) else ()
        if next_entry and not _LINE_OF_ITS_OWN.fullmatch(text, line_start, place):
            _beside(notes, entries[next_entry - 1], text, place, comment)
        elif next_entry < len(entries):
            _above(notes, entries[next_entry].shown_in, comment, *gap)
        else:
            before = ("",) if not after_all and _BLANK_BEFORE.search(text, start, line_start) else ()
            after_all.extend((*before, comment, *gap))
    return notes, after_all if not after_all or after_all[-1] else after_all[:-1]


def _above(notes: dict[At, Note], path: At, *lines: str) -> None:
    note = notes.get(path, Note())
    notes[path] = note._replace(above=(*note.above, *lines))


def _beside(notes: dict[At, Note], entry: _Entry, text: str, start: int, comment: str) -> None:
    note = notes.get(entry.shown_in, Note())
    end = entry.ends_at
    stays = entry.shown_in == entry.path or (start >= end and "\n" not in text[end:start])
    if note.beside or not stays:
        _above(notes, entry.shown_in, comment)
    else:
        spaced = comment if comment.startswith("# ") or comment == "#" else f"# {comment[1:]}"
        notes[entry.shown_in] = note._replace(beside=spaced)


def _entries(
    node: Node, shape: Shape, text: str, path: At, inside: tuple[At, int] | None
) -> Iterator[_Entry]:
    """Yield every key and item; `inside` is the bracketed entry that they are shown in, and its end."""
    children: list[tuple[int, str | int, Node, Shape]] = [
        *((key.start, key.text, value, child_of(shape, key.text)) for key, value in node.entries),
        *((item.start, index, item, item_of(shape)) for index, item in enumerate(node.items)),
    ]
    for start, name, value, child in children:
        at = (*path, name)
        shown_in, end = inside or (at, value.end)
        yield _Entry(start, len(at), at, shown_in, end)
        stays = inside or ((at, value.end) if _stays_flow(value, child, text) else None)
        yield from _entries(value, child, text, at, stays)


def _stays_flow(node: Node, shape: Shape, text: str) -> bool:
    return node.kind == "mapping" and bool(node.entries) and (shape.flow or _is_one_line(node, text))


def _is_one_line(node: Node, text: str) -> bool:
    return node.flow and "\n" not in text[node.start : node.end]


def _flow_paths(node: Node, text: str, path: At) -> Iterator[At]:
    """Yield the paths of mappings that an author put in brackets on one line."""
    for key, value in node.entries:
        yield from _flow_paths(value, text, (*path, key.text))
    for index, item in enumerate(node.items):
        yield from _flow_paths(item, text, (*path, index))
    if path and node.kind == "mapping" and _is_one_line(node, text):
        yield path


def _comments(root: Node, text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield place and text of each comment: outside scalars a number sign begins nothing else."""
    at = start
    for scalar in _scalars(root):
        yield from _found(text, at, scalar.start)
        if scalar.style in ("|", ">") and (header := _BLOCK_HEADER.match(text, scalar.start)):
            yield header.start(1), header.group(1).rstrip()
        at = scalar.end
    yield from _found(text, at, end)


def _found(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    for match in _COMMENT.finditer(text, start, end):
        yield match.start(), match.group().rstrip()


def _scalars(node: Node) -> Iterator[Node]:
    """Yield the scalars of a tree in the order of the text."""
    if node.kind == "scalar":
        yield node
    for key, value in node.entries:
        yield key
        yield from _scalars(value)
    for item in node.items:
        yield from _scalars(item)
