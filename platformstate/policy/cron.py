"""The grammar of cron expressions: what is accepted, before CronSim sees it.

CronSim takes more than this (`L`, `5L`, `1#2`, `5/15`, six fields); what engines read differently is refused.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from platformstate.errors import StateError, shown

MAX_CHARACTERS: Final = 256
_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM: Final = re.compile(r"(?P<first>\*|[^-/]+)(?:-(?P<last>[^-/]+))?(?:/(?P<step>[^-/]+))?")
_NUMBER: Final = re.compile(r"[0-9]{1,2}")
_FIRST_YEAR: Final = 2026
_LAST_YEAR: Final = 2055


class _Field(NamedTuple):
    """What one of the five fields may hold; names count from `low`."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)


class Cron(NamedTuple):
    """A checked expression: its five fields and what its first two and its days mean."""

    fields: tuple[str, ...]

    @property
    def text(self) -> str:
        """The five fields as CronSim reads them."""
        return " ".join(self.fields)

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows real minutes, gaps and repeats included."""
        return self.fields[0].startswith("*") or self.fields[1].startswith("*")

    @property
    def has_ambiguous_day(self) -> bool:
        """Whether engines disagree on its days: a step over all in one field, a restriction in the other."""
        day, week = self.fields[2], self.fields[4]
        return (day.startswith("*/") and week != "*") or (week.startswith("*/") and day != "*")


@lru_cache(maxsize=256)
def cron(expr: str) -> Cron:
    """Return the checked expression. Raises: job_trigger_invalid, naming the field."""
    if len(expr) > MAX_CHARACTERS:
        raise _refused(f"a cron expression has at most {MAX_CHARACTERS} characters, this one {len(expr)}")
    text = expr.strip(" \t")
    if text.startswith("@"):
        text = _expanded(text)
    fields = re.split(r"[ \t]+", text)
    if len(fields) != len(_FIELDS):
        raise _refused(f"cron '{shown(expr)}' has {len(fields) if text else 0} fields instead of 5")
    for field, part in zip(_FIELDS, fields, strict=True):
        for item in part.split(","):
            if fault := _fault(field, item):
                raise _refused(f"cron {field.name} '{shown(part)}': {fault}")
    checked = Cron(tuple(part.upper() for part in fields))
    _refuse_never(checked)
    return checked


def _expanded(text: str) -> str:
    if text not in _MACROS:
        raise _refused(f"cron '{shown(text)}' is none of {', '.join(_MACROS)}")
    return _MACROS[text]


def _fault(field: _Field, item: str) -> str | None:
    """Return what is wrong with one item of a field's list."""
    found = _ITEM.fullmatch(item)
    if not item or found is None:
        return "an item is empty" if not item else f"'{shown(item)}' is none of *, */n, a, a-b, a-b/n"
    first, last, step = found["first"], found["last"], found["step"]
    if first == "*":
        if last is not None:
            return f"'{shown(item)}' is no range"
    elif fault := _range_fault(field, item, first, last, step):
        return fault
    return None if step is None else _step_fault(field, step)


def _range_fault(field: _Field, item: str, first: str, last: str | None, step: str | None) -> str | None:
    """Return what is wrong with `a`, `a-b`, or with a step after a single value."""
    bounds = [_value(field, text) for text in (first, last) if text is not None]
    for bound, text in zip(bounds, (first, last), strict=False):
        if bound is None:
            return f"'{shown(text)}' is not a value from {field.low} to {field.high}" + (
                f" or a name like {field.names[0]}" if field.names else ""
            )
    low, high = bounds[0], bounds[-1]
    assert low is not None
    assert high is not None
    if last is None and step is not None:
        return f"'{shown(item)}' has a step after one value; write {first}-{field.high}/{step}"
    if high < low:
        return f"'{shown(item)}' runs backwards; write {_forwards(field, low, high)}"
    return None


def _step_fault(field: _Field, step: str) -> str | None:
    if _NUMBER.fullmatch(step) is None or not step.isascii():
        return f"the step '{shown(step)}' is not a number of one or two digits"
    if int(step) == 0:
        return "a step of 0 never ends"
    if int(step) > field.high:
        return f"with a step of {int(step)} only its first value would fire"
    return None


def _value(field: _Field, text: str) -> int | None:
    """Return the number that a value or a name stands for; None where it is neither."""
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    if text.isascii() and _NUMBER.fullmatch(text) and field.low <= int(text) <= field.high:
        return int(text)
    return None


def _forwards(field: _Field, low: int, high: int) -> str:
    """Return a reversed range as the two that it would have meant."""
    if field.names is _DAYS and low == 7:
        return f"0-{high}" if high else "0"
    rest = 1 if field.names is _DAYS else field.low  # Sunday stands at both ends of the week
    until_end = f"{low}-{field.high}" if low < field.high else f"{low}"
    if high < rest:
        return until_end
    return f"{until_end},{rest}" if high == rest else f"{until_end},{rest}-{high}"


def _refuse_never(checked: Cron) -> None:
    """Refuse an expression that no local time of thirty years matches."""
    from cronsim import CronSim, CronSimError

    try:
        first = next(CronSim(checked.text, datetime(_FIRST_YEAR - 1, 12, 31, 23, 59, 59)))
    except (CronSimError, StopIteration):
        first = None
    if first is None or first.year > _LAST_YEAR:
        raise _refused(f"cron '{checked.text.lower()}' matches no day from {_FIRST_YEAR} to {_LAST_YEAR}")


def _refused(message: str) -> StateError:
    return StateError(
        "job_trigger_invalid", message, hint="platformctl jobs next --expr '30 2 * * *' --tz Europe/Warsaw"
    )
