"""G26: `validate` of a range of 50 commits with the cache off, against the whole tree of its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.figure import ANY, Figure, Goal, Ground
from tests.bench.stores import Store, git

COMMITS: Final = 50


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure; each commit changes a task, as most commits of a working day do."""
    store = ground.copy()
    first = git(store.root, "rev-parse", "HEAD").strip()
    _work(store, 3 if ground.smoke else COMMITS)
    alone = {"PLATFORMSTATE_CACHE": "off", "PLATFORMSTATE_WORKERS": "1"}
    text = f"{first}..HEAD"
    ours = ground.ours(
        "validate --range of 50 commits", "validate", "--range", text, store=store, environment=alone
    )
    floor = ground.ours(
        "validate --rev of its end", "validate", "--rev", "HEAD", store=store, environment=alone
    )
    goals = {ANY: Goal("<=", 4.0)}
    return [Figure("G26", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]


def _work(store: Store, commits: int) -> None:
    for number in range(commits):
        path = store.root / f"state/tasks/task-{number % store.scale.tasks + 1:05d}/task.md"
        path.write_text(path.read_text().replace("title: ", f"title: Part {number} ", 1))
        git(store.root, "commit", "-q", "-a", "-m", f"part {number}")
