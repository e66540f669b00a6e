"""G15: eight loops of `memory checkpoint create`, against eight shells that commit under flock."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.figure import Goal, Ground, Taken
from tests.bench.stores import git
from tests.bench.writing import argv

WRITERS: Final = 8
LOST: Final = "{} checkpoints were lost"


def make(ground: Ground) -> Sequence[Taken]:
    """Return the throughput of ours divided by that of the shells. Raises RuntimeError for a lost record."""
    each = 1 if ground.smoke else 6
    store, other = ground.copy(), ground.copy()
    before = _checkpoints(store.root)
    line = shlex.join([str(ground.command), *argv("TASK")]).replace("TASK", "task-0000$w")
    ours = _seconds(store.root, f"for n in $(seq {each}); do {line} >/dev/null || exit 1; done")
    lost = before + WRITERS * each - _checkpoints(store.root)
    if lost:
        raise RuntimeError(LOST.format(lost))
    commit = 'echo $w.$n > src/$w.$n && flock .git/bench sh -c "git add src/$w.$n && git commit -q -m m"'
    floor = _seconds(other.root, f"for n in $(seq {each}); do {commit} || exit 1; done")
    goals = {"10k": Goal(">=", 0.4)}
    total = WRITERS * each
    name = f"{WRITERS} writers, throughput"
    return [
        Taken("G15", name, goals, "records/s", total / ours, total / floor, f"{WRITERS} shells under flock")
    ]


def _seconds(root: Path, loop: str) -> float:
    started = time.perf_counter()
    running = [
        subprocess.Popen(
            ["sh", "-c", loop], cwd=root, env={**os.environ, "w": str(writer)}, stderr=subprocess.DEVNULL
        )
        for writer in range(1, WRITERS + 1)
    ]
    statuses = [one.wait() for one in running]
    if any(statuses):
        raise RuntimeError(f"a writer failed: {statuses}")
    return time.perf_counter() - started


def _checkpoints(root: Path) -> int:
    names = git(root, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    return sum("/checkpoints/" in name for name in names)
