"""Which of a job's due slots fire, and how the others are recorded."""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, Literal, NamedTuple

Policy = Literal["latest", "skip", "all"]


class Misfire(NamedTuple):
    """What a spec says of slots whose time has passed."""

    policy: Policy = "latest"
    late_after: timedelta = timedelta(seconds=90)
    window: timedelta = timedelta(hours=24)
    max_runs: int = 10


class Unfired(NamedTuple):
    """A range of slots that did not run; a coalesced one stands for the run that fires."""

    status: Literal["missed", "coalesced"]
    reason: str | None
    slot: datetime
    to: datetime
    slot_count: int


class Due(NamedTuple):
    """The slots that fire, ascending, and the ranges that do not, oldest first."""

    fires: tuple[datetime, ...]
    unfired: tuple[Unfired, ...]


class _Stretch:
    """A growing range of slots of which only ends and number are kept."""

    def __init__(self) -> None:
        self.slots: list[datetime] = []
        self.count = 0

    def add(self, slot: datetime) -> None:
        self.slots = [*self.slots[:1], slot]
        self.count += 1

    def recorded(self, status: Literal["missed", "coalesced"], reason: str | None) -> tuple[Unfired, ...]:
        return (Unfired(status, reason, self.slots[0], self.slots[-1], self.count),) if self.count else ()


def settle(due: Iterable[datetime], now: datetime, rules: Misfire) -> Due:
    """Divide the due slots, ascending and not after `now`; keeps at most `max_runs` of them in memory."""
    return _POLICIES[rules.policy](due, now, rules)


def stretches(slots: Iterable[datetime], told: Iterable[datetime], handled: datetime) -> list[list[datetime]]:
    """Return slots, ascending, in stretches of which none spans a slot that is told of otherwise.

    Those are the ones in `told`, also taken ones, whose claims may yet come to nothing, and all up to `handled`
    that are not due again: only what a range holds may count as recorded by it.
    """
    cuts = sorted(told)
    groups = groupby(slots, lambda slot: slot if slot <= handled else bisect(cuts, slot))
    return [list(group) for _, group in groups]


def parted(unfired: Unfired, runs: Iterable[Sequence[datetime]]) -> Iterator[Unfired]:
    """Yield a range in parts, one for each of the stretches of slots that it holds something of."""
    for stretch in runs:
        inside = [slot for slot in stretch if unfired.slot <= slot <= unfired.to]
        if inside:
            yield unfired._replace(slot=inside[0], to=inside[-1], slot_count=len(inside))


def _skip(due: Iterable[datetime], now: datetime, rules: Misfire) -> Due:
    newest, missed = _newest(due, 1)
    if newest and now - newest[0] > rules.late_after:
        missed.add(newest.popleft())
    return Due(tuple(newest), missed.recorded("missed", "late"))


def _latest(due: Iterable[datetime], now: datetime, rules: Misfire) -> Due:
    newest, others = _newest(due, 1)
    if newest and now - newest[0] <= rules.window:
        return Due(tuple(newest), others.recorded("coalesced", None))
    if newest:
        others.add(newest.popleft())
    return Due((), others.recorded("missed", "outside_window"))


def _all(due: Iterable[datetime], now: datetime, rules: Misfire) -> Due:
    outside, over = _Stretch(), _Stretch()
    fires: deque[datetime] = deque()
    for slot in due:
        if now - slot > rules.window:
            outside.add(slot)
            continue
        fires.append(slot)
        if len(fires) > rules.max_runs:
            over.add(fires.popleft())
    missed = outside.recorded("missed", "outside_window") + over.recorded("missed", "over_max_runs")
    return Due(tuple(fires), missed)


def _newest(due: Iterable[datetime], kept: int) -> tuple[deque[datetime], _Stretch]:
    newest: deque[datetime] = deque()
    others = _Stretch()
    for slot in due:
        newest.append(slot)
        if len(newest) > kept:
            others.add(newest.popleft())
    return newest, others


_POLICIES: Final[dict[Policy, Callable[[Iterable[datetime], datetime, Misfire], Due]]] = {
    "skip": _skip,
    "latest": _latest,
    "all": _all,
}
