"""pre-commit, https://pre-commit.com: `pip install pre-commit`; one hook that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.figure import Figure, Goal, Ground
from tests.bench.hook import stage_tasks, staged_hook
from tests.bench.stores import git
from tests.bench.timing import Candidate

VERSION: Final = ("--version",)
CONFIGURATION: Final = """repos:
  - repo: local
    hooks:
      - {id: nothing, name: nothing, entry: "true", language: system}
"""


def make(ground: Ground, program: Path) -> Sequence[Figure]:
    """Return one figure: a commit of three state files, judged by ours and waved through by theirs."""
    ours, store = staged_hook(ground), ground.copy()
    stage_tasks(store)
    (store.root / ".pre-commit-config.yaml").write_text(CONFIGURATION, encoding="utf-8")
    git(store.root, "add", ".pre-commit-config.yaml")
    environment = {"PRE_COMMIT_HOME": str(ground.folder / "pre-commit")}
    theirs = Candidate("pre-commit with a no-op hook", (str(program), "run"), store.root, environment)
    goals = {"10k": Goal("<=", 0.45)}
    return [Figure("G4", ours.name, goals, (ours, theirs), ours.name, (theirs.name,), theirs.name)]
