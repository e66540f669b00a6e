"""The few rules that no schema can say, for the places where a kind has such a value.

Both engines take `1.0` for an integer; no keyword asks that the ids in a list differ; and an instant
with an offset is valid but not how the store writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, cast

from platformstate.core.catalog import KINDS
from platformstate.core.kind import Shape
from platformstate.validation.engines import At
from platformstate.validation.formats import is_instant, is_utc
from platformstate.validation.wording import Finding, quoted, wrong_type

_BY: Final = "by:"


class Watch(NamedTuple):
    """What to look at in one place of a value, and below it."""

    whole_number: tuple[str, ...] = ()
    instant: bool = False
    distinct: str | None = None
    keys: tuple[tuple[str, Watch], ...] = ()
    items: Watch | None = None


@cache
def watched(kind: str) -> Watch | None:
    """Return the places of a kind that need a look, None when there are none."""
    return _watch(KINDS[kind].shape)


def _watch(shape: Shape) -> Watch | None:
    keys = tuple((key, watch) for key, child in shape.keys.items() if (watch := _watch(child)))
    watch = Watch(
        whole_number=shape.types if "integer" in shape.types else (),
        instant=shape.format == "date-time",
        distinct=shape.merge.removeprefix(_BY) if shape.merge.startswith(_BY) else None,
        keys=keys,
        items=_watch(shape.items) if shape.items else None,
    )
    return watch if any(watch) else None


def leaf_findings(watch: Watch, value: Any) -> list[Finding]:
    """Return what is wrong at the watched places of a value, which may be of any type."""
    found: list[Finding] = []
    _look(watch, value, (), found)
    return found


def _look(watch: Watch, value: Any, at: At, found: list[Finding]) -> None:
    """Add what is wrong here and below; most values are read often and have nothing wrong."""
    if isinstance(value, str):
        found.extend(_not_utc(value, at) if watch.instant and not is_utc(value) else ())
    elif isinstance(value, dict):
        for key, below in watch.keys:
            if key in value:
                _look(below, value[key], (*at, key), found)
    elif isinstance(value, list):
        found.extend(_same_ids(value, watch.distinct, at) if watch.distinct else ())
        for position, item in enumerate(value) if watch.items else ():
            _look(cast(Watch, watch.items), item, (*at, position), found)
    elif isinstance(value, float) and watch.whole_number:
        found.append(_fraction(watch, value, at))


def _fraction(watch: Watch, value: float, at: At) -> Finding:
    return wrong_type(
        at, value, {"type": list(watch.whole_number), "title": "a whole number, without a point"}
    )


def _not_utc(value: str, at: At) -> Iterator[Finding]:
    if is_instant(value):
        message = f"{at[-1]} {quoted(value)} is not written in UTC"
        fix = "write it with Z, or run platformctl fmt"
        yield Finding("instant_not_utc", at, message, fix, severity="warning")


def _same_ids(items: list[Any], key: str, at: At) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for position, item in enumerate(items):
        name = item.get(key) if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        if name.casefold() in seen:
            message = f"{key} {quoted(name)} is also that of item {seen[name.casefold()] + 1} of {at[-1]}"
            yield Finding(
                "id_duplicate", (*at, position, key), message, f"give each item of {at[-1]} its own {key}"
            )
        else:
            seen[name.casefold()] = position
