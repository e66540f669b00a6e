"""Nothing that stands in place of a record is passed over: links are named, never followed, never skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from platformstate.actions.brief import brief_task
from platformstate.actions.task_create import create_task
from platformstate.actions.task_list import list_tasks
from platformstate.actions.task_show import show_task
from platformstate.actions.task_update import update_task
from platformstate.errors import StateError
from platformstate.store import Store, open_store
from tests.conftest import Repo

STORE = 'schema: store/1\nid: "7b1d7a52-5c7e-4d0b-9a52-0f6f3a0e4c11"\ncreated_at: "2026-11-20T10:11:30Z"\n'


@pytest.fixture
def store(repo: Repo) -> Store:
    repo.write("state/store.yaml", STORE)
    repo.commit()
    opened = open_store(repo.root, durability="fast")
    for name in ("one", "two"):
        create_task(opened, {"title": name, "id": name})
    return opened


def _linked(store: Store, name: str, *, dangling: bool = False) -> None:
    folder = store.root / "state/tasks" / name
    elsewhere = store.root / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(Path("nowhere") if dangling else elsewhere)


@pytest.mark.parametrize("dangling", [False, True])
def test_a_list_with_a_linked_task_is_partial_and_says_so(store: Store, dangling: bool) -> None:
    _linked(store, "two", dangling=dangling)
    answer = list_tasks(store)
    assert [row["id"] for row in answer.data["tasks"]] == ["one"]
    assert answer.error is not None
    assert [(found.code, found.path) for found in answer.error.problems] == [
        ("path_mode_invalid", "state/tasks/two/task.md")
    ]


def test_a_linked_task_is_not_shown_and_not_changed(store: Store) -> None:
    _linked(store, "two")
    with pytest.raises(StateError) as shown:
        show_task(store, "two")
    assert shown.value.code == "state_invalid"
    summed_up = brief_task(store, "two").answer.error
    assert summed_up is not None
    assert summed_up.code == "state_invalid"
    with pytest.raises(StateError) as changed:
        update_task(store, "two", {"priority": "p1"})
    assert changed.value.code == "path_symlink"


@pytest.mark.parametrize("text", ["schema: store/9\n", "schema: [", "", "# nothing\n"])
def test_a_store_of_another_version_or_none_is_not_opened(repo: Repo, text: str) -> None:
    repo.write("state/store.yaml", text)
    with pytest.raises(StateError) as raised:
        open_store(repo.root)
    assert raised.value.code == "state_invalid"


def test_a_store_with_a_comment_first_is_opened(repo: Repo) -> None:
    repo.write("state/store.yaml", "# ours\n" + STORE)
    assert open_store(repo.root).exists
