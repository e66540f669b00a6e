"""The values that a field may have, read off the types that are generated from the schemas."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin


def choices(record: type, field: str) -> tuple[str, ...]:
    """Return the values of an enumerated field, in the schema's order."""
    annotation: Any = record.__annotations__[field]
    while get_origin(annotation) is not Literal:
        annotation = get_args(annotation)[0]
    return tuple(get_args(annotation))
