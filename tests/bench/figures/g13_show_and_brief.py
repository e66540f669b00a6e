"""G13: reading one task, against the imports of a command that reads records."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import ANY, Figure, Goal, Ground


def make(ground: Ground) -> Sequence[Figure]:
    """Return one figure for `task show` and one for `memory brief`."""
    store, floor = ground.store(), floors.importing("READER")
    shown = [
        ground.ours("task show", "task", "show", store.task, store=store),
        ground.ours("memory brief", "memory", "brief", "--task", store.task, store=store),
    ]
    goals = {ANY: Goal("<=", 1.6)}
    return [
        Figure("G13", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name) for ours in shown
    ]
