"""When cron jobs fire: the published table, a walk over real minutes as the oracle, and what is refused."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from platformstate.errors import StateError
from platformstate.policy.cron import cron
from platformstate.policy.slots import Repeated, Skipped, fires, fires_after
from platformstate.policy.zones import refuse_unknown_zone, zone

TABLE = Path(__file__).parents[2] / "docs" / "cron.md"
MINUTE = timedelta(minutes=1)
NOTES = {"g": "after_gap", "2": "second_pass"}


class Row(NamedTuple):
    expr: str
    zone: str
    after: datetime
    fires: tuple[tuple[datetime, str | None], ...]


def published() -> Iterator[Row]:
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            after = datetime.fromisoformat(cells[2])
            yield Row(cells[0].strip("`"), cells[1], after, tuple(fires_of(cells[3], after)))


def fires_of(cell: str, after: datetime) -> Iterator[tuple[datetime, str | None]]:
    day = ""
    for text in re.sub(r"\(.*\)", "", cell).split(","):
        instant, *note = text.split()
        if "T" in instant:
            day, instant = instant.split("T")
            day = day if len(day) == 10 else f"{after.year}-{day}"
        yield datetime.fromisoformat(f"{day}T{instant}:00+00:00"), NOTES[note[0]] if note else None


ROWS = tuple(published())


@pytest.fixture(params=[None, "America/New_York", "Asia/Kathmandu", "Pacific/Apia"])
def local_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.environ.get("TZ")
    if request.param:
        os.environ["TZ"] = request.param
    time.tzset()
    yield
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_the_table_is_whole() -> None:
    assert len(ROWS) == 25


@pytest.mark.usefixtures("local_zone")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.expr} {row.zone}")
def test_30_01_the_published_table_holds_from_each_instant(row: Row) -> None:
    found = [*islice(fires(row.expr, row.zone, row.after), len(row.fires))]
    assert [fire.at for fire in found] == [at for at, _ in row.fires]
    for fire, (_, note) in zip(found, row.fires, strict=True):
        assert (fire.note if fire.note != "first_pass" else None) == note
    for n, (at, _) in enumerate(row.fires):
        rest = [at for at, _ in row.fires[n + 1 :]]
        assert [*islice(fires_after(row.expr, row.zone, at), len(rest))] == rest


class Minute(NamedTuple):
    """One real minute: its instant, its local time, and how the minute before and after it stand to it."""

    at: datetime
    local: datetime


def walk(name: str, begin: datetime, end: datetime) -> list[Minute]:
    at, minutes = begin, []
    while at < end:
        minutes.append(Minute(at, at.astimezone(zone(name)).replace(tzinfo=None)))
        at += MINUTE
    return minutes


def field(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        numbers = range(low, high + 1) if first == "*" else range(int(first), int(last or first) + 1)
        found.update(numbers[:: int(step or 1)])
    return found


def matcher(expr: str) -> tuple[set[int], set[int], set[int], set[int], set[int], bool]:
    minute, hour, day, month, week = expr.split()
    weekdays = {number % 7 for number in field(week, 0, 7)}
    both = day.startswith("*") or week.startswith("*")
    return field(minute, 0, 59), field(hour, 0, 23), field(day, 1, 31), field(month, 1, 12), weekdays, both


def matches(expr: str, local: datetime) -> bool:
    minutes, hours, days, months, weekdays, both = matcher(expr)
    if local.second or local.minute not in minutes or local.hour not in hours or local.month not in months:
        return False
    in_days, in_weekdays = local.day in days, (local.weekday() + 1) % 7 in weekdays
    return (in_days and in_weekdays) if both else (in_days or in_weekdays)


def oracle(
    expr: str, name: str, begin: datetime, end: datetime, skipped: str, repeated: str
) -> list[datetime]:
    """Return the fires of a stretch by walking its minutes; whole-minute offsets only."""
    margin = timedelta(days=2)
    minutes = walk(name, begin - margin, end + margin)
    is_fixed = not expr.split()[0].startswith("*") and not expr.split()[1].startswith("*")
    first: dict[datetime, datetime] = {}
    last: dict[datetime, datetime] = {}
    for minute in minutes:
        first.setdefault(minute.local, minute.at)
        last[minute.local] = minute.at
    found = set()
    for before, minute in pairwise(minutes):
        gap = before.local + MINUTE
        while is_fixed and skipped == "run_after" and gap < minute.local:
            if matches(expr, gap):
                found.add(minute.at)
            gap += MINUTE
        if matches(expr, minute.local):
            wanted = {"first": first[minute.local], "second": last[minute.local], "both": minute.at}[repeated]
            if not is_fixed or wanted == minute.at:
                found.add(minute.at)
    return sorted(at for at in found if begin < at < end)


CHANGES = (
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Australia/Lord_Howe", "2027-04-03T15:00"),
    ("Pacific/Chatham", "2026-09-26T14:00"),
    ("Africa/Casablanca", "2026-02-15T02:00"),
    ("America/Nuuk", "2026-03-29T01:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Asia/Pyongyang", "2018-05-04T15:00"),
    ("Europe/Moscow", "2014-10-25T22:00"),
    ("America/Asuncion", "2024-10-06T04:00"),
    ("Antarctica/Troll", "2026-03-29T01:00"),
    ("Africa/Juba", "2021-01-31T21:00"),
    ("Asia/Tokyo", "2026-05-05T00:00"),
)
minutes = some.sampled_from(["0", "30", "*/20", "15,45", "*", "59", "10-40/15"])
hours = some.sampled_from(["0", "1", "2", "3", "1-3", "*/4", "*", "0,2,23", "0-23/2"])
days = some.sampled_from(["*", "*", "*", "*/2", "1,15,25,29,30"])
weeks = some.sampled_from(["*", "*", "*", "0", "1-5", "6,7"])


@settings(max_examples=40, deadline=None)
@given(
    where=some.sampled_from(CHANGES),
    expr=some.tuples(minutes, hours, days, some.just("*"), weeks).map(" ".join),
    shift=some.integers(-26 * 60, 90),
    skipped=some.sampled_from(["run_after", "skip"]),
    repeated=some.sampled_from(["first", "second", "both"]),
)
def test_a_walk_over_real_minutes_agrees(
    where: tuple[str, str], expr: str, shift: int, skipped: Skipped, repeated: Repeated
) -> None:
    name, change = where
    begin = datetime.fromisoformat(f"{change}:00+00:00") + shift * MINUTE
    end = begin + timedelta(days=2)
    expected = oracle(expr, name, begin, end, skipped, repeated)
    found = fires_after(expr, name, begin, skipped=skipped, repeated=repeated)
    assert [*islice(found, len(expected))] == expected
    assert next(found) >= end


@pytest.mark.parametrize(
    ("expr", "named"),
    [
        ("5-1 * * * *", "minute '5-1'"),
        ("* * * * fri-mon", "write 5-7,1"),
        ("0 22-3 * * *", "write 22-23,0-3"),
        ("* * * * sat-sun", "write 6-7"),
        ("*/60 * * * *", "only its first value would fire"),
        ("*/0 * * * *", "step of 0"),
        ("5/15 * * * *", "write 5-59/15"),
        ("0 0 30 2 *", "matches no day"),
        ("@reboot", "'@reboot'"),
        ("* * * * * *", "6 fields"),
        ("", "0 fields"),
        ("1,,2 * * * *", "an item is empty"),
        ("L * * * *", "minute 'L'"),
        ("* * LW * *", "day of month 'LW'"),
        ("* * * * 5#1", "day of week '5#1'"),
        ("* * ? * *", "day of month '?'"),
        ("H * * * *", "minute 'H'"),
        ("~ * * * *", "minute '~'"),
        ("-5 * * * *", "minute '-5'"),
        ("+5 * * * *", "minute '+5'"),
        ("\u0663 * * * *", "minute"),
        ("007 * * * *", "minute '007'"),
        ("60 * * * *", "from 0 to 59"),
        ("* * 0 * *", "from 1 to 31"),
        ("jan * * * *", "minute 'jan'"),
        ("* * * mon *", "month 'mon'"),
        ("* * *\n* *", "4 fields"),
        ("* " * 200, "256 characters"),
    ],
)
def test_what_engines_read_differently_is_refused_by_name(expr: str, named: str) -> None:
    with pytest.raises(StateError) as refused:
        fires_after(expr, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.code == "job_trigger_invalid"
    assert named in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Poland", "Europe/Warsaw"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Warsaw", "Europe/Warsaw"),
        ("CEST", "Europe/Warsaw"),
        ("EST", "write "),
        ("+02:00", "or UTC"),
        ("", "or UTC"),
        ("/etc/passwd", "or UTC"),
        ("../UTC", "write "),
    ],
)
def test_a_zone_needs_its_full_name(name: str, hint: str) -> None:
    with pytest.raises(StateError) as refused:
        refuse_unknown_zone(name)
    assert refused.value.code == "job_trigger_invalid"
    assert hint in refused.value.hint


def test_the_day_rule_is_debians_and_its_doubtful_case_is_seen() -> None:
    friday_13 = fires_after("0 0 13 * fri", "UTC", datetime(2026, 11, 1, tzinfo=UTC))
    assert [at.day for at in islice(friday_13, 3)] == [6, 13, 20]
    assert cron("0 0 */2 * mon").has_ambiguous_day
    assert cron("0 0 1 * */2").has_ambiguous_day
    assert not cron("0 0 1 * mon").has_ambiguous_day
    assert not cron("0 0 * * mon").has_ambiguous_day


def test_names_and_macros_are_read() -> None:
    assert cron("0 0 * JAN-mar sun").text == "0 0 * JAN-MAR SUN"
    assert cron("@daily").text == "0 0 * * *"
    assert cron(" 0\t0 * * * ").text == "0 0 * * *"


def test_the_host_may_keep_its_own_zone_data() -> None:
    fires_after("0 0 * * *", "Europe/Paris", datetime(2026, 1, 1, tzinfo=UTC))
    assert ZoneInfo("Europe/Paris") is not zone("Europe/Paris")


def test_an_instant_without_zone_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="aware"):
        fires_after("0 0 * * *", "UTC", datetime(2026, 1, 1))


def test_the_calendar_may_end() -> None:
    assert next(fires_after("0 0 1 1 *", "UTC", datetime(9990, 6, 1, tzinfo=UTC))).year == 9991
    assert len([*fires_after("0 0 1 1 *", "UTC", datetime(9990, 6, 1, tzinfo=UTC))]) < 10
