"""A record that names another id than its folder is read by no command: guessing would mix two tasks."""

from __future__ import annotations

import shutil

import pytest

from platformstate.actions.task_list import list_tasks
from platformstate.errors import StateError
from tests.memory.conftest import Memory


@pytest.fixture
def copied(memory: Memory) -> Memory:
    """A store in which somebody copied a task's folder, runs included."""
    memory.create("gh-460")
    memory.say(task="gh-460")
    tasks = memory.repo.root / "state/tasks"
    shutil.copytree(tasks / "gh-460", tasks / "gh-461")
    memory.repo.commit("copied by hand")
    return memory


def test_a_list_with_a_copied_task_is_partial_and_names_the_copy(copied: Memory) -> None:
    answer = list_tasks(copied.store())
    assert [row["id"] for row in answer.data["tasks"]] == ["gh-460"]
    assert answer.error is not None
    assert [(found.code, found.path) for found in answer.error.problems] == [
        ("path_mismatch", "state/tasks/gh-461/task.md")
    ]


def test_a_copied_task_takes_no_checkpoint_and_no_update_and_has_no_brief(copied: Memory) -> None:
    head = copied.repo.git("rev-parse", "HEAD")
    for attempt in (
        lambda: copied.say(task="gh-461"),
        lambda: copied.update("gh-461", title="other"),
        lambda: copied.show("gh-461"),
    ):
        with pytest.raises(StateError) as refused:
            attempt()
        assert refused.value.code == "state_invalid"
        assert refused.value.problems[0].code == "path_mismatch"
    brief = copied.brief("gh-461")
    assert brief.answer.error is not None
    assert {found.code for found in brief.answer.error.problems} == {"path_mismatch"}
    assert copied.repo.git("rev-parse", "HEAD") == head


def test_a_copied_run_is_nobodys_run(copied: Memory) -> None:
    runs = copied.repo.root / "state/tasks/gh-460/runs"
    shutil.copytree(next(runs.iterdir()), runs / "20261120t101130z-zzzzzz")
    with pytest.raises(StateError) as refused:
        copied.say(task="gh-460")
    assert refused.value.code == "state_invalid"


def test_a_first_checkpoint_on_a_branch_that_no_record_can_name_is_taken(memory: Memory) -> None:
    memory.create("gh-460")
    memory.repo.git("checkout", "-q", "-b", "x\u202ey")
    said = memory.say(task="gh-460")
    assert said.data["write"]["state"] == "committed"
    assert said.data["checkpoint"]["git"]["branch"] is None
