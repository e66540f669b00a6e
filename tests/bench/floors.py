"""The floors that figures are ratios to: never a command of ours."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from typing import Final

from tests.bench.stores import Store
from tests.bench.timing import Candidate

PYTHON: Final = sys.executable
NAIVE_PROGRAM: Final = str(Path(__file__).parent / "naive.py")
IMPORTS: Final = {
    "START": "import click, json, sqlite3, subprocess",
    "READER": "import click, json, subprocess, yaml, jsonschema_rs",
    "WRITER": "import click, json, subprocess, yaml, jsonschema_rs, git",
}


def passing() -> Candidate:
    """Return PASS: what no Python program can avoid."""
    return Candidate("python -c pass", (PYTHON, "-c", "pass"))


def importing(name: str) -> Candidate:
    """Return START, READER or WRITER: the imports that a command of that class cannot avoid."""
    return Candidate(name, (PYTHON, "-c", IMPORTS[name]))


def status(store: Store) -> Candidate:
    """Return STATUS: one `git status` of the whole store."""
    return Candidate("git status", ("git", "status", "--porcelain=v2", "-z"), store.root)


def commit(store: Store, size: int = 1300) -> Candidate:
    """Return COMMIT: `git add` and `git commit` of one new file, hooks off, in a store of its own."""

    numbers = count()

    def prepare(_round: int) -> None:
        number = next(numbers)
        folder = store.root / f"state/tasks/{store.task}/runs/naive/checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        (store.root / "P").write_text(f"state/tasks/{store.task}/runs/naive/checkpoints/{number}.md")
        (folder / f"{number}.md").write_text(f"{number}\n".ljust(size, "x"))

    script = 'P=$(cat P) && git -c core.hooksPath=/dev/null add "$P" && git -c core.hooksPath=/dev/null commit -q -m m'
    return Candidate("git add && git commit", ("sh", "-c", script), store.root, prepare=prepare)


def naive(store: Store) -> Candidate:
    """Return NAIVE: every Markdown file through python-frontmatter and a prebuilt jsonschema validator."""
    return Candidate("frontmatter and jsonschema", (PYTHON, NAIVE_PROGRAM), store.root)
