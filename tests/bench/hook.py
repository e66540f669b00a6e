"""Stores with our hook installed, for the figures about hooks."""

from __future__ import annotations

import subprocess

from tests.bench.figure import Ground
from tests.bench.stores import Store, git
from tests.bench.timing import Candidate

STAGED_FILES = 3


def with_hooks(ground: Ground, scale: str | None = None) -> Store:
    """Return a store of its own with the hooks installed."""
    store = ground.copy(scale)
    subprocess.run(
        [str(ground.command), "hooks", "install", "-q"], cwd=store.root, check=True, capture_output=True
    )
    return store


def staged_hook(ground: Ground, scale: str | None = None) -> Candidate:
    """Return the hook of a store in which three tasks with another title are staged."""
    store = with_hooks(ground, scale)
    stage_tasks(store)
    name = "pre-commit hook, 3 files" + ("" if scale is None else f" at {scale}")
    return Candidate(name, (".git/hooks/pre-commit",), store.root)


def stage_tasks(store: Store) -> None:
    """Stage three tasks with another title."""
    for number in range(1, STAGED_FILES + 1):
        path = store.root / f"state/tasks/task-{number:05d}/task.md"
        path.write_text(path.read_text().replace("title: ", "title: Other ", 1))
    git(store.root, "add", "state")
