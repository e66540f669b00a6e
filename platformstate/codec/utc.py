"""Instants in UTC: another offset for the same one is another way to write it, no other value."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from platformstate.codec.shapes import child_of, item_of
from platformstate.core.kind import Shape

_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def with_utc(value: Any, shape: Shape) -> Any:
    """Return a value in which every instant is written in UTC."""
    if isinstance(value, dict):
        return {key: with_utc(member, child_of(shape, key)) for key, member in value.items()}
    if isinstance(value, list):
        return [with_utc(member, item_of(shape)) for member in value]
    return utc(value) if shape.format == "date-time" and isinstance(value, str) else value


def utc(text: str) -> str:
    """Return an instant with an offset as the same one in UTC; other texts as they are."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return text
    date, time, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}{offset.upper().replace('Z', '+00:00')}")
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").zfill(19) + (fraction or "") + "Z"
    except (ValueError, OverflowError):  # no such day, or before the year 1: the schema's to say
        return text
