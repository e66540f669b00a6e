"""Join two versions of a record that started from one: field by field, never by a guess. Pure.

What only one side changed is taken; what both changed alike is kept; everything else is a conflict,
but for sets and keyed lists, whose items are settled one by one. `x-merge` of a field says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.codec.line_edits import same
from platformstate.codec.shapes import child_of, item_of
from platformstate.core.kind import Shape
from platformstate.policy.diff_fields import as_text, by_key


class _Absent:
    """The value of a field that a side does not have."""


ABSENT: Final = _Absent()
WHOLE: Final = Shape()

# Keyed lists in which the order of the items says something.
ORDERED: Final = frozenset({"/steps", "/plan"})


class Joined(NamedTuple):
    """A record joined from two, and the pointers of the fields that could not be settled."""

    meta: dict[str, Any]
    conflicts: tuple[str, ...]


def joined(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any], shape: Shape
) -> Joined:
    """Return a record in which what either side changed is changed; a conflict keeps our value."""
    conflicts: list[str] = []
    meta = _mapping(base, ours, theirs, shape, "", conflicts)
    return Joined(meta, tuple(conflicts))


def grown(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return the longer of two append-only files when one begins with the other, else None.

    Both must begin with what they started from: a file that was rewritten is no longer one.
    """
    longer, shorter = (ours, theirs) if len(ours) >= len(theirs) else (theirs, ours)
    return longer if longer.startswith(shorter) and shorter.startswith(base) else None


def _value(base: Any, ours: Any, theirs: Any, shape: Shape, pointer: str, conflicts: list[str]) -> Any:
    """Return the value of one field; a conflict is noted and keeps our value."""
    if _alike(ours, theirs):
        return ours
    if shape.immutable and base is not ABSENT:
        conflicts.append(pointer)
        return ours
    if _alike(base, ours):
        return theirs
    if _alike(base, theirs):
        return ours
    sides = (base, ours, theirs)
    if shape.merge == "set" and all(side is ABSENT or isinstance(side, list) for side in sides):
        return _set(*sides)
    if shape.merge.startswith("by:") and (found := _keyed(sides, shape)) is not None:
        return _items(found, shape, pointer, conflicts)
    if all(side is ABSENT or isinstance(side, Mapping) for side in sides) and shape.keys:
        base, ours, theirs = ({} if side is ABSENT else side for side in sides)
        return _mapping(base, ours, theirs, shape, pointer, conflicts)
    conflicts.append(pointer)
    return ours


def _mapping(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    shape: Shape,
    pointer: str,
    conflicts: list[str],
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key in dict.fromkeys((*ours, *theirs)):
        was, our, their = (side.get(key, ABSENT) for side in (base, ours, theirs))
        value = _value(was, our, their, child_of(shape, key), f"{pointer}/{key}", conflicts)
        if value is not ABSENT:
            made[key] = value
    return made


def _set(base: Any, ours: Any, theirs: Any) -> Any:
    """Return the items of both but those that either removed: ours in order, then their new ones."""
    was, our, their = ([] if side is ABSENT else side for side in (base, ours, theirs))
    known, ours_now, theirs_now = ({as_text(item) for item in side} for side in (was, our, their))
    kept = [item for item in our if as_text(item) not in known or as_text(item) in theirs_now]
    new = [item for item in their if as_text(item) not in known | ours_now]
    return [*kept, *new] or (ABSENT if ours is ABSENT or theirs is ABSENT else [])


def _keyed(sides: Sequence[Any], shape: Shape) -> list[dict[str, Any]] | None:
    """Return the items of each side by key, None when one of them is no list of keyed items."""
    found = []
    for side in sides:
        listed = [] if side is ABSENT else side
        items = by_key(listed, shape) if isinstance(listed, list) else None
        if items is None:
            return None
        found.append(items)
    return found


def _items(sides: Sequence[Mapping[str, Any]], shape: Shape, pointer: str, conflicts: list[str]) -> list[Any]:
    base, ours, theirs = sides
    order = _order(list(base), list(ours), list(theirs), ordered=pointer in ORDERED)
    if order is None:
        conflicts.append(pointer)
        return list(ours.values())
    made = []
    for key in order:
        found = [side.get(key, ABSENT) for side in sides]
        value = _item(found, item_of(shape), f"{pointer}/{key}", conflicts)
        made += [] if value is ABSENT else [value]
    return made


def _item(sides: Sequence[Any], shape: Shape, pointer: str, conflicts: list[str]) -> Any:
    """Return one item of a keyed list: its fields are settled one by one, each as a whole."""
    base, ours, theirs = sides
    if ABSENT in (base, ours, theirs):
        return _value(base, ours, theirs, WHOLE, pointer, conflicts)
    fields = Shape(keys=dict.fromkeys(shape.keys, WHOLE))
    return _mapping(base, ours, theirs, fields, pointer, conflicts)


def _order(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], *, ordered: bool
) -> list[str] | None:
    """Return the keys of both sides in one order, None where both moved them otherwise.

    Where the order says something, new items of both at one place have none either.
    """
    common = [key for key in base if key in ours and key in theirs]
    our_common = [key for key in ours if key in common]
    their_common = [key for key in theirs if key in common]
    if their_common not in (common, our_common) and our_common != common:
        return None
    lead, other = (theirs, ours) if our_common == common else (ours, theirs)
    made = list(lead)
    for index, key in enumerate(other):
        if key in made:
            continue
        at = made.index(other[index - 1]) + 1 if index else 0
        while key not in base and at < len(made) and made[at] not in base and made[at] not in other:
            if ordered:
                return None
            if other is ours:
                break
            at += 1
        made.insert(at, key)
    return made


def _alike(one: Any, other: Any) -> bool:
    return one is other or (one is not ABSENT and other is not ABSENT and same(one, other))
