"""An integer field takes an integer lexeme only: both JSON Schema engines would let `1.0` pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from platformstate.codec import locate
from platformstate.codec.nodes import pointer
from platformstate.codec.shapes import child_of, item_of, misfit
from platformstate.core.kind import Shape
from platformstate.errors import Problem, shown

# A number with a fraction or exponent begins after one of these signs, or is not there.
_FRACTION: Final = re.compile(r"[:,\[\s]-?[0-9]+[.eE]")


def may_hold_fractions(text: str) -> bool:
    """Say whether JSON text may hold a number that is no integer lexeme."""
    return _FRACTION.search(text) is not None


def fraction_problems(
    text: str, value: Any, shape: Shape, path: str, *, line: int = 1
) -> tuple[Problem, ...]:
    """Return the fractions of a JSON value where its shape takes integers."""
    if not may_hold_fractions(text):
        return ()
    problems = []
    for at, number in _misfits(value, shape, ""):
        row, col = locate.position(text, "json", at)
        message = f"{shown(number)} has a fraction, the field takes an integer"
        fix = "write a whole number without a fraction"
        problems.append(Problem(path, row + line - 1, col, "field_type_wrong", message, fix, at))
    return tuple(problems)


def _misfits(value: Any, shape: Shape, at: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _misfits(member, child_of(shape, key), pointer(at, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _misfits(member, item_of(shape), pointer(at, index))
    elif isinstance(value, float) and misfit(shape.types, "number") == "type":
        yield at, value
