"""A finding is one line and its fix is the next, whatever the name of the file that it is about."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from platformstate.actions.init import init_store
from platformstate.actions.task_create import create_task
from platformstate.store import open_repository
from tests.conftest import Platformctl, Repo

FORGED = "state/tasks/x\nstate/store.yaml:1:1: forged all is well\n/task.md"


@pytest.fixture
def store(repo: Repo) -> Repo:
    """A repository with a store and one task."""
    init_store(open_repository(repo.root))
    create_task(open_repository(repo.root), {"title": "one", "id": "one", "accept": ["it holds::test"]})
    return repo


@pytest.mark.parametrize("argv", [("validate",), ("validate", "--staged"), ("doctor",)])
def test_a_name_with_a_line_feed_forges_no_finding(
    platformctl: Platformctl, store: Repo, argv: tuple[str, ...]
) -> None:
    store.write(FORGED, "x")
    store.git("add", "-f", "state")
    ran = platformctl(*argv, cwd=store.root)
    assert ran.status == 1
    assert "path_name_invalid" in ran.stdout
    assert not [line for line in (ran.stdout + ran.stderr).split("\n") if line.startswith("state/store.yaml")]


def test_a_task_below_a_linked_folder_is_refused_for_the_link(
    platformctl: Platformctl, store: Repo, tmp_path: Path
) -> None:
    (store.root / "state/tasks").rename(tmp_path / "away")
    (store.root / "state/tasks").symlink_to(tmp_path / "away")
    ran = platformctl("task", "create", "--id", "two", "--title", "two", "--json", cwd=store.root)
    assert (ran.status, ran.document["error"]["code"]) == (4, "path_symlink")
    assert sorted(path.name for path in (tmp_path / "away").iterdir()) == ["one"]
    assert not list((store.root / ".git/platformstate/journal").glob("*.json"))


def test_a_lock_held_by_another_program_is_named_as_that(platformctl: Platformctl, store: Repo) -> None:
    with (store.root / ".git/platformstate/lock").open("rb+") as lock:
        lock.truncate()
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = platformctl("doctor", cwd=store.root)
    assert "another program holds the lock" in ran.stdout
