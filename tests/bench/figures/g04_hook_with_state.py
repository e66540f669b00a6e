"""G4: the pre-commit hook with three state files staged, against an interpreter that does nothing."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import Figure, Goal, Ground
from tests.bench.hook import staged_hook


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure."""
    ours, floor = staged_hook(ground), floors.passing()
    goals = {"1k": Goal("<=", 8.0), "10k": Goal("<=", 8.0)}
    return [Figure("G4", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]
