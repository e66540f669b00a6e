"""What a plain scalar stands for in a field, where nothing about it is doubtful."""

from __future__ import annotations

from typing import Any, Final

from platformstate.codec.json_nodes import number_of
from platformstate.codec.scalars import LONGEST_WORD, NUMERIC_STARTS, reading
from platformstate.codec.shapes import misfit, takes_dates
from platformstate.core.kind import Shape

_VALUES: Final = {"true": True, "false": False, "null": None}


class LookAgain(Exception):
    """Something here is not plainly fine; the slower reader says what, and perhaps it is fine."""


def plain_value(text: str, shape: Shape) -> Any:
    """Return what a plain scalar stands for in a field of this shape. Raises LookAgain."""
    if len(text) > LONGEST_WORD and text[0] not in NUMERIC_STARTS:
        return text
    how = reading(text)
    if how == "text" or (how == "date" and takes_dates(shape)):
        return text
    if how in ("date", "ambiguous") or misfit(shape.types, how) is not None:
        raise LookAgain
    if how in ("integer", "number"):
        number = number_of(text)
        if number is None:
            raise LookAgain
        return number
    return _VALUES[text]
