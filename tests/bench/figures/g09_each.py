"""G9: one record through an open `batch --each`, against git's own commit of one file."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import Figure, Goal, Ground
from tests.bench.lines import Lines
from tests.bench.timing import Candidate


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure; the process is open before the first round and ends with the bench."""
    store = ground.copy()
    ours = Candidate("record through batch --each", call=Lines(ground, store, store.task).record)
    floor = floors.commit(ground.copy())
    goals = {"1k": Goal("<=", 2.0, 1.3), "10k": Goal("<=", 0.75, 0.5), "50k": Goal("<=", 0.5)}
    return [Figure("G9", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]
