"""A repository and its databases to which random things happen, good and bad; every commit kept is valid."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.db.conftest import LEDGER, TASK, Mirror

ODD = ["plain", "\\N", "\\.", "%s $1", "'quoted'", "שלום e\u0301", "😀", "- [ ] item", "{json: 1}"]
TRUSTED = "refs/remotes/origin/main"


class History:
    """What people do to a repository; `ref` is what the tables are to follow now."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root, self.chance = root, chance
        self.repo = Mirror(root, Mirror.NOWHERE, None)
        self.branch, self.ref = "main", "refs/heads/main"
        self._number = 0
        self._moves: list[Callable[[], None]] = [
            self._edit, self._edit, self._add, self._add, self._delete, self._append, self._cut, self._merge,
            self._rebase, self._amend, self._reset, self._revert, self._empty, self._rename, self._rename_ledger,
            self._forget, self._orphan, self._switch, self._trust, self._template,
        ]  # fmt: skip

    def move(self) -> str:
        """Let one thing happen and return its name."""
        act = self.chance.choice(self._moves)
        act()
        return act.__name__

    def tip(self) -> str:
        """Return the commit that the tables are to equal."""
        return self.repo.git("rev-parse", self.ref).strip()

    def _git(self, *argv: str) -> None:
        done = subprocess.run(["git", *argv], cwd=self.root, capture_output=True, check=False)
        if done.returncode:  # a conflict, or nothing to do: as if it had not been tried
            for undo in ("merge", "rebase", "revert"):
                subprocess.run(["git", undo, "--abort"], cwd=self.root, capture_output=True, check=False)
            subprocess.run(["git", "reset", "-q", "--hard"], cwd=self.root, check=True)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", message)

    def _tasks(self) -> list[Path]:
        return sorted((self.root / "state/tasks").glob("t-*/task.md"))

    def _edit(self) -> None:
        for path in self.chance.sample(self._tasks(), k=min(2, len(self._tasks()))):
            path.write_text(path.read_text() + f"\n{self.chance.choice(ODD)} {self.chance.random()}\n")
        self.commit("edit")

    def _add(self) -> None:
        self._number += 1
        self.repo.add_tasks(1, start=self._number + 1000 * self.chance.randrange(1000))
        self.commit("add")

    def _delete(self) -> None:
        for path in self._tasks()[:1]:
            shutil.rmtree(path.parent)
        self.commit("delete")

    def _rename(self) -> None:
        for path in self._tasks()[-1:]:
            self._number += 1
            name = f"t-r{self._number}"
            text = path.read_text().replace(f"id: {path.parent.name}\n", f"id: {name}\n")
            path.parent.rename(path.parent.with_name(name))
            (path.parent.with_name(name) / "task.md").write_text(text)
        self.commit("rename")

    def _template(self) -> None:
        folder = self.root / "state/templates"
        for path in sorted(folder.iterdir())[:1]:
            path.rename(folder / f"{self.chance.choice('ABC')}.md")
        self.commit("template")

    def _ledgers(self) -> list[Path]:
        return sorted((self.root / LEDGER).parent.glob("*.jsonl"))

    def _rename_ledger(self) -> None:
        """The same lines in another file: other keys, and one blob for both."""
        for path in self._ledgers()[:1]:
            path.rename(path.with_name(f"2026-11.{self.chance.choice('abcdef') * 8}.jsonl"))
        self.commit("rename ledger")

    def _append(self) -> None:
        for path in self._ledgers()[:1]:
            last = path.read_text().splitlines()[-1]
            number = self.chance.randrange(10, 50)
            with path.open("a") as ledger:
                ledger.write(last.replace("T11:00:00Z", f"T11:{number}:00Z") + "\n")
        self.commit("append")

    def _cut(self) -> None:
        for path in self._ledgers()[:1]:
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(lines[:-1] if len(lines) > 2 else lines))
        self.commit("cut")

    def _merge(self) -> None:
        self._git("checkout", "-q", "-B", "side", "HEAD~1" if self._has_parent() else "HEAD")
        self._add()
        self._git("checkout", "-q", self.branch)
        self._git("merge", "-q", "--no-ff", "-m", "merge", "side")

    def _rebase(self) -> None:
        if self._has_parent():
            self._git("checkout", "-q", "-B", "base", "HEAD~1")
            self._add()
            self._git("checkout", "-q", self.branch)
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

    def _forget(self) -> None:
        """Lose every object that no ref names, so that the synced commit may be one of them."""
        self._git("reflog", "expire", "--expire=now", "--all")
        self._git("prune", "--expire=now")

    def _orphan(self) -> None:
        """The same tree without its history, as after a filter."""
        tree = self.repo.git("rev-parse", "HEAD^{tree}").strip()
        commit = self.repo.git("commit-tree", tree, "-m", f"orphan {self.chance.random()}").strip()
        self._git("reset", "-q", "--hard", commit)

    def _switch(self) -> None:
        """Go on with another branch, which the tables are to follow from now on."""
        self.branch = self.chance.choice(["main", "release"])
        known = self.repo.git("branch", "--list", self.branch)
        self._git("checkout", "-q", *([] if known else ["-b"]), self.branch)
        self.ref = f"refs/heads/{self.branch}"

    def _trust(self) -> None:
        """Follow a ref that is moved by force, forwards, back and aside."""
        rev = self.chance.choice(["HEAD", "HEAD~1" if self._has_parent() else "HEAD", self.branch])
        self._git("update-ref", TRUSTED, rev)
        self.ref = TRUSTED

    def _has_parent(self) -> bool:
        argv = ["git", "rev-parse", "-q", "--verify", "HEAD~1"]
        return not subprocess.run(argv, cwd=self.root, capture_output=True, check=False).returncode

    def spoiled(self) -> str:
        """Commit what no sync may take, on what the tables follow; return the commit to go back to."""
        before = self.repo.git("rev-parse", "HEAD").strip()
        how = self.chance.choice([self._conflict, self._executable, self._nul])
        how()
        self.commit(how.__name__)
        return before

    def restored(self, commit: str) -> None:
        """Take a bad commit back."""
        self._git("reset", "-q", "--hard", commit)

    def _conflict(self) -> None:
        text = self.repo.text(TASK)
        self.repo.write(TASK, f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n")

    def _executable(self) -> None:
        (self.root / TASK).chmod(0o755)

    def _nul(self) -> None:
        self.repo.write(TASK, self.repo.text(TASK) + "a\0b\n")
