"""G24: what git keeps of a checkpoint after `git gc`, against the size of its file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figure import Goal, Ground, Taken
from tests.bench.stores import git
from tests.bench.writing import argv


def make(ground: Ground) -> Sequence[Taken]:
    """Return bytes kept per checkpoint divided by bytes of its file."""
    count = 4 if ground.smoke else 40
    store = ground.copy()
    git(store.root, "gc", "-q")
    before, names = _kept(store.root), _names(store.root)
    for _ in range(count):
        subprocess.run(
            [str(ground.command), *argv(store.task)], cwd=store.root, check=True, capture_output=True
        )
    git(store.root, "gc", "-q")
    added = _names(store.root) - names
    size = sum((store.root / name).stat().st_size for name in added) / len(added)
    kept = (_kept(store.root) - before) / count
    return [
        Taken("G24", "git's bytes a checkpoint", {"10k": Goal("<=", 2.5)}, "bytes", kept, size, "its file")
    ]


def _kept(root: Path) -> int:
    return sum(path.stat().st_size for path in (root / ".git" / "objects").rglob("*") if path.is_file())


def _names(root: Path) -> set[str]:
    names = git(root, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    return {name for name in names if "/checkpoints/" in name}
