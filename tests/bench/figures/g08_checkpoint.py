"""G8: one checkpoint as its own process, every promise kept, against git's own commit of one file."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import Figure, Goal, Ground
from tests.bench.writing import checkpoint


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure; at 1k the imports of a writing command belong to the floor."""
    ours, commit, writer = checkpoint(ground), floors.commit(ground.copy()), floors.importing("WRITER")
    floor = (commit.name, writer.name) if ground.scale in ("1k", "smoke") else (commit.name,)
    goals = {"1k": Goal("<=", 1.4), "10k": Goal("<=", 3.5, 2.8), "50k": Goal("<=", 1.2, 0.9)}
    candidates = (ours, commit, writer)
    return [Figure("G8", ours.name, goals, candidates, ours.name, floor, " + ".join(floor))]
