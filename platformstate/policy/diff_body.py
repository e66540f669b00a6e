"""How much of a body changed: lines by their longest common subsequence, and the sections. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from platformstate.codec.sections import sections


class BodyChange(NamedTuple):
    """Lines that came and went, and the `## ` headings whose text differs, removed ones last."""

    added: int
    removed: int
    headings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the change as it stands in `data`."""
        return {"added": self.added, "removed": self.removed, "headings": list(self.headings)}


def body_change(before: str, after: str) -> BodyChange | None:
    """Return what changed between two bodies, None when their lines are equal."""
    old, new = lines(before), lines(after)
    if old == new:
        return None
    common = common_lines(old, new)
    was, now = sections(before), sections(after)
    headings = [name for name in now if name and now[name] != was.get(name)]
    headings += [name for name in was if name and name not in now]
    return BodyChange(len(new) - common, len(old) - common, tuple(headings))


def lines(text: str) -> list[str]:
    """Return the lines of a text; a missing final newline makes no other line."""
    return text.removesuffix("\n").split("\n") if text else []


def common_lines(old: Sequence[str], new: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    Bit by bit as in Crochemore and others, "A fast and practical bit-vector algorithm for the
    longest common subsequence problem" (2001): one addition of long integers a line.
    """
    start, end = 0, 0
    shortest = min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    left, right = old[start : len(old) - end], new[start : len(new) - end]
    return start + end + _common(left, right)


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    places: dict[str, int] = {}
    for index, line in enumerate(old):
        places[line] = places.get(line, 0) | 1 << index
    every = (1 << len(old)) - 1
    missing = every
    for line in new:
        if met := missing & places.get(line, 0):
            missing = (missing + met | missing - met) & every
    return len(old) - missing.bit_count()
