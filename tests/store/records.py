"""Small valid records and the changes that write them, for tests of the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from platformstate.codec.journal import ZERO_HASH, encode
from platformstate.codec.render import canonical
from platformstate.core import places
from platformstate.core.document import Document
from platformstate.entities.kinds import RUN as RUN_KIND
from platformstate.entities.run import Place, opening
from platformstate.policy.journal import fold
from platformstate.store import Change, FileChange, Store, Written, open_store
from tests.conftest import Repo

if TYPE_CHECKING:
    from platformstate.entities.shapes import Run

STORE_TEXT = (
    'schema: store/1\nid: "7b1d7a52-5c7e-4d0b-9a52-0f6f3a0e4c11"\ncreated_at: "2026-11-20T10:11:30Z"\n'
)
RUN = "20261120t101130z-3k9xma"

_TASK = """---
schema: task/1
id: {id}
title: {title}
status: ready
priority: p2
kind: feature
created_at: "2026-11-20T10:11:30Z"
created_by: ann
---

## Goal
Write it down.
"""

_CHECKPOINT = """---
schema: checkpoint/1
id: {id}
task: {task}
run: {run}
kind: progress
at: "2026-11-20T10:35:01Z"
author: ann
basis: self_report
confidence: claimed
git: {{commit: null, branch: null, dirty: 0, ahead: null}}
---

## Done
- {words}
"""


def task_text(task: str, title: str = "first") -> bytes:
    return _TASK.format(id=task, title=title).encode()


def checkpoint_text(task: str, checkpoint: str, words: str = "wrote it down") -> bytes:
    return _CHECKPOINT.format(id=checkpoint, task=task, run=RUN, words=words).encode()


def checkpoint_path(task: str, checkpoint: str) -> str:
    return places.checkpoint_path(f"task/{task}", RUN, checkpoint)


def make_store(repo: Repo, *tasks: str) -> Repo:
    """Give a repository a committed store with these tasks and one file of its own."""
    repo.write("state/store.yaml", STORE_TEXT)
    repo.write("src/main.py", "print('hello')\n")
    for task in tasks:
        repo.write(places.task_path(task), task_text(task))
        write_run(repo, task)
    repo.commit("begin")
    return repo


def write_run(repo: Repo, task: str) -> None:
    """Write the run that the checkpoints of a task stand in."""
    place = Place("vm", "0" * 16, "main", "main", None, "0" * 16, 1)
    events = opening(RUN, task, "ann", 1, place, "2026-11-20T10:11:30Z")
    journal = encode(events, seq=0, h=ZERO_HASH)
    header = fold([{**event, "seq": seq} for seq, event in enumerate(events)]).header
    path = places.run_path(f"task/{task}", RUN)
    repo.write(path, canonical(Document(RUN_KIND, path, cast("Run", header))))
    repo.write(places.journal_path(f"task/{task}", RUN), journal)


def opened(place: Repo | Path, **settings: Any) -> Store:
    return open_store(place.root if isinstance(place, Repo) else place, **settings)


def new_id(number: int) -> str:
    """Return the n-th id of a checkpoint."""
    letters = "0123456789abcdefghjkmnpqrstvwxyz"
    text = ""
    for _ in range(6):
        number, digit = divmod(number, 32)
        text = letters[digit] + text
    return f"20261120t103501z-{text}"


def write_checkpoint(store: Store, task: str, checkpoint: str, words: str = "wrote it down") -> Written:
    """Write one checkpoint, as a change that no other writer can touch."""
    change = Change(
        f"checkpoint: create {checkpoint}",
        (("Task", task), ("Checkpoint", checkpoint)),
        (FileChange(checkpoint_path(task, checkpoint), None, checkpoint_text(task, checkpoint, words)),),
    )
    return store.write(lambda: change, independent=True)


def update_task(store: Store, task: str, title: str) -> Written:
    """Change the title of a task, read with the lock held."""
    path = places.task_path(task)

    def decide() -> Change:
        before = (store.root / path).read_bytes() if (store.root / path).exists() else None
        return Change(
            f"task: update {task}", (("Task", task),), (FileChange(path, before, task_text(task, title)),)
        )

    return store.write(decide)


def held_files(repo: Repo) -> list[str]:
    """Return what a writer may leave behind: temporary files, own files, locks, held intents."""
    control = repo.root / ".git" / "platformstate"
    left = [str(path.relative_to(repo.root)) for path in (repo.root / "state").rglob(".ps-*")]
    for folder in ("own", "journal/held", "journal/done", "torn", "lost"):
        left += [f"{folder}/{path.name}" for path in (control / folder).glob("*")]
    left += [f"journal/{path.name}" for path in (control / "journal").glob("*") if path.is_file()]
    left += [str(path) for path in (repo.root / ".git").rglob("*.lock")]
    return sorted(left)
