"""What changed between two values of a record, field by field, as its schema says to compare it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from platformstate.codec.layout import ordered
from platformstate.codec.line_edits import same
from platformstate.codec.shapes import child_of, item_of
from platformstate.core.kind import Shape

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class Difference(NamedTuple):
    """One field that differs; an item of a set or keyed list may come or go by itself."""

    pointer: str
    op: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any], shape: Shape) -> list[Difference]:
    """Return what differs between two records, in the order of the schema, `x-` fields last."""
    return list(_members(before, after, shape, ""))


def _members(
    before: Mapping[str, Any], after: Mapping[str, Any], shape: Shape, pointer: str
) -> Iterator[Difference]:
    keys = dict.fromkeys((*after, *before))
    for key in ordered(keys, shape) if shape.keys else sorted(keys):
        below = f"{pointer}/{_escaped(key)}"
        if key not in before:
            yield from _one_sided(ADDED, after[key], child_of(shape, key), below)
        elif key not in after:
            yield from _one_sided(REMOVED, before[key], child_of(shape, key), below)
        else:
            yield from _values(before[key], after[key], child_of(shape, key), below)


def _values(before: Any, after: Any, shape: Shape, pointer: str) -> Iterator[Difference]:
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _members(before, after, shape, pointer)
        return
    if isinstance(before, list) and isinstance(after, list):
        if shape.merge == "set":
            yield from _sets(before, after, pointer)
            return
        if shape.merge.startswith("by:") and (found := _keyed(before, after, shape)) is not None:
            yield from _items(*found, item_of(shape), pointer)
            return
    yield Difference(pointer, CHANGED, before, after)


def _one_sided(op: str, value: Any, shape: Shape, pointer: str) -> Iterator[Difference]:
    """Yield a field that is there on one side only: taken apart as far as one on both would be."""
    empty: Any = {} if isinstance(value, Mapping) else []
    takes_apart = isinstance(value, Mapping) or (isinstance(value, list) and shape.merge != "scalar")
    if value and takes_apart:
        sides = (empty, value) if op == ADDED else (value, empty)
        yield from _values(*sides, shape, pointer)
    elif op == ADDED:
        yield Difference(pointer, op, None, value)
    else:
        yield Difference(pointer, op, value, None)


def _sets(before: Sequence[Any], after: Sequence[Any], pointer: str) -> Iterator[Difference]:
    was, now = {as_text(item): item for item in before}, {as_text(item): item for item in after}
    yield from (Difference(pointer, ADDED, None, now[text]) for text in sorted(now.keys() - was.keys()))
    yield from (Difference(pointer, REMOVED, was[text], None) for text in sorted(was.keys() - now.keys()))


def _keyed(
    before: Sequence[Any], after: Sequence[Any], shape: Shape
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    was, now = by_key(before, shape), by_key(after, shape)
    return None if was is None or now is None else (was, now)


def by_key(items: Sequence[Any], shape: Shape) -> dict[str, Any] | None:
    """Return the items of a keyed list by their key; None when one lacks it or two share it."""
    key = shape.merge.removeprefix("by:")
    found = {
        item[key]: item for item in items if isinstance(item, Mapping) and isinstance(item.get(key), str)
    }
    return found if len(found) == len(items) else None


def _items(was: dict[str, Any], now: dict[str, Any], shape: Shape, pointer: str) -> Iterator[Difference]:
    for key in (*now, *(key for key in was if key not in now)):
        below = f"{pointer}/{_escaped(key)}"
        if key not in was:
            yield Difference(below, ADDED, None, now[key])
        elif key not in now:
            yield Difference(below, REMOVED, was[key], None)
        else:
            yield from _values(was[key], now[key], shape, below)


def as_text(value: Any) -> str:
    """Return a value as text that tells it from every other and sorts the same everywhere."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
