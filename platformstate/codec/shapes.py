"""What a field's shape says about the plain scalars that may stand in it."""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from platformstate.core.kind import Shape

ANYTHING: Final = Shape()

Misfit = Literal["ambiguous", "type"]
_FITTING: Final = {
    "boolean": ("boolean",),
    "null": ("null",),
    "integer": ("integer", "number"),
    "number": ("number",),
}


def takes_dates(shape: Shape) -> bool:
    """Say whether a plain date is text here."""
    return shape.format in ("date-time", "date")


@cache
def misfit(types: tuple[str, ...], reading: str) -> Misfit | None:
    """Return why a boolean, null or number does not fit a field that takes these types.

    Where text is taken, it is ambiguous: the author may have meant text. A fraction where integers
    are taken is a wrong type, which JSON Schema lets pass for `1.0`. All else is the schema's to say.
    """
    if not types or any(fitting in types for fitting in _FITTING[reading]):
        return None
    if reading == "number" and "integer" in types:
        return "type"
    return "ambiguous" if "string" in types else None


def child_of(shape: Shape, key: str) -> Shape:
    """Return the shape of what a mapping holds under a key."""
    return shape.keys.get(key, ANYTHING)


def item_of(shape: Shape) -> Shape:
    """Return the shape of a list's items."""
    return shape.items or ANYTHING
