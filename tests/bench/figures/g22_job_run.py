"""G22: a job that runs `true`, against the imports of a reading command and a bare spawn; its peak memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench import floors
from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.bench.jobs import one_job
from tests.bench.timing import Candidate, timed

MOST_MB: Final = 45


def make(ground: Ground) -> Sequence[Taken]:
    """Return one figure for time beside START, one beside a bare spawn, one for memory."""
    store = one_job(ground, "nothing")
    ours = ground.ours(
        "jobs run of true", "--no-commit", "jobs", "run", "nothing", store=store, statuses=(0, 6)
    )
    start, bare = floors.importing("START"), Candidate("bare spawn of true", ("true",))
    times = timed([ours, start, bare], ground.rounds)
    took, peak = times[ours.name].median, times[ours.name].rss
    known = {name: times[name].median for name in (start.name, bare.name)}
    return [
        Taken("G22", ours.name, {ANY: Goal("<=", 4.5, 2.3)}, "ms", took, known[start.name], start.name),
        Taken("G22", f"{ours.name}, spawned", {}, "ms", took, known[bare.name], bare.name),
        Taken("G22", f"{ours.name}, memory", {ANY: Goal("<=", 1.0)}, "MB", peak, MOST_MB, f"{MOST_MB} MB"),
    ]
