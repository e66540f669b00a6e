"""G27: `fmt --check` of a whole store, against a full `validate` of it without the cache."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.figure import ANY, Figure, Goal, Ground


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure; both read every file with one worker."""
    store = ground.copy()  # formatted once, so that nothing is left to change
    ground.ours("fmt", "fmt", store=store).run(0)
    alone = {"PLATFORMSTATE_CACHE": "off", "PLATFORMSTATE_WORKERS": "1"}
    ours = ground.ours("fmt --check", "fmt", "--check", store=store, environment=alone)
    floor = ground.ours("validate, cache off", "validate", store=store, environment=alone)
    goals = {ANY: Goal("<=", 1.5)}
    return [Figure("G27", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]
