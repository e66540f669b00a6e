"""G10: 100 checkpoints at ten tasks in one batch and one commit, against git's own commit of 100 files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench import floors
from tests.bench.figure import Goal, Ground, Taken
from tests.bench.lines import said
from tests.bench.timing import Candidate, timed

MANY: Final = 100
TASKS: Final = 10
SIZE: Final = 1300


def make(ground: Ground) -> Sequence[Taken]:
    """Return two figures: with what an import of GitPython costs on both sides, and without it on either."""
    ours, commit, writer = _ours(ground), _commit(ground), floors.importing("WRITER")
    times = timed((ours, commit, writer), ground.rounds)
    batch, git, imports = (times[one.name].median for one in (ours, commit, writer))
    both, less = f"WRITER + {commit.name}", commit.name
    return [
        Taken("G10", ours.name, {"10k": Goal("<=", 0.9, 0.6)}, "ms", batch, imports + git, both),
        Taken(
            "G10", "… less WRITER", {"10k": Goal("<=", 0.6, 0.35)}, "ms", max(batch - imports, 0.0), git, less
        ),
    ]


def _ours(ground: Ground) -> Candidate:
    store = ground.copy()
    file = store.root.parent / f"{store.root.name}.jsonl"
    tasks = (f"task-{number % TASKS + 1:05d}" for number in range(MANY))
    file.write_text("".join(f"{json.dumps(said(task))}\n" for task in tasks))
    line = f"{shlex.quote(str(ground.command))} --actor codex batch < {shlex.quote(str(file))}"
    return Candidate(f"batch of {MANY} checkpoints", ("sh", "-c", line), store.root)


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
