"""G29: 200 tasks in one batch against one create; the brief of 200 checkpoints against that of one."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.figure import ANY, Figure, Goal, Ground
from tests.bench.stores import Store
from tests.bench.timing import Candidate
from tests.bench.writing import PROSE

MANY: Final = 200
FAILED_EACH: Final = 40


def make(ground: Ground) -> Sequence[Figure]:
    """Return the two figures."""
    many = 5 if ground.smoke else MANY
    return [_batch(ground, many), _brief(ground, many)]


def _batch(ground: Ground, many: int) -> Figure:
    store, other = ground.copy(), ground.copy()
    ours = _batch_candidate(ground, store, f"batch of {many} creates", lambda n: _tasks(many, n))
    one = ground.ours(
        "task create", *("task", "create", "--title", "One more", "--accept", "it works::test"), store=other
    )
    return Figure("G29", ours.name, {ANY: Goal("<=", 8)}, (ours, one), ours.name, (one.name,), one.name)


def _brief(ground: Ground, many: int) -> Figure:
    store = ground.copy()
    for task, said in (("long", many), ("short", 1)):
        create = {"op": "task.create", "id": task, "title": task, "accept": [f"c{n}::doc" for n in range(4)]}
        _write(ground, store, [create, *_checkpoints(task, said)])
    long, short = (
        ground.ours(f"brief of {said} checkpoints", "memory", "brief", "--task", task, store=store)
        for task, said in (("long", many), ("short", 1))
    )
    return Figure("G29", long.name, {ANY: Goal("<=", 4)}, (long, short), long.name, (short.name,), short.name)


def _batch_candidate(ground: Ground, store: Store, name: str, rows: Any) -> Candidate:
    file = store.root.parent / f"{store.root.name}.jsonl"
    line = f"{shlex.quote(str(ground.command))} batch < {shlex.quote(str(file))}"

    def prepare(number: int) -> None:
        _put(file, rows(number))

    return Candidate(name, ("sh", "-c", line), store.root, prepare=prepare)


def _tasks(many: int, number: int) -> Iterator[dict[str, Any]]:
    for place in range(many):
        name = f"batch-{number}-{place}"
        yield {"op": "task.create", "id": name, "title": name, "accept": ["it works::test"], "goal": PROSE}


def _checkpoints(task: str, many: int) -> Iterator[dict[str, Any]]:
    for number in range(many):
        failed = {"failed": [f"attempt {number}: {PROSE}"]} if number % FAILED_EACH == 0 else {}
        yield {"op": "checkpoint.create", "task": task, "kind": "progress", "done": [PROSE], **failed}


def _put(file: Path, rows: Any) -> None:
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def _write(ground: Ground, store: Store, rows: Any) -> None:
    file = store.root.parent / f"{store.root.name}.jsonl"
    _put(file, rows)
    with file.open() as lines:
        command = [str(ground.command), "batch", "--actor", "codex"]
        subprocess.run(command, cwd=store.root, stdin=lines, stdout=subprocess.DEVNULL, check=True)
