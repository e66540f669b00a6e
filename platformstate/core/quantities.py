"""Durations and sizes as specs write them, in the unit that a program counts."""

from __future__ import annotations

import re
from typing import Final

from platformstate.errors import StateError, shown

_DURATION: Final = re.compile(r"[0-9]{1,9}(ms|s|m|h|d)?")
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def milliseconds(duration: int | str) -> int:
    """Return a duration in milliseconds: `90` is seconds; `500ms`, `90s`, `15m`, `2h` and `7d` say their unit."""
    return duration * 1_000 if isinstance(duration, int) else _amount(duration, _MILLISECONDS)


def seconds(duration: int | str) -> int:
    """Return a duration in whole seconds."""
    return milliseconds(duration) // 1_000


def size_bytes(size: int | str) -> int:
    """Return a size in bytes: `4096`, `512KiB`, `50MiB`, `2GiB`."""
    return size if isinstance(size, int) else _amount(size, _BYTES)


def _amount(text: str, units: dict[str, int]) -> int:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzBGKM")
    return int(number) * units[text[len(number) :]]


def seconds_of(flag: str, text: str) -> float:
    """Return the seconds of a duration that a flag was given. Raises: usage_invalid."""
    if _DURATION.fullmatch(text) is None:
        raise StateError(
            "usage_invalid",
            f"{flag} {shown(text)} is not a duration such as 90, 90s, 15m or 2h",
            hint=f"{flag} 90s",
        )
    return milliseconds(int(text) if text.isdigit() else text) / 1_000
