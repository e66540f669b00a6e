"""G16: `git status` with the setting that `doctor --fix` makes, against git's defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.bench import floors
from tests.bench.figure import Figure, Goal, Ground
from tests.bench.stores import git


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure."""
    ours = replace(floors.status(ground.store()), name="git status, untracked cache")
    plain = ground.copy()
    git(plain.root, "config", "core.untrackedCache", "false")
    git(plain.root, "update-index", "--no-untracked-cache")
    floor = replace(floors.status(plain), name="git status, defaults")
    goals = {"10k": Goal("<=", 0.55), "50k": Goal("<=", 0.65)}
    return [Figure("G16", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]
