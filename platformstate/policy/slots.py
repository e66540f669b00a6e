"""When a cron job fires: local time mapped to UTC by segments of constant offset.

CronSim matches fields on naive local time; what happens where local time is skipped or repeated is decided
here, by the rules of Debian's cron for jobs at fixed times. Neither clock nor host's zone has influence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from platformstate.policy.cron import Cron, cron
from platformstate.policy.zones import block_end, block_of, changes, is_last, offset_at, refuse_unknown_zone

if TYPE_CHECKING:
    from cronsim import CronSim

Note = Literal["after_gap", "first_pass", "second_pass"]
Skipped = Literal["run_after", "skip"]
Repeated = Literal["first", "second", "both"]

_LOOK_BACK: Final = timedelta(days=2)  # no change of offset skips or repeats more than a day
_SECOND: Final = timedelta(seconds=1)
_WRONG_PASS: Final[dict[str, Note | None]] = {"first": "second_pass", "second": "first_pass", "both": None}


class Fire(NamedTuple):
    """One slot: a UTC instant, the local offset there, and what daylight saving did to it."""

    at: datetime
    offset: timedelta
    note: Note | None = None


class _Segment(NamedTuple):
    """UTC instants without zone from `start` up to `end`, all with one offset, and its neighbours' offsets."""

    start: datetime
    end: datetime
    offset: timedelta
    before: timedelta
    after: timedelta

    def note(self, at: datetime) -> Note | None:
        """Say whether the local time at an instant here comes twice, and which of the two this is."""
        if at < self.start + (self.before - self.offset):
            return "second_pass"
        if at >= self.end - (self.offset - self.after):
            return "first_pass"
        return None


def fires_after(
    expr: str, zone: str, after: datetime, *, skipped: Skipped = "run_after", repeated: Repeated = "first"
) -> Iterator[datetime]:
    """Return the instants, aware UTC, strictly after `after`, ascending and endless, at which a job fires.

    Raises, at the call: job_trigger_invalid; ValueError when `after` has no zone.
    """
    return (fire.at for fire in fires(expr, zone, after, skipped=skipped, repeated=repeated))


def fires(
    expr: str, zone: str, after: datetime, *, skipped: Skipped = "run_after", repeated: Repeated = "first"
) -> Iterator[Fire]:
    """Return what `fires_after` does, with the local offset and the note of each instant."""
    if after.tzinfo is None:
        raise ValueError("after must be an aware datetime")
    checked = cron(expr)
    refuse_unknown_zone(zone)
    start = after.astimezone(UTC).replace(tzinfo=None)
    found = (
        _wildcard(checked, zone, start)
        if checked.is_wildcard
        else _fixed(checked, zone, start, skipped, repeated)
    )
    return (fire._replace(at=fire.at.replace(tzinfo=UTC)) for fire in found if fire.at > start)


def _wildcard(checked: Cron, zone: str, after: datetime) -> Iterator[Fire]:
    """Follow real minutes: nothing in a gap, both passes of a repeat."""
    for segment, matches in _matches(checked, zone, after):
        for at in matches:
            yield Fire(at, segment.offset, segment.note(at))


def _fixed(checked: Cron, zone: str, after: datetime, skipped: Skipped, repeated: Repeated) -> Iterator[Fire]:
    """Fire once for what a gap skipped, at the first instant after it, and in one pass of a repeat."""
    wrong = _WRONG_PASS[repeated]
    for segment, matches in _matches(checked, zone, after):
        first = next(matches, None)
        if skipped == "run_after" and first != segment.start and _matches_in_gap(checked, segment):
            yield Fire(segment.start, segment.offset, "after_gap")
        for at in chain(() if first is None else (first,), matches):
            note = segment.note(at)
            if note is None or note != wrong:
                yield Fire(at, segment.offset, note)


def _matches_in_gap(checked: Cron, segment: _Segment) -> bool:
    if segment.offset <= segment.before:
        return False
    return next(_from(checked, segment.start + segment.before)) < segment.start + segment.offset


def _matches(checked: Cron, zone: str, after: datetime) -> Iterator[tuple[_Segment, Iterator[datetime]]]:
    """Yield each segment that ends after `after`, with its matching instants from there on."""
    local: _Local | None = None
    offset: timedelta | None = None
    for segment in _segments(zone, after - _LOOK_BACK):
        begin = max(segment.start, after)
        if begin >= segment.end:
            continue
        if local is None or segment.offset != offset:
            local, offset = _Local(checked, begin + segment.offset), segment.offset
        yield segment, local.until(segment.end, segment.offset)


class _Local:
    """The naive local times that match, from one on, with the next one always at hand."""

    def __init__(self, checked: Cron, begin: datetime) -> None:
        self._times = _from(checked, begin)
        self._next = next(self._times)

    def until(self, end: datetime, offset: timedelta) -> Iterator[datetime]:
        """Yield the UTC instants of the matches before `end`."""
        while (at := self._next - offset) < end:
            self._next = next(self._times)
            yield at


def _from(checked: Cron, begin: datetime) -> CronSim:
    """Return the matching local times at or after one."""
    from cronsim import CronSim

    return CronSim(checked.text, begin - _SECOND)


def _segments(zone: str, begin: datetime) -> Iterator[_Segment]:
    """Yield the segments from the one that holds `begin` to the end of the calendar, without holes."""
    block = block_of(begin)
    start, offset = begin, offset_at(zone, begin)
    before = offset
    while not is_last(block):
        for change in changes(zone, block):
            if change.at > begin:
                yield _Segment(start, change.at, offset, before, change.after)
                start, before, offset = change.at, offset, change.after
        following = changes(zone, block + 1)
        after = offset  # a change exactly at the border belongs to the block that it ends
        if following and following[0].at == block_end(block):
            after = following[0].after
        if start < block_end(block):
            yield _Segment(start, block_end(block), offset, before, after)
            start, before = block_end(block), offset
        block += 1
