"""A real store in a real repository, used as a library, with a clock and chance of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.answer import Answer
from platformstate.actions.brief import Brief, brief_task
from platformstate.actions.checkpoint_create import create_checkpoint
from platformstate.actions.claim import claim_task
from platformstate.actions.init import init_store
from platformstate.actions.release import release_task
from platformstate.actions.task_create import create_task
from platformstate.actions.task_show import show_task
from platformstate.actions.task_update import update_task
from platformstate.store import Store, open_repository, open_store
from tests.conftest import Repo

START = datetime(2026, 11, 20, 10, 11, 30, tzinfo=UTC)


class Memory:
    """One repository and the verbs of this part, each with a store opened for it alone."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.ticks = 0
        self.draws = 0

    def store(self, actor: str = "codex", **wishes: Any) -> Store:
        wishes.setdefault("durability", "fast")
        return open_store(self.repo.root, actor=actor, clock=self._clock, chance=self._chance, **wishes)

    def create(self, task_id: str = "gh-460", *, actor: str = "operator", **request: Any) -> Answer:
        asked = {"title": "task_run records", "id": task_id, "accept": ["Contract written::doc"], **request}
        return create_task(self.store(actor), asked)  # type: ignore[arg-type]

    def update(self, task_id: str = "gh-460", *, expect_rev: str | None = None, **request: Any) -> Answer:
        return update_task(self.store("operator"), task_id, request, expect_rev=expect_rev)  # type: ignore[arg-type]

    def say(
        self, summary: str | None = "work", *, actor: str = "codex", kind: str = "progress", **more: Any
    ) -> Answer:
        keywords = {
            name: more.pop(name) for name in ("inside_run", "idempotency_key", "exec_limit_s") if name in more
        }
        request = {"task": "gh-460", "kind": kind, **more}
        if summary is not None:
            request["summary"] = summary
        return create_checkpoint(self.store(actor), request, **keywords)  # type: ignore[arg-type]

    def claim(self, task_id: str = "gh-460", *, actor: str = "codex", **wanted: Any) -> Answer:
        return claim_task(self.store(actor), task_id, **wanted)

    def release(self, task_id: str = "gh-460", *, actor: str = "operator", **wanted: Any) -> Answer:
        return release_task(self.store(actor), task_id, **wanted)

    def brief(self, task_id: str = "gh-460", **wanted: Any) -> Brief:
        return brief_task(self.store("claude"), task_id, **wanted)

    def show(self, task_id: str = "gh-460") -> dict[str, Any]:
        return show_task(self.store(), task_id).data

    def head(self) -> str:
        return self.repo.git("rev-parse", "HEAD").strip()

    def text(self, path: str) -> str:
        return (self.repo.root / path).read_text()

    def _clock(self) -> datetime:
        self.ticks += 1
        return START + timedelta(seconds=self.ticks)

    def _chance(self, below: int) -> int:
        self.draws += 1
        return (self.draws * 7919 + 104729) % below


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a commit and an empty store, made once and copied for each test."""
    repo = Repo(tmp_path_factory.mktemp("prepared"))
    repo.git("init", "-q", "-b", "main")
    repo.write("src/a.py", "a = 1\n")
    repo.write("docs/spec.md", "# Spec\n")
    repo.commit()
    init_store(open_repository(repo.root, durability="fast"))
    return repo.root


@pytest.fixture
def memory(prepared: Path, tmp_path: Path) -> Memory:
    shutil.copytree(prepared, tmp_path / "work")
    return Memory(Repo(tmp_path / "work"))


@pytest.fixture
def another(prepared: Path, tmp_path: Path) -> Callable[[], Memory]:
    """Make another repository with a store of its own."""

    def make() -> Memory:
        shutil.copytree(prepared, tmp_path / "other")
        return Memory(Repo(tmp_path / "other"))

    return make
