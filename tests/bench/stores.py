"""Write stores of a given scale directly, always the same: seed 7."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from platformstate.actions.init import BLOCKS
from platformstate.codec.journal import ZERO_HASH, encode
from platformstate.policy.marked_block import with_block

SEED: Final = 7
START: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
WORDS: Final = [
    "retry",
    "export",
    "batch",
    "schema",
    "reader",
    "journal",
    "commit",
    "index",
    "lock",
    "rename",
    "checkpoint",
    "brief",
    "agent",
    "review",
    "branch",
    "parser",
    "table",
    "column",
    "migration",
    "cursor",
    "timeout",
    "signal",
    "worker",
    "queue",
    "folder",
    "receipt",
    "evidence",
    "policy",
]
PLACE: Final = {"host": "build-1", "clone": "3f9a1c5e7b2d4860", "worktree": "main", "branch": "main"}


@dataclass(frozen=True, slots=True)
class Scale:
    """How many tasks a store has, and how many of them have runs and checkpoints."""

    name: str
    tasks: int
    full: int
    linked: bool = False


SCALES: Final = {
    "smoke": Scale("smoke", 10, 10),
    "1k": Scale("1k", 100, 100),
    "10k": Scale("10k", 1_000, 1_000),
    "50k": Scale("50k", 5_000, 5_000),
    "tasks-5k": Scale("tasks-5k", 5_000, 20, linked=True),
}
LATER: Final = {
    "jobs-10k": "G21 makes its 10,000 jobs at 10k and 50k",
    "steps-10k": "G20 makes its run of 10,000 steps at every scale",
}


@dataclass(frozen=True, slots=True)
class Store:
    """A repository that holds a store; `task` and `checkpoints` name one task to work on."""

    root: Path
    scale: Scale
    files: int
    bytes: int
    task: str = "task-00003"

    def copy(self, target: Path) -> Store:
        """Copy the repository for a candidate that writes, with fresh stat data in its index."""
        subprocess.run(["cp", "-a", str(self.root), str(target)], check=True)
        git(target, "status")
        return Store(target, self.scale, self.files, self.bytes, self.task)


def build(root: Path, scale: Scale) -> Store:
    """Write a store, commit it, and set what `doctor --fix` sets."""
    chance = random.Random(SEED)
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    for key, value in (("user.name", "Bench"), ("user.email", "bench@example.org"), ("gc.auto", "0")):
        git(root, "config", key, value)
    git(root, "config", "core.untrackedCache", "true")
    files = size = 0
    for path, text in _contents(scale, chance):
        target = root / path
        os.makedirs(target.parent, exist_ok=True)
        size += target.write_bytes(text)
        files += 1
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "bench: create store")
    git(root, "status")
    return Store(root, scale, files, size)


def git(root: Path, *argv: str) -> str:
    """Run git in a store and return what it printed."""
    done = subprocess.run(["git", *argv], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def checkpoint(task: str, run: str, number: int, chance: random.Random) -> tuple[str, bytes]:
    """Return path and text of one checkpoint of about 1.3 KB."""
    at = START + timedelta(minutes=number)
    name = f"{_stamp(at)}-{_letters(chance, number)}"
    text = f"""---
schema: checkpoint/1
id: {name}
task: {task}
run: {run}
kind: progress
at: "{_instant(at)}"
author: codex
basis: self_report
confidence: claimed
git: {{commit: null, branch: main, dirty: 2, ahead: null}}
commands:
  - argv:
      - pytest
      - tests/test_{chance.choice(WORDS)}.py
    exit_code: 0
    at: "{_instant(at)}"
    output_sha256: null
files:
  - src/{chance.choice(WORDS)}.py
  - tests/test_{chance.choice(WORDS)}.py
next_action: {_words(chance, 8)}
---

## Done
- {_words(chance, 30)}
- {_words(chance, 30)}

## Decisions
- {_words(chance, 40)}
"""
    return f"state/tasks/{task}/runs/{run}/checkpoints/{name}.md", text.encode()


def _contents(scale: Scale, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    yield "src/exporter.py", b"def export():\n    return 1\n"
    yield "state/store.yaml", _store_text().encode()
    for path, rules in BLOCKS.items():
        yield path, with_block(None, rules, path)
    for number in range(1, scale.tasks + 1):
        task = f"task-{number:05d}"
        before = f"task-{number - 1:05d}" if scale.linked and number % 3 == 0 else None
        yield f"state/tasks/{task}/task.md", _task_text(task, before, chance).encode()
        if number <= scale.full:
            yield from _runs(task, chance)


def _runs(task: str, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    for attempt, checkpoints in ((1, 3), (2, 4)):
        at = START + timedelta(days=attempt)
        run = f"{_stamp(at)}-{_letters(chance, attempt)}"
        folder = f"state/tasks/{task}/runs/{run}"
        yield f"{folder}/run.md", _run_text(task, run, attempt, at).encode()
        yield f"{folder}/events.jsonl", _journal(task, run, attempt, at)
        for number in range(checkpoints):
            yield checkpoint(task, run, attempt * 1440 + number * 7 + 1, chance)


def _task_text(task: str, before: str | None, chance: random.Random) -> str:
    depends = "depends_on: []" if before is None else f"depends_on:\n  - {before}"
    return f"""---
schema: task/1
id: {task}

title: {_words(chance, 6).capitalize()}

status: implementation

priority: p{chance.randrange(4)}
kind: feature

labels:
  - {chance.choice(WORDS)}

{depends}

acceptance:
  - id: ac1
    text: {_words(chance, 8)}
    proof: test
    state: open
  - id: ac2
    text: {_words(chance, 8)}
    proof: doc
    state: open

created_at: "{_instant(START)}"
created_by: operator
---

## Goal
{_words(chance, 60)}

## Context
{_words(chance, 60)}
"""


def _run_text(task: str, run: str, attempt: int, at: datetime) -> str:
    status = "status: aborted\nreason: released" if attempt == 1 else "status: running"
    ended = f'ended_at: "{_instant(at + timedelta(minutes=11))}"\n' if attempt == 1 else ""
    return f"""---
schema: run/1
id: {run}
subject: task/{task}
{status}
actor: codex
attempt: {attempt}
coupling: none
host: {PLACE["host"]}
clone: {PLACE["clone"]}
worktree: {PLACE["worktree"]}
branch: {PLACE["branch"]}
base_commit: null
started_at: "{_instant(at + timedelta(minutes=1))}"
{ended}---
"""


def _journal(task: str, run: str, attempt: int, at: datetime) -> bytes:
    holder = {
        "actor": "codex",
        "boot_id": "0f3a5c7e9b1d2468",
        "clone": PLACE["clone"],
        "host": "build-1",
        "pid": 4711,
    }
    defined = {
        "run": run,
        "subject": f"task/{task}",
        "actor": "codex",
        "attempt": attempt,
        "coupling": "none",
    }
    events: list[dict[str, Any]] = [
        {"type": "RunDefined", **defined, **PLACE, "base_commit": None},
        {"type": "RunStarted", "holder": holder},
    ]
    for _ in range(5):
        events.append({"type": "RunSuspended", "reason": "signal"})
        events.append({"type": "RunResumed", "holder": holder, "from_index": 0, "drift": False})
    if attempt == 1:
        events[-1] = {"type": "RunAborted", "reason": "released", "actor": "codex"}
    dated = [{**event, "at": _instant(at + timedelta(minutes=n))} for n, event in enumerate(events)]
    return encode(dated, seq=0, h=ZERO_HASH)


def _store_text() -> str:
    return f"""schema: store/1
id: "7b1d7a52-5c7e-4d0b-9a52-0f6f3a0e4c11"
created_at: "{_instant(START)}"
"""


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(count))


def _letters(chance: random.Random, number: int) -> str:
    return "".join(chance.choice(ALPHABET) for _ in range(6))


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dt%H%M%Sz")
