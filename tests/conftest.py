"""Shared ground of all tests: a pinned git identity, real repositories, and the real command."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pytest

from tests.forking import Forks, Ran

T = TypeVar("T")
OPERATOR = "operator"
IDENTITY = """[user]
\tname = Ann
\temail = ann@example.org
[init]
\tdefaultBranch = main
[commit]
\tgpgSign = false
[maintenance]
\tauto = false
"""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while thousands of tests are collected, nor ever again among them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start the slow tests first: at the end, the other workers would wait for one of them."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if not item.get_closest_marker("slow")]
    items[:] = dealt(slow, others, getattr(config, "workerinput", {"workercount": 1})["workercount"])


def dealt(slow: Sequence[T], others: Sequence[T], workers: int) -> list[T]:
    """Return all tests with a share of the slow ones at the head of what each worker begins with.

    xdist gives each worker one run of consecutive tests, as even as it can; a worker that has nothing left
    steals from the tail of another (xdist/scheduler/worksteal.py).
    """
    rest, ordered = iter(others), list[T]()
    for worker in range(workers):
        share = slow[worker::workers]
        length = (len(slow) + len(others) - len(ordered)) // (workers - worker)
        ordered += [*share, *islice(rest, max(0, length - len(share)))]
    return ordered


@pytest.fixture(scope="session", autouse=True)
def pinned_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give every test the same git identity and nothing of this machine's settings."""
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text(IDENTITY)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
        signal.signal(signal.SIGINT, signal.default_int_handler)
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("GIT_", "PLATFORMSTATE_")) and name != "PLATFORMSTATE_REQUIRE_PG":
            del os.environ[name]
    os.environ |= {
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }
    yield
    os.environ.clear()
    os.environ.update(before)


class Repo:
    """A real git repository that a test may do anything to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *argv: str, check: bool = True, stdin: str | None = None) -> str:
        """Run git as a person would and return what it printed."""
        done = subprocess.run(
            ["git", *argv], cwd=self.root, input=stdin, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"git {argv}: {done.stderr}")
        return done.stdout

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file below the root, making its folders."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        return target

    def commit(self, message: str = "work") -> str:
        """Commit everything and return the new commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "-m", message)
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture(scope="session")
def unborn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `git init` makes, once for all tests, less the samples of hooks."""
    root = tmp_path_factory.mktemp("unborn")
    Repo(root).git("init", "-q", "-b", "main")
    for sample in (root / ".git" / "hooks").glob("*.sample"):
        sample.unlink()
    return root


@pytest.fixture
def repo(unborn: Path, tmp_path: Path) -> Repo:
    """An empty repository on an unborn branch `main`."""
    return Repo(Path(shutil.copytree(unborn, tmp_path / "repo")))


def typed(script: str, cwd: Path, **env: str) -> Ran:
    """Run lines as a person with nothing set up would type them: by a real shell, with the real command."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-x"],
        input=script,
        cwd=cwd,
        env={**os.environ, "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


Platformctl = Callable[..., Ran]


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The process that forks the commands of all tests."""
    made = Forks(tmp_path_factory.mktemp("printed"))
    yield made
    made.end()


@pytest.fixture
def platformctl(repo: Repo, forks: Forks) -> Platformctl:
    """Run the real command as its own process in `repo`: `platformctl("task", "list", "--json")`."""

    def run(*argv: str, cwd: Path | None = None, stdin: str = "", env: dict[str, str] | None = None) -> Ran:
        return forks.start(cwd or repo.root, argv, env, stdin).wait()

    return run


@pytest.fixture(scope="session")
def begun(unborn: Path, forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a store in which OPERATOR works, made once and copied for each test."""
    repo = Repo(Path(shutil.copytree(unborn, tmp_path_factory.mktemp("begun") / "repo")))
    assert forks.start(repo.root, ["init"]).wait().status == 0
    for role in ("operator", "actor"):
        repo.git("config", f"platformstate.{role}", OPERATOR)
    return repo.root


@pytest.fixture
def stored(begun: Path, tmp_path: Path) -> Repo:
    """A repository with a store and nothing in it."""
    return Repo(Path(shutil.copytree(begun, tmp_path / "repo")))
