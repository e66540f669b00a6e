"""Random histories: after each sync the tables are those of a fresh load of the same commit."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from platformstate.actions.db_sync import SyncWish, sync_database
from platformstate.exporter.target import Flags
from tests.db.conftest import LEDGER, Mirror

STEPS = 3
STEPS_SOAKED = 12
ODD = ["plain", "\\N", "\\.", "%s $1", "'quoted'", "שלום e\u0301", "😀", "- [ ] item", "{json: 1}"]


class History:
    """A repository to which random things happen; every commit that it makes is valid."""

    def __init__(self, mirror: Mirror, chance: random.Random) -> None:
        self.mirror, self.chance = mirror, chance
        self._number = 0
        self._moves: list[Callable[[], None]] = [
            self._edit, self._edit, self._add, self._add, self._delete, self._append, self._cut, self._merge,
            self._rebase, self._amend, self._reset, self._revert, self._empty,
        ]  # fmt: skip

    def move(self) -> str:
        """Let one thing happen and return its name."""
        act = self.chance.choice(self._moves)
        act()
        return act.__name__

    def _git(self, *argv: str) -> None:
        done = subprocess.run(["git", *argv], cwd=self.mirror.root, capture_output=True, check=False)
        if done.returncode:  # a conflict, or nothing to do: as if it had not been tried
            for undo in ("merge", "rebase", "revert"):
                subprocess.run(
                    ["git", undo, "--abort"], cwd=self.mirror.root, capture_output=True, check=False
                )
            subprocess.run(["git", "reset", "-q", "--hard"], cwd=self.mirror.root, check=True)

    def _commit(self, message: str) -> None:
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", message)

    def _tasks(self) -> list[Path]:
        return sorted((self.mirror.root / "state/tasks").glob("t-*/task.md"))

    def _edit(self) -> None:
        for path in self.chance.sample(self._tasks(), k=min(2, len(self._tasks()))):
            path.write_text(path.read_text() + f"\n{self.chance.choice(ODD)} {self.chance.random()}\n")
        self._commit("edit")

    def _add(self) -> None:
        self._number += 1
        self.mirror.add_tasks(1, start=self._number + 1000 * self.chance.randrange(1000))
        self._commit("add")

    def _delete(self) -> None:
        for path in self._tasks()[:1]:
            shutil.rmtree(path.parent)
        self._commit("delete")

    def _append(self) -> None:
        text = self.mirror.text(LEDGER)
        number = self.chance.randrange(10, 50)
        self.mirror.write(
            LEDGER, text + text.splitlines()[-1].replace("T11:00:00Z", f"T11:{number}:00Z") + "\n"
        )
        self._commit("append")

    def _cut(self) -> None:
        lines = self.mirror.text(LEDGER).splitlines(keepends=True)
        self.mirror.write(LEDGER, "".join(lines[:-1] if len(lines) > 2 else lines))
        self._commit("cut")

    def _merge(self) -> None:
        self._git("checkout", "-q", "-B", "side", "HEAD~1" if self._has_parent() else "HEAD")
        self._add()
        self._git("checkout", "-q", "main")
        self._git("merge", "-q", "--no-ff", "-m", "merge", "side")

    def _rebase(self) -> None:
        if self._has_parent():
            self._git("checkout", "-q", "-B", "base", "HEAD~1")
            self._add()
            self._git("checkout", "-q", "main")
            self._git("rebase", "-q", "base")

    def _amend(self) -> None:
        self._git("commit", "-q", "--amend", "--allow-empty", "-m", f"amended {self.chance.random()}")

    def _reset(self) -> None:
        if self._has_parent():
            self._git("reset", "-q", "--hard", "HEAD~1")

    def _revert(self) -> None:
        if self._has_parent():
            self._git("revert", "--no-edit", "-m", "1", "HEAD")
            self._git("revert", "--no-edit", "HEAD")

    def _empty(self) -> None:
        self._git("commit", "-q", "--allow-empty", "-m", "empty")

    def _has_parent(self) -> bool:
        argv = ["git", "rev-parse", "-q", "--verify", "HEAD~1"]
        return not subprocess.run(argv, cwd=self.mirror.root, capture_output=True, check=False).returncode


def fresh_root(mirror: Mirror, number: int) -> str:
    """Return the root of a full load of HEAD into a new file."""
    wish = mirror.wish._replace(target=Flags(sqlite=f"../fresh-{number}.db"))
    sync_database(str(mirror.root), wish, SyncWish(ref="main", at="HEAD"))
    root: str = Mirror(mirror.root, wish, None).verify().data["root"]["found"]
    (mirror.root / f"../fresh-{number}.db").unlink()
    return root


def walk(mirror: Mirror, seed: int, steps: int) -> None:
    history = History(mirror, random.Random(seed))
    told: list[str] = []
    mirror.sync(allow_rewind=True)
    for number in range(steps):
        told += [history.move() for _ in range(history.chance.randrange(1, 4))]
        if history.chance.random() < 0.1:
            mirror.sql("DELETE FROM store_head")
            told.append("lost cursor")
        told.append(str(mirror.relation(allow_rewind=True)))
        verified = mirror.verify().data
        assert verified["differences"] == 0, (seed, told)
        assert verified["commit"] == mirror.git("rev-parse", "HEAD").strip(), (seed, told)
        assert verified["root"]["found"] == fresh_root(mirror, number), (seed, told)


@pytest.mark.parametrize("seed", range(3))
def test_after_each_sync_the_tables_are_those_of_a_fresh_load(mirror: Mirror, seed: int) -> None:
    walk(mirror, seed, STEPS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 253))
def test_five_hundred_histories(mirror: Mirror, seed: int) -> None:
    walk(mirror, seed, STEPS_SOAKED)
