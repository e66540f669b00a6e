"""G23: peak memory, against that of a reading command's imports."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import Figure, Goal, Ground
from tests.bench.timing import Candidate, Timed


def make(ground: Ground) -> Sequence[Figure]:
    """Return one figure for list, one for a full validate, one for a brief."""
    store, floor = ground.store(), floors.importing("START")
    alone = {"PLATFORMSTATE_CACHE": "off", "PLATFORMSTATE_WORKERS": "1"}
    brief = ground.ours("memory brief", "memory", "brief", "--task", store.task, store=store)
    listed = ground.ours("task list", "task", "list", "--json", store=store)
    judged = ground.ours("validate", "validate", store=store, environment=alone)
    bounds: list[tuple[Candidate, dict[str, Goal]]] = [
        (listed, {"10k": Goal("<=", 4.0), "tasks-5k": Goal("<=", 4.0)}),
        (judged, {"1k": Goal("<=", 5.0), "10k": Goal("<=", 5.0), "50k": Goal("<=", 8.0)}),
        (brief, {"any": Goal("<=", 2.5)}),
    ]
    return [
        Figure(
            "G23",
            f"{ours.name}, peak memory",
            goals,
            (ours, floor),
            ours.name,
            (floor.name,),
            floor.name,
            unit="MB",
            value=_memory,
        )
        for ours, goals in bounds
    ]


def _memory(timed: Timed) -> float:
    return timed.rss
