"""G6: a full `validate` without the cache and with one worker, against frontmatter and jsonschema."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import floors
from tests.bench.figure import Figure, Goal, Ground


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure; the run that builds the cache comes with the cache."""
    store = ground.store()
    alone = {"PLATFORMSTATE_CACHE": "off", "PLATFORMSTATE_WORKERS": "1"}
    ours = ground.ours("validate, cache off", "validate", store=store, environment=alone)
    floor = floors.naive(store)
    goals = {"1k": Goal("<=", 0.6), "10k": Goal("<=", 0.4, 0.2), "50k": Goal("<=", 0.4, 0.2)}
    return [Figure("G6", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]
