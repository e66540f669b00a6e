"""Which slots are due, and the ranges that stay open while nothing may fire, as properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from platformstate.core.instants import instant, moment
from platformstate.policy.due import (
    Blocked,
    Cursor,
    OpenRange,
    asleep,
    cursor_of,
    due_slots,
    hold,
    next_slot,
    paused_spans,
)
from platformstate.policy.ledger import fingerprint

TRIGGER = {
    "kind": "cron",
    "cron": "*/5 * * * *",
    "timezone": "UTC",
    "dst": {"skipped": "run_after", "repeated": "first"},
}
OTHER = {**TRIGGER, "cron": "*/7 * * * *"}
START, HOUR = datetime(2026, 3, 2, tzinfo=UTC), timedelta(hours=1)
MINUTES = some.integers(0, 3_000).map(lambda minutes: START + timedelta(minutes=minutes))
PAUSED, DENIED = Blocked("skipped_paused", None), Blocked("denied", "job_untrusted")


def line(status: str, slot: datetime | None, **said: Any) -> dict[str, Any]:
    at = None if slot is None else instant(slot)
    return {"status": status, "slot": at, "schedule": fingerprint(TRIGGER), **said}


@given(cursor=MINUTES, now=MINUTES)
def test_due_is_what_fires_after_the_cursor_up_to_now(cursor: datetime, now: datetime) -> None:
    due = list(due_slots(TRIGGER, Cursor(instant(cursor), ""), now))
    first = cursor + timedelta(minutes=5 - cursor.minute % 5)
    expected = [
        first + timedelta(minutes=5 * n) for n in range(max(0, (now - first) // timedelta(minutes=5) + 1))
    ]
    assert due == expected
    assert next_slot(TRIGGER, now) == now + timedelta(minutes=5 - now.minute % 5)
    assert next_slot({"kind": "manual"}, now) is None


@given(slots=some.lists(MINUTES), now=MINUTES)
def test_without_a_cursor_the_newest_slot_of_this_schedule_is_one_else_now(
    slots: list[datetime], now: datetime
) -> None:
    lines = [line("succeeded", slot) for slot in slots]
    newest = max((instant(slot) for slot in slots if slot <= now + HOUR), default=instant(now))
    for said in (None, {}, {"slot": "2026"}, {"slot": instant(now), "schedule": "x", "open": {"status": 1}}):
        assert cursor_of(said, lines, TRIGGER, now) == Cursor(newest, fingerprint(TRIGGER))
    assert cursor_of(None, lines, OTHER, now).slot == instant(now)


@given(slot=MINUTES, now=MINUTES)
def test_a_changed_schedule_stands_at_now_and_keeps_what_is_open(slot: datetime, now: datetime) -> None:
    opened = OpenRange("skipped_paused", None, instant(slot), instant(slot), 1, fingerprint(TRIGGER))
    cursor = Cursor(instant(slot), fingerprint(TRIGGER), opened)
    assert cursor_of(cursor.as_json(), [], OTHER, now) == Cursor(instant(now), fingerprint(OTHER), opened)
    assert cursor_of(cursor.as_json(), [], TRIGGER, now) == cursor


@given(slot=MINUTES, newer=MINUTES, now=MINUTES)
def test_a_ledger_that_is_ahead_moves_the_cursor_but_a_backfill_and_a_far_future_do_not(
    slot: datetime, newer: datetime, now: datetime
) -> None:
    cursor = Cursor(instant(slot), fingerprint(TRIGGER))
    ahead = cursor_of(cursor.as_json(), [line("succeeded", newer, trigger="cron")], TRIGGER, now)
    assert ahead.slot == (max(cursor.slot, instant(newer)) if newer <= now + HOUR else cursor.slot)
    for trigger in ("backfill", "replay"):
        assert cursor_of(cursor.as_json(), [line("failed", newer, trigger=trigger)], TRIGGER, START) == cursor
    assert cursor_of(cursor.as_json(), [line("pruned", None)], TRIGGER, START) == cursor


def test_a_range_that_has_its_line_is_not_open_any_more() -> None:
    opened = OpenRange("denied", "job_untrusted", instant(START), instant(START), 1)
    cursor = Cursor(instant(START), fingerprint(TRIGGER), opened)
    written = line("denied", START, to=instant(START), count=1)
    assert cursor_of(cursor.as_json(), [written], TRIGGER, START).open is None


@given(some.lists(some.tuples(some.sampled_from([PAUSED, DENIED]), some.integers(0, 40)), max_size=12))
def test_every_slot_that_may_not_fire_stands_in_exactly_one_range(states: list[tuple[Blocked, int]]) -> None:
    """The ranges of one state follow each other, and together they count every slot once."""
    cursor, now = Cursor(instant(START), "s"), START
    written: list[OpenRange] = []
    total = 0
    for blocked, count in states:
        slots = [now + timedelta(minutes=5 * n) for n in range(1, count + 1)]
        now = slots[-1] if slots else now
        total += count
        held = hold(cursor, blocked, slots, instant(now)[:10], ())
        written += [held.written] if held.written else []
        cursor = Cursor(instant(now), "s", held.open)
    ranges = [*written, *([cursor.open] if cursor.open else [])]
    assert sum(each.slot_count for each in ranges) == total
    assert all(before.to < after.slot for before, after in pairwise(ranges))
    for each in ranges:
        assert (moment(each.to) - moment(each.slot)) / timedelta(minutes=5) + 1 == each.slot_count


@given(pauses=some.lists(some.tuples(some.integers(0, 60), some.none() | some.integers(1, 90)), max_size=6))
def test_slots_are_asleep_exactly_while_a_pause_lasts(pauses: list[tuple[int, int | None]]) -> None:
    lines, at = [], START
    expected: set[datetime] = set()
    for number, (length, until) in enumerate(pauses):
        begins, at = at, at + timedelta(minutes=length)
        ends = at if until is None else min(at, begins + timedelta(minutes=until))
        stop = None if until is None else instant(begins + timedelta(minutes=until))
        lines.append({"status": "paused", "at": instant(begins), "until": stop})
        lines.append({"status": "resumed", "at": instant(at)})
        lines.append(line("succeeded", START, at=instant(at)))
        expected |= {
            begins + timedelta(minutes=n) for n in range((ends - begins) // timedelta(minutes=1) + 1)
        }
        at += timedelta(minutes=number + 1)
    slots = [START + timedelta(minutes=n) for n in range(500)]
    assert set(asleep(slots, paused_spans(lines))) == expected & set(slots)


def test_a_pause_that_is_not_over_has_no_end() -> None:
    spans = paused_spans([{"status": "paused", "at": instant(START), "until": None}])
    far = START + timedelta(days=365_000)
    assert asleep([START - timedelta(minutes=1), START, far], spans) == [START, far]


def test_a_cursor_stands_in_the_last_minute_that_a_clock_can_tell() -> None:
    now = datetime.max.replace(tzinfo=UTC, microsecond=0)
    assert cursor_of(None, [], TRIGGER, now).slot == instant(now)
