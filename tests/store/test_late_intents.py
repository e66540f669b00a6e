"""A writer that adds its intent while another has read HEAD and not yet settled."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from platformstate.store import Store
from platformstate.store.failpoints import Failpoints
from platformstate.store.intent_journal import Journal
from tests.conftest import Repo
from tests.store.records import (
    checkpoint_path,
    held_files,
    make_store,
    new_id,
    opened,
    update_task,
    write_checkpoint,
)

LATE = "store.intent-durable"


class Meeting(Failpoints):
    """A failpoint at which something else happens once, in place of the process's death."""

    def __init__(self, name: str, happen: Callable[[], object]) -> None:
        super().__init__(name)
        self._happen = happen

    def reach(self, name: str, step: int | None = None) -> None:
        if self.is_asked(name, step):
            self.name = ""
            self._happen()


def meeting(store: Store, happen: Callable[[], object], name: str = LATE) -> Store:
    """Return the store, in which something happens once; by default when its intent is durable and HEAD was read."""
    points = Meeting(name, happen)
    journal = Journal(store.session.control, points)
    return Store(store.session._replace(journal=journal, failpoints=points))


def test_an_intent_that_comes_after_head_was_read_is_settled_with_the_others(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("config", "platformstate.lockTimeout", "0.1")
    other = opened(repo)
    repo.git("config", "--unset", "platformstate.lockTimeout")
    path = checkpoint_path("gh-1", new_id(1))

    def write_late() -> None:
        """Add an independent writer's intent; it finds the lock taken and waits for its commit."""
        written = write_checkpoint(other, "gh-1", new_id(1))
        assert (written.state, written.reason) == ("pending", "lock_timeout")

    done = update_task(meeting(opened(repo), write_late), "gh-1", "second")
    assert done.state == "committed"
    assert repo.git("show", f"HEAD:{path}")
    assert "title: second" in repo.git("show", "HEAD:state/tasks/gh-1/task.md")
    assert repo.git("status", "--porcelain") == ""
    assert held_files(repo) == []


@pytest.mark.parametrize("point", ["store.file-temp", "store.file-renamed"])
def test_a_folder_that_a_person_removes_while_its_record_is_placed_stops_no_commit(
    repo: Repo, point: str
) -> None:
    make_store(repo, "gh-1")
    folder = repo.root / "state/tasks/gh-1"
    store = meeting(opened(repo), lambda: shutil.rmtree(folder), point)
    assert update_task(store, "gh-1", "second").state == "committed"
    assert "title: second" in repo.git("show", "HEAD:state/tasks/gh-1/task.md")
    assert not folder.exists()
