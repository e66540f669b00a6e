"""Which due slots fire: the published scenario, and that none is ever lost or counted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as some

from platformstate.policy.misfire import Due, Misfire, Policy, Unfired, parted, settle, stretches
from platformstate.policy.slots import fires_after

CURSOR = datetime(2026, 3, 2, 0, 0, 30, tzinfo=UTC)
NOW = datetime(2026, 3, 5, 0, 2, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}:00+00:00")


def due() -> list[datetime]:
    return [*takewhile(lambda slot: slot <= NOW, fires_after("*/5 * * * *", "UTC", CURSOR))]


def test_30_03_skip_records_all_as_one_line() -> None:
    assert len(due()) == 864
    missed = Unfired("missed", "late", at("03-02T00:05"), at("03-05T00:00"), 864)
    assert settle(due(), NOW, Misfire("skip")) == Due((), (missed,))


def test_30_03_latest_fires_one_and_coalesces_the_rest() -> None:
    coalesced = Unfired("coalesced", None, at("03-02T00:05"), at("03-04T23:55"), 863)
    assert settle(due(), NOW, Misfire("latest")) == Due((at("03-05T00:00"),), (coalesced,))


def test_30_03_all_fires_the_newest_that_it_may() -> None:
    settled = settle(due(), NOW, Misfire("all"))
    assert (settled.fires[0], settled.fires[-1], len(settled.fires)) == (
        at("03-04T23:15"),
        at("03-05T00:00"),
        10,
    )
    assert [(u.status, u.reason, u.slot_count) for u in settled.unfired] == [
        ("missed", "outside_window", 576),
        ("missed", "over_max_runs", 278),
    ]


def test_a_slot_in_time_fires_under_skip() -> None:
    slot = NOW - timedelta(seconds=90)
    assert settle([slot], NOW, Misfire("skip")).fires == (slot,)
    assert settle([slot - timedelta(seconds=1)], NOW, Misfire("skip")).fires == ()


def test_latest_outside_its_window_is_missed() -> None:
    slot = NOW - timedelta(hours=25)
    assert settle([slot], NOW, Misfire()).unfired == (Unfired("missed", "outside_window", slot, slot, 1),)


@pytest.mark.parametrize("policy", ["skip", "latest", "all"])
def test_nothing_due_is_nothing_recorded(policy: Policy) -> None:
    assert settle([], NOW, Misfire(policy)) == Due((), ())


@given(
    ages=some.lists(some.integers(0, 200_000), unique=True),
    policy=some.sampled_from(["skip", "latest", "all"]),
    max_runs=some.integers(1, 20),
    window=some.integers(1, 150_000),
)
def test_every_slot_fires_or_is_counted_once(
    ages: list[int], policy: Policy, max_runs: int, window: int
) -> None:
    slots = sorted(NOW - timedelta(seconds=age) for age in ages)
    settled = settle(slots, NOW, Misfire(policy, window=timedelta(seconds=window), max_runs=max_runs))
    assert len(settled.fires) + sum(unfired.slot_count for unfired in settled.unfired) == len(slots)
    assert list(settled.fires) == slots[len(slots) - len(settled.fires) :]
    covered = [slot for u in settled.unfired for slot in slots if u.slot <= slot <= u.to]
    assert covered == slots[: len(slots) - len(settled.fires)]


def test_no_part_of_a_range_spans_a_slot_that_is_told_of_otherwise() -> None:
    slot = [datetime(2026, 3, 2, 0, minute, tzinfo=UTC) for minute in range(8)]
    due = [slot[0], slot[2], slot[3], slot[4], slot[6], slot[7]]
    whole = Unfired("coalesced", None, slot[0], slot[6], 5)
    runs = stretches(due, {slot[5]}, slot[2])
    parts = list(parted(whole, runs))
    assert [(part.slot, part.to, part.slot_count) for part in parts] == [
        (slot[0], slot[0], 1), (slot[2], slot[2], 1), (slot[3], slot[4], 2), (slot[6], slot[6], 1),
    ]  # fmt: skip
    assert {part.status for part in parts} == {"coalesced"}
