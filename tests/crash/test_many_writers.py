"""Many writers at once, beside a person who works on: nothing is lost, nothing of theirs is taken."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Repo
from tests.crash.conftest import Writers
from tests.store.records import checkpoint_path, held_files, make_store, new_id, opened, write_checkpoint


class Person(threading.Thread):
    """Edits, stages and commits `src/` with plain git until told to stop."""

    def __init__(self, repo: Repo) -> None:
        super().__init__()
        self._repo, self._ended = repo, threading.Event()
        self.commits = 0

    def run(self) -> None:
        count = 0
        while not self._ended.is_set():
            count += 1
            self._repo.write("src/main.py", f"print({count})\n")
            self._repo.write("src/staged.py", f"print({count})\n")
            self._git("add", "src/main.py", "src/staged.py")
            self.commits += self._git("commit", "-q", "--no-verify", "-m", f"person {count}", "src/main.py")
            self._ended.wait(0.01)

    def _git(self, *argv: str) -> bool:
        done = subprocess.run(["git", *argv], cwd=self._repo.root, capture_output=True, check=False)
        return done.returncode == 0

    def stop(self) -> None:
        self._ended.set()
        self.join()


def paths_by_commit(repo: Repo, grep: str) -> list[list[str]]:
    """Return the paths that each commit of ours touches."""
    log = repo.git("log", "--format=%x00%s", "--name-only", f"--grep={grep}")
    return [row.split("\n")[2:] for row in log.split("\0")[1:]]


def eight_writers(repo: Repo, writers: Writers, count: int) -> None:
    tasks = [f"gh-{number}" for number in range(8)]
    make_store(repo, *tasks)
    person = Person(repo)
    person.start()
    started = [
        writers.start(
            repo.root, "many", task=task, ids=[new_id(1000 * n + number) for number in range(count)]
        )
        for n, task in enumerate(tasks)
    ]
    ends = [writer.wait() for writer in started]
    person.stop()

    assert ends == [0] * 8, [writer.answer for writer in started]
    held = repo.git("ls-tree", "-r", "--name-only", "HEAD", "state/").splitlines()
    wanted = {
        checkpoint_path(task, new_id(1000 * n + number))
        for n, task in enumerate(tasks)
        for number in range(count)
    }
    assert wanted <= set(held)
    touched = [path for paths in paths_by_commit(repo, "^checkpoint: create") for path in paths if path]
    assert sorted(touched) == sorted(wanted)
    assert person.commits > 0
    assert repo.git("fsck", "--strict", "--no-dangling") == ""
    assert held_files(repo) == []
    assert repo.git("status", "--porcelain", "--", "state") == ""


def test_60_01_eight_writers_beside_a_person_lose_nothing(repo: Repo, writers: Writers) -> None:
    eight_writers(repo, writers, 4)


@pytest.mark.soak
def test_60_01_eight_writers_of_25_beside_a_person_lose_nothing(repo: Repo, writers: Writers) -> None:
    eight_writers(repo, writers, 25)


def test_60_01_threads_of_one_process_exclude_each_other_too(repo: Repo) -> None:
    make_store(repo, "gh-1")
    store = opened(repo)
    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(lambda number: write_checkpoint(store, "gh-1", new_id(number)), range(6)))
    assert [end.state for end in ends] == ["committed"] * 6
    assert sum(end.recovered for end in ends) == 0
    assert repo.git("ls-tree", "-r", "--name-only", "HEAD").count("checkpoints/") == 6
    assert held_files(repo) == []


def four_worktrees(repo: Repo, writers: Writers, folder: Path, count: int) -> None:
    make_store(repo, "gh-1")
    roots = [repo.root]
    for number in range(3):
        roots.append(folder / f"w{number}")
        repo.git("worktree", "add", "-q", "-b", f"b{number}", str(roots[-1]))
    started = [
        writers.start(root, "many", task="gh-1", ids=[new_id(100 * n + number) for number in range(count)])
        for n, root in enumerate(roots)
    ]
    assert [writer.wait() for writer in started] == [0, 0, 0, 0]
    for n, branch in enumerate(["main", "b0", "b1", "b2"]):
        names = repo.git("ls-tree", "-r", "--name-only", branch, "state/tasks").splitlines()
        own = {checkpoint_path("gh-1", new_id(100 * n + number)) for number in range(count)}
        assert {name for name in names if "checkpoints/" in name} == own
    assert held_files(repo) == []


def test_60_02_four_worktrees_at_once_each_keep_their_own(
    repo: Repo, writers: Writers, tmp_path: Path
) -> None:
    four_worktrees(repo, writers, tmp_path, 4)


@pytest.mark.soak
def test_60_02_four_worktrees_of_ten_each_keep_their_own(
    repo: Repo, writers: Writers, tmp_path: Path
) -> None:
    four_worktrees(repo, writers, tmp_path, 10)


def three_clones(repo: Repo, folder: Path, count: int) -> None:
    make_store(repo, "gh-1")
    shared = folder / "shared.git"
    repo.git("clone", "-q", "--bare", str(repo.root), str(shared))
    clones = [Repo(folder / f"c{number}") for number in range(3)]
    for clone in clones:
        repo.git("clone", "-q", str(shared), str(clone.root))

    def work(n: int) -> None:
        for number in range(count):
            write_checkpoint(opened(clones[n]), "gh-1", new_id(100 * n + number))
            while True:
                clones[n].git("pull", "-q", "--rebase")
                pushed = subprocess.run(
                    ["git", "push", "-q"], cwd=clones[n].root, capture_output=True, check=False
                )
                if pushed.returncode == 0:
                    break

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    names = Repo(shared).git("ls-tree", "-r", "--name-only", "main").splitlines()
    found = [name for name in names if "checkpoints/" in name]
    wanted = {checkpoint_path("gh-1", new_id(100 * n + number)) for n in range(3) for number in range(count)}
    assert sorted(found) == sorted(wanted)


def test_60_02_three_clones_that_pull_and_push_keep_every_record(repo: Repo, tmp_path: Path) -> None:
    three_clones(repo, tmp_path, 3)


@pytest.mark.soak
def test_60_02_three_clones_of_ten_keep_every_record(repo: Repo, tmp_path: Path) -> None:
    three_clones(repo, tmp_path, 10)
