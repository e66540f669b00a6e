"""G10: 100 checkpoints at ten tasks in one batch and one commit, against a naive program that promises as much."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.bench import floors
from tests.bench.figure import Goal, Ground, Taken
from tests.bench.lines import said
from tests.bench.timing import Candidate, timed

MANY: Final = 100
TASKS: Final = 10
SIZE: Final = 1300
NAIVE_BATCH: Final = str(Path(__file__).parent.parent / "naive_batch.py")


def make(ground: Ground) -> Sequence[Taken]:
    """Return the figure against the naive program, and two against git alone, which neither reads nor syncs."""
    ours, naive = _batch(ground, _ours), _batch(ground, _naive)
    commit, writer = _commit(ground), floors.importing("WRITER")
    times = timed((ours, naive, commit, writer), ground.rounds)
    batch, same, git, imports = (times[one.name].median for one in (ours, naive, commit, writer))
    both, less = f"WRITER + {commit.name}", commit.name
    return [
        Taken("G10", ours.name, {"10k": Goal("<=", 2.0, 1.2)}, "ms", batch, same, naive.name),
        Taken("G10", "… beside git alone", {}, "ms", batch, imports + git, both),
        Taken("G10", "… less WRITER", {}, "ms", max(batch - imports, 0.0), git, less),
    ]


def _batch(ground: Ground, program: Callable[[Ground], tuple[str, str]]) -> Candidate:
    store = ground.copy()
    file = store.root.parent / f"{store.root.name}.jsonl"
    tasks = (f"task-{number % TASKS + 1:05d}" for number in range(MANY))
    file.write_text("".join(f"{json.dumps(said(task))}\n" for task in tasks))
    name, line = program(ground)
    return Candidate(name, ("sh", "-c", f"{line} < {shlex.quote(str(file))}"), store.root)


def _ours(ground: Ground) -> tuple[str, str]:
    return f"batch of {MANY} checkpoints", f"{shlex.quote(str(ground.command))} --actor codex batch"


def _naive(_: Ground) -> tuple[str, str]:
    return "the same by yaml, fsync and git", f"{shlex.quote(floors.PYTHON)} {shlex.quote(NAIVE_BATCH)}"


def _commit(ground: Ground) -> Candidate:
    store = ground.copy()
    folder = store.root / f"state/tasks/{store.task}/runs/naive/checkpoints"
    folder.mkdir(parents=True)

    def prepare(number: int) -> None:
        for place in range(MANY):
            Path(folder, f"{number}-{place}.md").write_text(f"{number} {place}\n".ljust(SIZE, "x"))

    off = "git -c core.hooksPath=/dev/null"
    line = f"{off} add {shlex.quote(str(folder))} && {off} commit -q -m m"
    return Candidate(f"git add and commit of {MANY} files", ("sh", "-c", line), store.root, prepare=prepare)
