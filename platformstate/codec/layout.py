"""Lay out values as YAML lines: block style, groups of keys, flow where the schema or author asks.

The one writer of YAML: canonical text, edits and formatting differ only in the notes they bring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from platformstate.codec.quoting import block, scalar
from platformstate.codec.shapes import child_of, item_of
from platformstate.core.kind import Shape

At = tuple[str | int, ...]


class Note(NamedTuple):
    """What an author wrote around one entry: comment lines above, one beside, brackets."""

    above: tuple[str, ...] = ()
    beside: str = ""
    flow: bool = False


Notes = Mapping[At, Note]
NO_NOTES: Final[Notes] = {}
_NO_NOTE: Final = Note()


def mapping_lines(value: Mapping[str, Any], shape: Shape, notes: Notes = NO_NOTES, at: At = ()) -> list[str]:
    """Return the lines of a mapping that is not empty, in canonical order, groups set apart."""
    lines: list[str] = []
    group: str | None = None
    for index, key in enumerate(ordered(value, shape)):
        child = child_of(shape, key)
        if index and child.group != group:
            lines.append("")
        group = child.group
        lines.extend(key_lines(key, value[key], child, notes, (*at, key)))
    return lines


def key_lines(key: str, value: Any, shape: Shape, notes: Notes = NO_NOTES, at: At = ()) -> list[str]:
    """Return the lines of one key and its value, the comments above it first."""
    return _entry(f"{scalar(key)}:", value, shape, notes, at)


def item_lines(value: Any, shape: Shape, notes: Notes = NO_NOTES, at: At = ()) -> list[str]:
    """Return the lines of one list item; the caller indents them."""
    return _entry("-", value, shape, notes, at)


def ordered(value: Mapping[str, Any], shape: Shape) -> list[str]:
    """Return a mapping's keys: those of the schema in its order, others as they stand, `x-` by name."""
    if not shape.keys:
        return list(value)
    known = [key for key in shape.keys if key in value]
    others = [key for key in value if key not in shape.keys]
    own = sorted(key for key in others if key.startswith("x-"))
    return [*known, *(key for key in others if not key.startswith("x-")), *own]


def flow_text(value: Any, shape: Shape) -> str:
    """Return a value as it stands on one line, mappings and lists in brackets."""
    if isinstance(value, Mapping):
        members = (
            f"{scalar(key, flow=True)}: {flow_text(value[key], child_of(shape, key))}"
            for key in ordered(value, shape)
        )
        return "{" + ", ".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow_text(member, item_of(shape)) for member in value) + "]"
    return scalar(value, flow=True)


def indented(lines: list[str]) -> list[str]:
    """Return lines two columns further in; blank ones stay blank."""
    return [f"  {line}" if line else line for line in lines]


def _entry(head: str, value: Any, shape: Shape, notes: Notes, at: At) -> list[str]:
    note = notes.get(at, _NO_NOTE)
    beside = f" {note.beside}" if note.beside else ""
    is_collection = isinstance(value, (Mapping, list, tuple))
    if isinstance(value, str) and (text := block(value)):
        return [*note.above, f"{head} {text[0]}{beside}", *indented(text[1:])]
    if not is_collection or not value:
        return [*note.above, f"{head} {flow_text(value, shape)}{beside}"]
    if isinstance(value, Mapping):
        if shape.flow or note.flow:
            return [*note.above, f"{head} {flow_text(value, shape)}{beside}"]
        lines = mapping_lines(value, shape, notes, at)
    else:
        item = item_of(shape)
        lines = []
        for index, member in enumerate(value):
            lines.extend(item_lines(member, item, notes, (*at, index)))
    if head != "-":
        return [*note.above, head + beside, *indented(lines)]
    return [*note.above, f"- {lines[0]}", *indented(lines[1:])]
