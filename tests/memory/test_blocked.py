"""Work that waits: `task block`, `unblock`, and the graph of what waits for what."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.answer import Answer
from platformstate.actions.task_block import block_task, unblock_task
from platformstate.actions.task_close import close_task
from platformstate.actions.task_graph import graph_tasks
from platformstate.actions.task_ready import ready_answer
from platformstate.actions.task_show import show_task
from platformstate.cli.graph_text import graph_dot, graph_mermaid, graph_text
from platformstate.errors import StateError

from .conftest import Memory


def block(memory: Memory, task: str = "gh-460", reason: str = "no schema", **how: Any) -> Answer:
    return block_task(memory.store("operator"), task, reason, **how)


def unblock(memory: Memory, task: str = "gh-460", **how: Any) -> Answer:
    return unblock_task(memory.store("operator"), task, **how)


def test_a_blocked_task_says_why_and_goes_on_as_ready(memory: Memory) -> None:
    memory.create()
    answer = block(memory, waits_on="human")
    task = answer.data["task"]
    assert (task["status"], task["status_reason"]) == ("blocked", "human: no schema")
    assert answer.data["changed"] == ["status", "status_reason"]
    assert memory.repo.git("log", "-1", "--format=%s").strip() == "task: block gh-460"
    after = unblock(memory).data["task"]
    assert after["status"] == "ready"
    assert "status_reason" not in after


def test_a_task_whose_run_holds_the_lease_goes_on_in_implementation(memory: Memory) -> None:
    memory.create()
    memory.say()
    block(memory)
    assert unblock(memory, reason="agreed").data["task"]["status"] == "implementation"
    assert memory.show()["task"]["status_reason"] == "agreed"


def test_block_on_a_task_makes_it_a_dependency_and_a_circle_is_refused(memory: Memory) -> None:
    memory.create("gh-661")
    memory.create()
    assert block(memory, on="gh-66").data["task"]["depends_on"] == ["gh-661"]
    with pytest.raises(StateError) as refused:
        block(memory, "gh-661", on="gh-460")
    assert refused.value.code == "task_dependency_cycle"
    assert memory.show("gh-661")["task"]["status"] == "ready"


@pytest.mark.parametrize("verb,status", [(block, "retired"), (unblock, "ready")])
def test_what_cannot_wait_or_does_not_wait_is_refused(memory: Memory, verb: Any, status: str) -> None:
    memory.create(accept=[] if status == "retired" else ["x::doc"])
    if status == "retired":
        memory.update(status="retired", reason="not wanted")
    head = memory.head()
    with pytest.raises(StateError) as refused:
        verb(memory)
    assert refused.value.code == "task_transition_refused"
    assert memory.head() == head


def test_a_task_without_criteria_does_not_become_ready_by_being_unblocked(memory: Memory) -> None:
    memory.create(accept=[])
    block(memory)
    with pytest.raises(StateError) as refused:
        unblock(memory)
    assert refused.value.code == "task_has_no_criteria"
    assert refused.value.hint == 'platformctl task update gh-460 --accept "TEXT::PROOF"'


def test_block_refuses_a_record_that_was_changed_meanwhile(memory: Memory) -> None:
    rev = memory.create().data["task"]["rev"]
    memory.update(priority="p0")
    with pytest.raises(StateError) as refused:
        block(memory, expect_rev=rev)
    assert refused.value.code == "record_changed"
    assert refused.value.data == {"rev": memory.show()["task"]["rev"]}


def test_10_11_an_open_dependency_is_the_reason_why_a_task_is_not_ready(memory: Memory) -> None:
    memory.create("gh-661")
    memory.create(depends_on=["gh-661"])
    shown = show_task(memory.store(), "gh-460").data
    assert (shown["ready"], shown["not_ready"]) == (False, [{"code": "dependency_open", "task": "gh-661"}])
    graph = graph_tasks(memory.store()).data
    assert graph["nodes"] == [
        {"id": "gh-460", "status": "ready", "ready": False},
        {"id": "gh-661", "status": "ready", "ready": True},
    ]
    assert graph["edges"] == [{"from": "gh-460", "to": "gh-661", "kind": "depends_on"}]


def test_10_11_a_dependency_that_is_done_makes_the_task_ready(memory: Memory) -> None:
    memory.create("gh-661")
    memory.create(depends_on=["gh-661"])
    assert [row["id"] for row in ready_answer(memory.store()).data["tasks"]] == ["gh-661"]
    close_task(memory.store("operator"), "gh-661", evidence=["file:docs/spec.md"])
    assert [row["id"] for row in ready_answer(memory.store()).data["tasks"]] == ["gh-460"]
    assert show_task(memory.store(), "gh-460").data["not_ready"] == []


def test_a_graph_around_a_task_holds_what_is_connected_with_it(memory: Memory) -> None:
    for task, needs in {"a1": [], "b1": ["a1"], "c1": ["b1"], "d1": [], "e1": ["d1"]}.items():
        memory.create(task, depends_on=needs)
    data = graph_tasks(memory.store(), task="b1").data
    assert [node["id"] for node in data["nodes"]] == ["a1", "b1", "c1"]
    assert [(edge["from"], edge["to"]) for edge in data["edges"]] == [("b1", "a1"), ("c1", "b1")]
    assert graph_text(data) == (
        "a1 (ready, can be taken up)\nb1 (ready)\n  waits for a1 (ready)\nc1 (ready)\n  waits for b1 (ready)"
    )
    assert '  "b1" -> "a1";' in graph_dot(data)
    assert "  t1 --> t0" in graph_mermaid(data)


def test_a_circle_that_came_by_merge_is_shown_and_told(memory: Memory) -> None:
    for task in ("a1", "b1", "c1"):
        memory.create(task)
    for task, needed in (("a1", "b1"), ("b1", "a1"), ("c1", "a1")):
        path = memory.repo.root / f"state/tasks/{task}/task.md"
        path.write_text(path.read_text().replace("depends_on: []", f"depends_on:\n  - {needed}"))
    answer = graph_tasks(memory.store())
    assert answer.data["cycles"] == [["a1", "b1"]]
    assert [note.code for note in answer.warnings] == ["task_dependency_cycle"]
    assert not any(node["ready"] for node in answer.data["nodes"])
    assert "cycle: a1, b1" in graph_text(answer.data)
