"""G21: a tick with nothing due, against the imports of a reading command; and a schedule against bare CronSim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from tests.bench import floors
from tests.bench.conducts import in_process
from tests.bench.figure import ANY, Figure, Goal, Ground
from tests.bench.jobs import NOW, many_jobs

JOBS: Final = {"smoke": (20,), "1k": (1_000,)}
MANY: Final = (1_000, 10_000)
FIRES: Final = 1_000
EVERY_FIVE_MINUTES: Final = "*/5 * * * *"
AFTER: Final = datetime(2026, 1, 1, tzinfo=UTC)


def make(ground: Ground) -> Sequence[Figure]:
    """Return one figure for each number of jobs, and one for the schedule itself."""
    return [*(_idle(ground, number) for number in JOBS.get(ground.scale, MANY)), *_fires()]


def _idle(ground: Ground, number: int) -> Figure:
    floor = floors.importing("START")
    name = f"jobs tick, idle, {number:,} jobs"
    store = many_jobs(ground, number)
    ours = ground.ours(name, "jobs", "tick", store=store, environment={"PLATFORMSTATE_NOW": NOW})
    goals = {ANY: Goal("<=", 6.0, 3.0 if number > FIRES else 1.7)}
    return Figure("G21", name, goals, (ours, floor), name, (floor.name,), floor.name)


def _fires() -> Iterator[Figure]:
    ours = in_process("1,000 fires of */5", _ours)
    bare = in_process("bare CronSim", _bare)
    goals = {ANY: Goal("<=", 2.5)}
    yield Figure("G21", ours.name, goals, (ours, bare), ours.name, (bare.name,), bare.name)


def _ours() -> None:
    from platformstate.policy.slots import fires_after

    assert len(list(islice(fires_after(EVERY_FIVE_MINUTES, "Europe/Berlin", AFTER), FIRES))) == FIRES


def _bare() -> None:
    from cronsim import CronSim

    found = islice(CronSim(EVERY_FIVE_MINUTES, AFTER.replace(tzinfo=None)), FIRES)
    assert len(list(found)) == FIRES
