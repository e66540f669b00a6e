"""`task list` and `task show`: shapes, filters, readiness (scenario 11)."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.task_list import list_tasks
from platformstate.actions.task_show import show_task
from platformstate.cost import COST
from platformstate.errors import StateError

from .conftest import Memory

ROW = {"id", "title", "status", "priority", "kind", "owner", "agent", "labels", "depends_on", "claim", "criteria", "path", "rev"}  # fmt: skip
RUN_ROW = {"id", "actor", "attempt", "status", "condition", "fence", "coupling", "rescues", "started_at", "ended_at", "reason", "exit_code", "checkpoints"}  # fmt: skip


def ids(memory: Memory, **conditions: Any) -> list[str]:
    return [row["id"] for row in list_tasks(memory.store(), **conditions).data["tasks"]]


def test_rows_have_every_key_and_stand_in_order_of_id(memory: Memory) -> None:
    for task in ("b", "c", "a"):
        memory.create(task)
    data = list_tasks(memory.store()).data
    assert data["total"] == 3
    assert [row["id"] for row in data["tasks"]] == ["a", "b", "c"]
    assert all(set(row) == ROW for row in data["tasks"])


def test_each_condition_narrows_the_list(memory: Memory) -> None:
    memory.create("a", priority="p0", label=["x", "y"], owner="ann", ref=["r1"])
    memory.create("b", agent="codex", label=["x"], accept=[])
    memory.create("c")
    memory.update("c", status="parked", reason="later")
    assert ids(memory, status=["intake", "parked"]) == ["b", "c"]
    assert ids(memory, open_only=True) == ["a", "b", "c"]
    assert ids(memory, label=["x"]) == ["a", "b"]
    assert ids(memory, label=["x", "y"]) == ["a"]
    assert ids(memory, agent="codex") == ["b"]
    assert ids(memory, owner="ann") == ["a"]
    assert ids(memory, priority="p2") == ["b", "c"]
    assert ids(memory, ref="r1") == ["a"]
    assert ids(memory, limit=1, offset=1) == ["b"]
    assert list_tasks(memory.store(), limit=1).data["total"] == 3


def test_a_task_that_cannot_be_read_makes_the_list_partial(memory: Memory) -> None:
    memory.create("a")
    memory.create("b")
    memory.repo.write("state/tasks/a/task.md", "---\nschema: task/1\nid: a\nstatus: opne\n---\n")
    answer = list_tasks(memory.store())
    assert [row["id"] for row in answer.data["tasks"]] == ["b"]
    assert answer.error is not None
    assert answer.error.code == "state_invalid"
    assert answer.error.path == "state/tasks/a/task.md"
    assert answer.status == 1


def test_show_has_every_key_of_its_shape(memory: Memory) -> None:
    memory.create(goal="Rescue works.")
    memory.say()
    data = memory.show()
    assert set(data) == {"task", "body", "runs", "claim", "ready", "not_ready", "close"}
    assert data["body"] == {"Goal": "Rescue works."}
    assert (data["claim"]["run"], data["claim"]["state"]) == (data["runs"][0]["id"], "live")
    assert data["close"] is None
    [run] = data["runs"]
    assert set(run) == RUN_ROW
    assert (run["actor"], run["attempt"], run["status"], run["checkpoints"]) == ("codex", 1, "running", 1)
    assert run["coupling"] == "none"
    assert run["fence"] == 1
    assert run["condition"] is run["rescues"] is run["ended_at"] is None


def test_show_limits_the_runs_to_the_newest(memory: Memory) -> None:
    memory.create()
    for actor in ("codex", "claude", "iskra"):
        memory.say(actor=actor)
        memory.release()
    shown = show_task(memory.store(), "gh-460", runs=2).data["runs"]
    assert [run["actor"] for run in shown] == ["claude", "iskra"]
    assert show_task(memory.store(), "gh-460", runs=0).data["runs"] == []


def test_10_11_an_open_dependency_is_the_reason_until_it_is_done(memory: Memory) -> None:
    memory.create("first")
    memory.create("second", depends_on=["first"])
    shown = memory.show("second")
    assert shown["ready"] is False
    assert shown["not_ready"] == [{"code": "dependency_open", "task": "first"}]
    path = "state/tasks/first/task.md"
    done = memory.text(path).replace("status: ready", "status: done").rstrip("\n")
    head, _, body = done.partition("created_by: operator\n")
    memory.repo.write(path, f'{head}created_by: operator\n\nclosed_at: "2026-11-20T12:00:00Z"\n{body}\n')
    shown = memory.show("second")
    assert shown["ready"] is True
    assert shown["not_ready"] == []
    assert memory.show("first")["close"] == "docs-only"


def test_a_broken_checkpoint_makes_show_partial(memory: Memory) -> None:
    memory.create()
    path = memory.say().data["path"]
    memory.repo.write(path, memory.text(path).replace("kind: progress", "kind: gossip"))
    answer = show_task(memory.store(), "gh-460")
    assert answer.error is not None
    assert answer.error.code == "state_invalid"
    assert answer.data["task"]["id"] == "gh-460"


def test_a_run_without_its_journal_is_told(memory: Memory) -> None:
    memory.create()
    run = memory.say().data["run"]
    (memory.repo.root / f"state/tasks/gh-460/runs/{run}/events.jsonl").unlink()
    answer = show_task(memory.store(), "gh-460")
    assert answer.error is not None
    assert [problem.code for problem in answer.error.problems] == ["run_journal_corrupt"]


@pytest.mark.parametrize("name", ["gh-999", "", "GH-460", "../gh-460"])
def test_a_task_that_is_not_there_is_not_found(memory: Memory, name: str) -> None:
    memory.create()
    with pytest.raises(StateError) as missing:
        show_task(memory.store(), name)
    assert missing.value.code == "task_not_found"
    assert missing.value.exit_status == 3


def test_show_costs_two_git_children_whatever_the_task_holds(memory: Memory) -> None:
    memory.create("needed")
    memory.create(depends_on=["needed"])
    for _ in range(3):
        memory.say()
    COST.git = 0
    memory.show()
    assert COST.git <= 2
