"""Random ticks in two worktrees of one clone, killed anywhere: each effect at most once, each slot told once."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from platformstate.core.instants import instant, moment
from tests.jobs.scenes import JobScene
from tests.jobs.test_races import kill_group
from tests.jobs.test_schedule import begun, cron_job
from tests.jobs.test_worktrees import tick_in, told, worktree

FIRST: Final = "2026-03-02T00:00:30Z"
STEP: Final = timedelta(minutes=5)
POINTS: Final = (
    "jobs.claimed", "jobs.claimed@2", "jobs.ledger", "jobs.ledger@2", "jobs.ledger-torn",
    "conduct.pin-temp", "conduct.pin-renamed", "conduct.started", "conduct.marker", "conduct.spawned",
    "conduct.receipt", "conduct.outcome", "conduct.all-done", "conduct.terminal", "conduct.receipt-written",
    "store.intent-durable", "store.files-durable", "store.index-renamed", "store.ref-moved", "store.done",
)  # fmt: skip
SPECS: Final[dict[str, dict[str, Any]]] = {
    "latest": {},
    "all": {"misfire": {"policy": "all"}},
    "skip": {"misfire": {"policy": "skip", "late_after": "4m"}},
    "queued": {"overlap": {"policy": "queue", "group": "one"}},
    "again": {"policy": {"side_effects": "external"}, "overlap": {"policy": "queue", "group": "one"}},
}


class Sequence:
    """One random sequence over two worktrees; the clock goes on, and sometimes back."""

    def __init__(self, jobs: JobScene, seed: int) -> None:
        self.jobs, self.chance = jobs, random.Random(seed)
        for name, spec in SPECS.items():
            cron_job(jobs, name, f"echo {name} $PLATFORMSTATE_SLOT >> {jobs.effects_file}", **spec)
        begun(jobs, now=FIRST)
        self.roots = (jobs.repo.root, worktree(jobs))
        self.at = self.latest = moment(FIRST)

    def tick(self) -> None:
        """Tick somewhere, now or after some slots, and die somewhere or not."""
        self.at += timedelta(seconds=self.chance.randrange(-120, 500))
        self.latest = self.at = max(self.at, moment(FIRST))
        env = {"PLATFORMSTATE_FAILPOINT": self.chance.choice(POINTS)} if self.chance.random() < 0.7 else {}
        argv = ["--commit"] * (self.chance.random() < 0.3)
        said = {"PLATFORMSTATE_NOW": instant(self.at), **env}
        root = self.chance.choice(self.roots)
        command = self.jobs.begin("jobs", "tick", "--json", "--parallel", "2", *argv, env=said, cwd=root)
        if self.chance.random() < 0.3:
            time.sleep(self.chance.random() * 0.5)
            kill_group(command)
        if self.chance.random() < 0.7:
            command.wait()

    def settle(self) -> str:
        """Tick in both worktrees until nothing is left to do; return the last instant."""
        now = instant(self.latest + timedelta(seconds=900))
        quiet = 0
        for turn in range(60):
            data = tick_in(self.jobs, self.roots[turn % 2], now).document["data"]
            busy = data["started"] or data["recorded"] or data["reconciled"] or data["problems"]
            quiet = 0 if busy or data["waiting"] else quiet + 1
            if quiet == 4:
                for (
                    root
                ) in self.roots:  # a tick of named jobs looks at those that rest, too: a torn line goes
                    tick_in(self.jobs, root, now, *(f"--job={name}" for name in SPECS))
                return now
            time.sleep(0.05)
        raise AssertionError(f"there is always something left to do: {data}")


def slots_of(line: dict[str, Any]) -> Iterator[str]:
    """Yield the slots that a line of a ledger tells of."""
    slot, last = moment(line["slot"]), moment(line.get("to", line["slot"]))
    while slot <= last:
        yield instant(slot)
        slot += STEP


def accounts(name: str, roots: tuple[Path, ...]) -> Counter[str]:
    lines = [json.loads(text) for text in told(name, *roots)]
    return Counter(slot for line in lines for slot in slots_of(line))


def require_at_most_once(jobs: JobScene, seed: int, ticks: int) -> None:
    sequence = Sequence(jobs, seed)
    for _ in range(ticks):
        sequence.tick()
    now = sequence.settle()
    effects = Counter(jobs.effects_file.read_text().splitlines())
    assert [row for row, count in effects.items() if count > 1] == [], seed
    due = [moment("2026-03-02T00:05:00Z") + STEP * number for number in range(300)]
    wanted = Counter(instant(slot) for slot in due if slot <= moment(now))
    for name in SPECS:
        assert accounts(name, sequence.roots) == wanted, (seed, name)
    for root in sequence.roots:
        assert jobs.begin("validate", cwd=root).wait().status == 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(30))
def test_random_sequences_of_kills_start_no_slot_twice(jobs: JobScene, seed: int) -> None:
    require_at_most_once(jobs, seed, 25)
