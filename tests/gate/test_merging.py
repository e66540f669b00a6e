"""Branches merge as text, with plain `git merge` and no driver, and what comes out is valid."""

from __future__ import annotations

import pytest

from platformstate.actions.hooks import install_hooks
from platformstate.policy.tree_rules import path_problems
from tests.gate.conftest import CHECKPOINT, TASK, State
from tests.gate.test_hooks import PROGRAM

BRANCHES = 20


def checkpoint_of(number: int) -> str:
    return f"20261120t1100{number:02}z-7fq2ka"


@pytest.mark.slow
def test_50_09_twenty_branches_with_a_checkpoint_each_merge_and_validate_clean(state: State) -> None:
    text = state.text(CHECKPOINT)
    for number in range(BRANCHES):
        state.git("checkout", "-q", "-b", f"work-{number}", "main")
        name = checkpoint_of(number)
        path = CHECKPOINT.replace("20261120t103501z-7fq2ka", name)
        state.write(path, text.replace("20261120t103501z-7fq2ka", name))
        if number == 0:
            state.replace(TASK, "status: ready", "status: implementation")
        elif number == 1:
            state.replace(TASK, "priority: p1", "priority: p0")
        state.commit(f"work {number}")
    state.git("checkout", "-q", "main")
    install_hooks(str(state.root), PROGRAM)
    for number in range(BRANCHES):
        state.git("merge", "-q", "--no-ff", "-m", f"merge {number}", f"work-{number}")
    merged = state.text(TASK)
    assert "status: implementation\n" in merged
    assert "priority: p0\n" in merged
    assert state.found() == state.found(rev="HEAD") == []
    assert len(list((state.root / CHECKPOINT).parent.iterdir())) == BRANCHES + 2


def test_the_same_status_changed_twice_is_a_conflict_that_the_gate_names(state: State) -> None:
    for branch, status in (("a", "implementation"), ("b", "refining")):
        state.git("checkout", "-q", "-b", branch, "main")
        state.replace(TASK, "status: ready", f"status: {status}")
        state.commit(branch)
    state.git("merge", "-q", "-m", "merge", "a", check=False)
    assert state.found() == [f"{TASK}:7:1: conflict_markers_present"]
    state.git("add", "-A")
    assert state.found(staged=True) == [f"{TASK}:7:1: conflict_markers_present"]


def test_a_circle_that_no_branch_has_is_found_in_the_merge(state: State) -> None:
    state.add_task("gh-462")
    state.commit("two tasks")
    for name, other in (("gh-460", "gh-462"), ("gh-462", "gh-460")):
        state.git("checkout", "-q", "-b", name, "main")
        path = f"state/tasks/{name}/task.md"
        state.replace(path, "depends_on: []", f"depends_on:\n  - {other}")
        state.commit(name)
        assert state.found() == []
    state.git("merge", "-q", "--no-commit", "--no-ff", "gh-460")
    assert state.found(staged=True) == [f"{TASK}:16:5: task_dependency_cycle"]


def test_a_task_removed_on_one_branch_and_named_on_the_other_is_found(state: State) -> None:
    state.add_task("gh-462")
    state.commit("a task")
    state.git("checkout", "-q", "-b", "removes", "main")
    state.git("rm", "-q", "-r", "state/tasks/gh-462")
    state.git("commit", "-q", "--no-verify", "-m", "removed")
    state.git("checkout", "-q", "main")
    state.replace(TASK, "depends_on: []", "depends_on:\n  - gh-462")
    state.commit("named")
    state.git("merge", "-q", "--no-commit", "--no-ff", "removes")
    assert f"{TASK}:16:5: reference_dangling" in state.found(staged=True)


def test_the_examples_names_are_all_of_the_layout(state: State) -> None:
    from platformstate.files import WorkTree

    assert path_problems(WorkTree(state.root).entries()) == ()
