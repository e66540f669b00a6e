"""From a YAML tree to values, and everything that the scalars stage refuses."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from platformstate.codec.json_nodes import number_of
from platformstate.codec.nodes import Node, pointer
from platformstate.codec.safe import safe_text
from platformstate.codec.scalars import BOOLEANS, NULLS, Reading, reading
from platformstate.codec.shapes import child_of, item_of, misfit, takes_dates
from platformstate.core.kind import Shape
from platformstate.errors import shown

_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_NAMES: Final = {"boolean": "a boolean", "null": "nothing", "integer": "a number", "number": "a number"}
_CUT_OFF: Final = re.compile(r"[ \t]+#(?! )")


class Misread(NamedTuple):
    """A scalar that is refused: the node, where it stands in the record, and why."""

    node: Node
    pointer: str
    code: str
    message: str
    fix: str


def values(root: Node, shape: Shape, text: str) -> tuple[Any, list[Misread]]:
    """Return the value of a tree whose places count in `text`, and the scalars that are refused."""
    found: list[Misread] = []
    return _value(root, shape, "", text, found), found


def _value(node: Node, shape: Shape, at: str, text: str, found: list[Misread]) -> Any:
    if node.kind == "mapping":
        return {
            key.text: _value(value, child_of(shape, key.text), pointer(at, key.text), text, found)
            for key, value in node.entries
        }
    if node.kind == "sequence":
        item = item_of(shape)
        return [
            _value(value, item, pointer(at, index), text, found) for index, value in enumerate(node.items)
        ]
    if node.style:
        return node.text
    how = reading(node.text)
    if how == "text" or (how == "date" and takes_dates(shape)):
        if _CUT_OFF.match(text, node.end):
            message = f"{_shown(node.text)} ends where ' #' begins a comment"
            fix = "quote the whole value, or put a space after the #"
            found.append(Misread(node, at, "yaml_comment_ambiguous", message, fix))
        return node.text
    refusal = _misread(node, shape, at, how)
    if refusal is not None:
        found.append(refusal)
        return node.text
    return _CONSTANTS[node.text] if node.text in _CONSTANTS else number_of(node.text)


def _misread(node: Node, shape: Shape, at: str, how: Reading) -> Misread | None:
    written = _shown(node.text)
    if how in ("date", "ambiguous"):
        message = f"{written or 'an empty value'} does not read the same in every YAML version"
        return Misread(node, at, "yaml_scalar_ambiguous", message, _unambiguous(node.text, shape))
    unfit = misfit(shape.types, how)
    if unfit == "ambiguous":
        message = f"{written} is read as {_NAMES[how]}, the field takes text"
        fix = f"write {_quoted(node.text)}" + (", or remove the key" if how == "null" else "")
        return Misread(node, at, "yaml_scalar_ambiguous", message, fix)
    if unfit == "type":
        message = f"{written} has a fraction, the field takes an integer"
        return Misread(node, at, "field_type_wrong", message, "write a whole number without a fraction")
    if how in ("integer", "number") and number_of(node.text) is None:
        message = f"{written} is beyond ±(2^53−1) or has too many digits"
        return Misread(node, at, "number_out_of_range", message, f"write {_quoted(node.text)}")
    return None


def _unambiguous(text: str, shape: Shape) -> str:
    """Return what to write instead of a text that is read in several ways."""
    word = text.lower()
    if word in NULLS:
        return "write null, or remove the key"
    if word in BOOLEANS and "boolean" in shape.types:
        return f"write {'true' if word in ('true', 'yes', 'on', 'y') else 'false'}"
    return f"write {_quoted(text)}"


def _quoted(text: str) -> str:
    return json.dumps(_shown(text), ensure_ascii=False)


def _shown(text: str) -> str:
    return safe_text(shown(text))
