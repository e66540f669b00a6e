"""G1: `platformctl --version` against an interpreter that does nothing."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import ANY, Figure, Goal, Ground


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure."""
    floor, ours = floors.passing(), ground.ours("--version", "--version")
    goals = {ANY: Goal("<=", 2.0, 1.3)}
    return [Figure("G1", "--version", goals, (ours, floor), ours.name, (floor.name,), floor.name)]
