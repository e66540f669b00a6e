"""G2: help texts against the imports of a reading command."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import ANY, Figure, Goal, Ground


def make(ground: Ground) -> Sequence[Figure]:
    """Return one figure for the whole help and one for a group's."""
    floor = floors.importing("START")
    goals = {ANY: Goal("<=", 1.3)}
    shown = [ground.ours("--help", "--help"), ground.ours("task --help", "task", "--help")]
    return [
        Figure("G2", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name) for ours in shown
    ]
