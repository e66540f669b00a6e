"""A list of tasks leaves nothing out unsaid."""

from __future__ import annotations

from platformstate.actions.task_list import list_tasks

from .conftest import Memory


def test_a_folder_with_files_but_no_task_is_told(memory: Memory) -> None:
    memory.create()
    memory.repo.write("state/tasks/ghost/runs/x/summary.md", "left over\n")
    (memory.repo.root / "state/tasks/empty").mkdir()
    answer = list_tasks(memory.store())
    assert [row["id"] for row in answer.data["tasks"]] == ["gh-460"]
    assert answer.error is None
    assert [(note.code, note.path) for note in answer.warnings] == [("path_unexpected", "state/tasks/ghost")]
