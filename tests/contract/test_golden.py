"""The bytes of records, held by golden files: fixed clock, fixed chance, a repository of fixed commits.

`GOLDEN=write python -m pytest tests/contract/test_golden.py` rewrites them, for a change
of format that is meant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.brief import brief_task
from platformstate.actions.checkpoint_create import create_checkpoint
from platformstate.actions.init import init_store
from platformstate.actions.task_create import create_task
from platformstate.codec.journal import ZERO_HASH, chain_problems, encode
from platformstate.codec.jsonl import parse_lines
from platformstate.store import Store, open_repository
from tests.conftest import Repo

GOLDEN = Path(__file__).parent / "golden"
START = datetime(2026, 11, 20, 10, 11, 30, tzinfo=UTC)
FIXED = {"GIT_AUTHOR_DATE": "2026-11-20T09:00:00Z", "GIT_COMMITTER_DATE": "2026-11-20T09:00:00Z"}
NAMES = (
    "store.yaml",
    "task.md",
    "run.md",
    "events.jsonl",
    "start.md",
    "failed_attempt.md",
    "brief.md",
    "brief.json",
)


class _Life:
    """A small life of one task, written by the library and left uncommitted, so that HEAD is fixed."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._minutes = 0
        repo.write("src/sync.py", "def sync(): ...\n")
        repo.commit("the work")
        init_store(self._store())
        self.task = self._created()
        self.start = self._say(
            kind="start",
            summary="read the exporter",
            next="write a failing test",
            next_verify="pytest -k retry",
        )
        repo.write("src/retry.py", "def retry(): ...\n")
        self.failed = self._say(
            kind="failed_attempt",
            failed=["a retry around the whole sync\nrepeats the rows: 2 of 3"],
            decision=["retry one batch at a time"],
            surprise=["`send` is not idempotent"],
            question=["how long to wait? #460"],
            assumption=["- rows are ordered"],
            criterion=["ac1=open"],
            ran=["1 pytest -q -k 'retry and sync'"],
            blocker=["human:may the queue be emptied?"],
            next="retry one batch",
            supersedes=self.start["id"],
        )

    def _store(self) -> Store:
        self._minutes += 1
        now = START + timedelta(minutes=self._minutes)
        return open_repository(
            self._repo.root,
            actor="codex",
            commit=False,
            clock=lambda: now,
            chance=lambda below: (self._minutes * 1_000_003) % below,
        )

    def _created(self) -> str:
        request: Any = {
            "title": "Retry: one batch, then the next #460",
            "priority": "p1",
            "owner": "ann",
            "label": ["exporter", "on"],
            "ref": ["https://example.org/460"],
            "allow": ["src/**"],
            "accept": ["the retry tests pass::test", "the manual says so::doc"],
            "plan": ["tests=Write the tests::pytest -k retry", "Make them pass"],
            "stop": ["a secret is needed"],
            "budget_minutes": 90,
            "goal": "A failed sync is retried.\n\nNo row twice.",
            "constraints": "No new dependency.",
        }
        return str(create_task(self._store(), request).data["task"]["id"])

    def _say(self, **request: Any) -> Mapping[str, Any]:
        asked: Any = {"task": self.task, **request}
        said: Mapping[str, Any] = create_checkpoint(self._store(), asked).data["checkpoint"]
        return said

    def texts(self) -> dict[str, str]:
        """Return every record and the brief, without what only this machine knows."""
        run = self._repo.root / "state/tasks" / self.task / "runs" / self.start["run"]
        brief = brief_task(self._store(), self.task)
        brief.answer.data["claim"]["host"] = "host"
        found = {
            "store.yaml": self._read(self._repo.root / "state/store.yaml"),
            "task.md": self._read(self._repo.root / "state/tasks" / self.task / "task.md"),
            "run.md": self._read(run / "run.md"),
            "events.jsonl": _without_machine((run / "events.jsonl").read_bytes()),
            "start.md": self._read(run / "checkpoints" / f"{self.start['id']}.md"),
            "failed_attempt.md": self._read(run / "checkpoints" / f"{self.failed['id']}.md"),
            "brief.md": brief.text,
            "brief.json": json.dumps(brief.answer.data, indent=2, ensure_ascii=False) + "\n",
        }
        assert tuple(found) == NAMES
        return found

    def _read(self, path: Path) -> str:
        return path.read_bytes().decode().replace(os.uname().nodename, "host")


def _without_machine(journal: bytes) -> str:
    """Return a journal with the facts of this machine replaced and its chain made anew."""
    rows = [row for _, row in parse_lines(journal, "events.jsonl").rows]
    assert chain_problems(list(enumerate(rows, 1)), "events.jsonl") == ()
    machine = {"host": "host", "boot_id": "0" * 16, "pid": 1}
    events = []
    for row in rows:
        event = {name: machine.get(name, value) for name, value in row.items() if name not in ("seq", "h")}
        if isinstance(event.get("holder"), dict):
            event["holder"] = {name: machine.get(name, value) for name, value in event["holder"].items()}
        events.append(event)
    return encode(events, seq=0, h=ZERO_HASH).decode()


@pytest.fixture
def life(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> _Life:
    for name, value in FIXED.items():
        monkeypatch.setenv(name, value)
    return _Life(repo)


def test_records_and_briefs_are_the_golden_bytes(life: _Life) -> None:
    texts = life.texts()
    if os.environ.get("GOLDEN") == "write":
        for name, text in texts.items():
            (GOLDEN / name).write_bytes(text.encode())
    golden = {name: (GOLDEN / name).read_bytes().decode() for name in NAMES}
    for name in NAMES:
        assert texts[name] == golden[name], name


def test_every_golden_file_is_compared() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(NAMES)
