"""A real repository with the example store, and short ways to judge it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from platformstate import packaged
from platformstate.actions.validate import Wish, validate_state
from platformstate.codec.journal import encode
from tests.conftest import Repo

TASK = "state/tasks/gh-460/task.md"
OTHER_TASK = "state/tasks/gh-461/task.md"
RUN_ID = "20261120t101130z-3k9xma"
RUN = f"state/tasks/gh-460/runs/{RUN_ID}"
JOURNAL = f"{RUN}/events.jsonl"
HEADER = f"{RUN}/run.md"
CHECKPOINT = f"{RUN}/checkpoints/20261120t103501z-7fq2ka.md"
LAST_CHECKPOINT = f"{RUN}/checkpoints/20261120t103930z-b0h4ts.md"
LEDGER = "state/jobs/nightly-export/ledger/2026-11.k3m7qa2b.jsonl"
EVIDENCE = "state/evidence/operator-20261120t110000z-7fq2ka.json"
ZERO = "0" * 32


class State(Repo):
    """A repository with a store, and what a test asks of it."""

    def text(self, path: str) -> str:
        """Return a working file's text."""
        return (self.root / path).read_text(encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file as a person would; the old text must be there."""
        before = self.text(path)
        assert old in before
        self.write(path, before.replace(old, new))

    def remove(self, *paths: str) -> None:
        """Remove files or folders from the work tree."""
        for path in paths:
            target = self.root / path
            shutil.rmtree(target) if target.is_dir() else target.unlink()

    def add_task(self, name: str, **fields: str) -> str:
        """Write a valid task and return its path."""
        path = f"state/tasks/{name}/task.md"
        text = self.text(TASK).replace("id: gh-460", f"id: {name}")
        for field, value in fields.items():
            text = text.replace(f"\n{field}: []\n", f"\n{field}:\n{value}\n")
        self.write(path, text)
        return path

    def data(self, **wish: Any) -> dict[str, Any]:
        """Judge and return the data of the answer."""
        answer = validate_state(str(self.root), Wish(**wish))
        assert (answer.error is not None) == bool(answer.data["counts"]["error"])
        return answer.data

    def found(self, **wish: Any) -> list[str]:
        """Judge and return the findings as `path:line:col: code`."""
        return [
            f"{each['path']}:{each['line']}:{each['col']}: {each['code']}"
            for each in self.data(**wish)["problems"]
        ]


Bare = Callable[[], Path]


@pytest.fixture
def state(repo: Repo) -> State:
    """The example store, committed."""
    made = State(repo.root)
    shutil.copytree(packaged.folder("examples") / "store" / "state", made.root / "state")
    made.commit("a store")
    return made


def journal(*events: dict[str, Any]) -> str:
    """Return the text of a journal of these events, chained as they should be."""
    return encode(events, seq=0, h=ZERO).decode()
