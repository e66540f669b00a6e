"""`task update`: one changed field is one changed line; what is refused leaves the file alone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from platformstate.errors import StateError

from .conftest import Memory

PATH = "state/tasks/gh-460/task.md"


def test_one_changed_field_is_one_changed_line(memory: Memory) -> None:
    memory.create()
    answer = memory.update(title="task_run and task_checkpoint records")
    assert answer.data["changed"] == ["title"]
    assert answer.data["created"] is False
    assert memory.repo.git("show", "--numstat", "--format=", "HEAD").split() == ["1", "1", PATH]
    assert memory.repo.git("log", "-1", "--format=%s").strip() == "task: update gh-460"


def test_comments_and_unknown_sections_of_a_person_survive(memory: Memory) -> None:
    memory.create(goal="Old goal.")
    text = memory.text(PATH).replace("status: ready", "status: ready # mine") + "\n## Notes\nkept  as is\n"
    memory.repo.write(PATH, text)
    memory.repo.commit("edit")
    memory.update(priority="p0", goal="New goal.", rollback="git revert")
    after = memory.text(PATH)
    assert "status: ready # mine\n" in after
    assert after.endswith("## Notes\nkept  as is\n\n## Rollback\ngit revert\n")
    assert "## Goal\nNew goal.\n" in after
    assert "Old goal" not in after


def test_lists_grow_and_shrink_by_their_flags(memory: Memory) -> None:
    memory.create("gh-17")
    memory.create(label=["a", "b"], ref=["r1"])
    answer = memory.update(
        add_label=["c", "a"], remove_label=["b", "never"], add_ref=["r2"], remove_ref=["r1"], add_dep=["gh-1"]
    )
    task = answer.data["task"]
    assert task["labels"] == ["a", "c"]
    assert task["refs"] == ["r2"]
    assert task["depends_on"] == ["gh-17"]
    assert answer.data["changed"] == ["labels", "refs", "depends_on"]
    assert memory.update(remove_dep=["gh-17"]).data["task"]["depends_on"] == []


def test_criteria_and_plan_items_are_added_never_replaced(memory: Memory) -> None:
    memory.create(plan=["first"])
    task = memory.update(accept=["Tables::live"], plan=["second"]).data["task"]
    assert [item["id"] for item in task["acceptance"]] == ["ac1", "ac2"]
    assert [item["key"] for item in task["plan"]] == ["s1", "s2"]


def test_budget_and_base_are_changed_part_by_part(memory: Memory) -> None:
    memory.create(budget_minutes=5)
    task = memory.update(budget_tokens=9, base="HEAD").data["task"]
    assert task["budget"] == {"minutes": 5, "tokens": 9}
    assert task["base_commit"] == memory.repo.git("rev-parse", "HEAD~1").strip()
    assert "base_commit" not in memory.update(base="none").data["task"]


def test_an_unreadable_task_is_not_changed(memory: Memory) -> None:
    memory.create()
    memory.repo.write(PATH, "no front matter\n")
    with pytest.raises(StateError) as refused:
        memory.update(priority="p0")
    assert refused.value.code == "state_invalid"
    assert refused.value.problems[0].code == "frontmatter_missing"
    assert memory.text(PATH) == "no front matter\n"


def test_unset_removes_optional_fields_and_empties_lists(memory: Memory) -> None:
    memory.create(priority="p0", label=["a"], budget_minutes=5, setup="make")
    task = memory.update(unset=["priority", "labels", "budget", "setup"]).data["task"]
    assert task["labels"] == []
    assert not {"priority", "budget", "setup"} & set(task)


@pytest.mark.parametrize("field", ["id", "acceptance", "created-at", "status", "closed_at", "nonsense"])
def test_unset_refuses_what_must_stay(memory: Memory, field: str) -> None:
    memory.create()
    with pytest.raises(StateError) as refused:
        memory.update(unset=[field])
    assert refused.value.code == "usage_invalid"


def test_a_change_of_nothing_writes_nothing(memory: Memory) -> None:
    memory.create(priority="p1")
    head = memory.head()
    answer = memory.update(priority="p1", status="ready")
    assert answer.data["changed"] == []
    assert answer.data["write"]["state"] == "unchanged"
    assert memory.head() == head


def test_an_update_of_nothing_is_a_usage_error(memory: Memory) -> None:
    memory.create()
    with pytest.raises(StateError) as refused:
        memory.update()
    assert refused.value.code == "usage_invalid"


def test_other_content_than_expected_is_refused_with_the_present_revision(memory: Memory) -> None:
    rev = memory.create().data["task"]["rev"]
    memory.update(expect_rev=rev, priority="p0")
    with pytest.raises(StateError) as refused:
        memory.update(expect_rev=rev, priority="p1")
    data = (memory.repo.root / PATH).read_bytes()
    present = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    assert refused.value.code == "record_changed"
    assert refused.value.exit_status == 5
    assert refused.value.data == {"rev": present}


def test_an_uncommitted_edit_of_a_person_is_not_overwritten(memory: Memory) -> None:
    memory.create()
    memory.repo.write(PATH, memory.text(PATH).replace("task_run records", "edited by hand"))
    with pytest.raises(StateError) as refused:
        memory.update(priority="p0")
    assert refused.value.code == "record_changed"
    assert "edited by hand" in memory.text(PATH)


@pytest.mark.parametrize(
    "request_, code, exit_status",
    [
        ({"status": "done"}, "task_close_required", 4),
        ({"status": "deployed"}, "task_transition_refused", 4),
        ({"status": "parked"}, "usage_invalid", 2),
        ({"reason": "because"}, "usage_invalid", 2),
        ({"add_dep": ["nowhere"]}, "task_not_found", 3),
        ({"title": "x" * 201}, "record_invalid", 1),
        ({"accept": ["works::vibes"]}, "accept_proof_unknown", 2),
        ({"base": "nowhere"}, "ref_not_found", 3),
    ],
)
def test_a_refused_update_leaves_the_record_alone(
    memory: Memory, request_: dict[str, Any], code: str, exit_status: int
) -> None:
    memory.create()
    head = memory.head()
    with pytest.raises(StateError) as refused:
        memory.update(**request_)
    assert (refused.value.code, refused.value.exit_status) == (code, exit_status)
    assert memory.head() == head
    assert memory.repo.git("status", "--porcelain") == ""


def test_parking_keeps_its_reason_until_the_next_status(memory: Memory) -> None:
    memory.create()
    parked = memory.update(status="parked", reason="waits for the vote").data
    assert parked["changed"] == ["status", "status_reason"]
    assert parked["task"]["status_reason"] == "waits for the vote"
    assert "status_reason" not in memory.update(status="ready").data["task"]


def test_a_criterion_added_by_the_same_update_makes_it_ready(memory: Memory) -> None:
    memory.create(accept=[])
    assert memory.update(accept=["Contract written::doc"], status="ready").data["task"]["status"] == "ready"


def test_10_11_a_dependency_that_closes_a_cycle_is_refused(memory: Memory) -> None:
    memory.create("a")
    memory.create("b", depends_on=["a"])
    memory.create("c", depends_on=["b"])
    for needed in ("b", "c", "a"):
        with pytest.raises(StateError) as refused:
            memory.update("a", add_dep=[needed])
        assert refused.value.code == "task_dependency_cycle"
        assert f"a -> {needed}" in refused.value.message
    assert memory.show("a")["task"]["depends_on"] == []


@pytest.mark.parametrize("prefix, found", [("gh-460", "gh-460"), ("gh-461", "gh-461"), ("oth", "other")])
def test_10_12_a_unique_prefix_or_an_exact_id_is_enough(memory: Memory, prefix: str, found: str) -> None:
    for task in ("gh-460", "gh-4600", "gh-461", "other"):
        memory.create(task)
    assert memory.update(prefix, priority="p3").data["task"]["id"] == found


def test_10_12_an_ambiguous_prefix_lists_its_candidates(memory: Memory) -> None:
    for task in ("gh-461", "gh-460"):
        memory.create(task)
    with pytest.raises(StateError) as refused:
        memory.update("gh-46", priority="p3")
    assert refused.value.code == "id_ambiguous"
    assert refused.value.exit_status == 3
    assert refused.value.data == {"candidates": ["gh-460", "gh-461"]}
