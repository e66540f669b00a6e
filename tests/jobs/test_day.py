"""A day of many jobs of every kind, with ticks that come late, die and race clean-ups: each slot is accounted for."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import takewhile
from typing import Any

import pytest

from platformstate.actions.jobs_history import job_history
from platformstate.core.instants import instant, moment
from platformstate.policy.journal import TERMINAL
from platformstate.policy.slots import fires_after
from platformstate.store.opened import open_store
from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import tick

# The day on which Berlin skips 02:00 to 03:00; ticks come late, and once not for six hours.
TICKS = [
    f"2026-03-{clock}Z"
    for clock in (
        "28T20:00:30", "28T22:00:10", "28T23:30:00", "29T00:10:00", "29T01:00:00", "29T01:31:00", "29T08:00:20", "29T10:05:00",
    )
]  # fmt: skip
EFFECT = 'echo "$PLATFORMSTATE_JOB $PLATFORMSTATE_SLOT" >> {}'
HOURLY = ("0 * * * *", "UTC")
KINDS: list[dict[str, Any]] = [
    {"cron": ("*/15 * * * *", "UTC")},
    {"cron": HOURLY, "misfire": {"policy": "skip", "late_after": "5m"}},
    {"cron": ("*/30 * * * *", "Asia/Kolkata"), "misfire": {"policy": "all", "max_runs": 3, "window": "2h"}},
    {"cron": ("30 2 * * *", "Europe/Berlin"), "output": {"keep": "full"}},
    {"cron": ("0 */4 * * *", "Australia/Lord_Howe")},
    {"cron": HOURLY, "enabled": False},
    {"cron": HOURLY, "script": "exit 3", "retry": {"max": 1, "backoff": {"initial": "1ms"}}},
    {"cron": HOURLY, "approved": False},
    {"cron": HOURLY, "target": {"kind": "command", "argv": ["no-such-program"]}},
    {"cron": ("0,20,40 * * * *", "UTC"), "overlap": {"policy": "skip", "group": "shared"}},
]


class Day:
    """The jobs of a day, each of the kind that its number says; the last one is for hands only."""

    def __init__(self, jobs: JobScene, number: int) -> None:
        self.jobs = jobs
        self.kinds = {f"job-{n:03d}": KINDS[n % len(KINDS)] for n in range(number)}
        for name in self.kinds:
            self.write(name)
        jobs.shell("by-hand", "true")
        jobs.land()
        jobs.approve("by-hand", *(name for name, kind in self.kinds.items() if self.is_approvable(kind)))

    @staticmethod
    def is_approvable(kind: dict[str, Any]) -> bool:
        return kind.get("approved", True) and "target" not in kind

    def write(self, name: str, **changed: Any) -> None:
        kind = {**self.kinds[name], **changed}
        script = kind.pop("script", EFFECT.format(self.jobs.effects_file))
        cron, zone = kind.pop("cron")
        kind.pop("approved", None)
        trigger = {"kind": "cron", "cron": cron, "timezone": zone}
        target = {"kind": "command", "argv": ["sh", "-c", script]}
        self.jobs.job(name, **{"target": target, "trigger": trigger, **kind})

    def of(self, number: int) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind is KINDS[number]]

    def slots(self, name: str) -> list[datetime]:
        """Return the slots that came after the first tick and up to the last."""
        cron, zone = self.kinds[name]["cron"]
        found = fires_after(cron, zone, moment(TICKS[0]))
        return list(takewhile(lambda slot: slot <= moment(TICKS[-1]), found))

    def happens(self, number: int) -> None:
        """Change what the day changes before a tick."""
        if number == 1:
            for name in self.of(1):
                flags = ("--reason", "night", "--until", TICKS[4])
                env = {"PLATFORMSTATE_NOW": TICKS[1]}
                self.jobs.run_ctl("jobs", "pause", name, *flags, env=env, check=True)
        if number == 2:
            self.change(4, cron=("0 */4 * * *", "Lord_Howe"))
        if number == 5:
            self.change(4)
            self.change(5, enabled=True)
            self.jobs.approve(*self.of(7))

    def change(self, kind: int, **changed: Any) -> None:
        for name in self.of(kind):
            self.write(name, **changed)
        self.jobs.land()


@pytest.mark.soak
@pytest.mark.parametrize("number", [10, 200])
def test_each_slot_of_a_day_is_run_once_or_recorded(jobs: JobScene, number: int) -> None:
    day = Day(jobs, number)
    for at, now in enumerate(TICKS):
        day.happens(at)
        if at in (3, 6):
            killed = jobs.begin(
                "jobs", "tick", env={"PLATFORMSTATE_NOW": now, "PLATFORMSTATE_FAILPOINT": "jobs.claimed"}
            )
            assert killed.wait().status == -9
        pruning = jobs.begin(
            "jobs", "prune", "--before", TICKS[max(0, at - 2)], env={"PLATFORMSTATE_NOW": now}
        )
        assert tick(jobs, now).document["data"]["problems"] is not None
        assert pruning.wait().status in (0, 1)
    tick(jobs, TICKS[-1], "--commit")
    for name in day.kinds:
        accounted(jobs, day, name)
    effects = Counter(jobs.effects_file.read_text().splitlines())
    assert max(effects.values()) == 1, effects.most_common(3)
    assert jobs.run_ctl("validate").status in (0, 1)


def accounted(jobs: JobScene, day: Day, name: str) -> None:
    """Check that each slot of a job is in one line, as a run or in a range, and no line holds another."""
    items = job_history(open_store(jobs.repo.root), name, limit=10_000).data["items"]
    ran = Counter(item["slot"] for item in items if item["status"] in TERMINAL)
    ranges = [item for item in items if "count" in item and item["slot"] is not None]
    slots = [instant(slot) for slot in day.slots(name)]
    assert not ran.keys() - set(slots), (name, ran)
    assert max(ran.values(), default=1) == 1, (name, ran)
    missing = [
        slot
        for slot in slots
        if slot not in ran and not any(row["slot"] <= slot <= row["to"] for row in ranges)
    ]
    assert missing == [], (name, missing, ranges)
    assert sum(ran.values()) + sum(row["count"] for row in ranges) == len(slots), (name, slots, items)
