"""Which tasks can be taken up now (scenario 11)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platformstate.entities.task import STATUSES
from platformstate.errors import StateError
from platformstate.policy import ready


def task(name: str, *needs: str, status: str = "ready", **more: Any) -> dict[str, Any]:
    criteria = [{"id": "ac1", "state": "open"}]
    return {
        "id": name,
        "status": status,
        "acceptance": criteria,
        "depends_on": list(needs),
        "created_at": "2026-11-20T10:11:30Z",
        **more,
    }


def known(*tasks: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {meta["id"]: meta for meta in tasks}


def test_a_ready_task_with_a_criterion_and_no_dependency_is_ready() -> None:
    assert ready.not_ready("a", known(task("a"))) == ()


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "ready"])
def test_only_the_status_ready_is_ready(status: str) -> None:
    assert ready.not_ready("a", known(task("a", status=status))) == (ready.Reason("status", "a"),)


@pytest.mark.parametrize("status", STATUSES)
def test_a_dependency_holds_back_until_it_is_done(status: str) -> None:
    reasons = ready.not_ready("a", known(task("a", "b"), task("b", status=status)))
    done = status in ("done", "deployed", "observed", "maintained")
    assert reasons == (() if done else (ready.Reason("dependency_open", "b"),))


def test_missing_dependency_claim_and_criteria_are_reasons_of_their_own() -> None:
    tasks = known(task("a", "gone", acceptance=[]))
    codes = [reason.code for reason in ready.not_ready("a", tasks, claimed=["a"])]
    assert codes == ["claimed", "no_criteria", "dependency_missing"]


def test_members_of_a_cycle_are_not_ready() -> None:
    tasks = known(task("a", "b"), task("b", "c"), task("c", "a"))
    assert ready.Reason("dependency_cycle", "a") in ready.not_ready("a", tasks)
    assert ready.cycle_through("a", tasks) == ["a", "b", "c", "a"]


def test_a_cycle_further_down_is_not_the_tasks_own() -> None:
    tasks = known(task("a", "b"), task("b", "c"), task("c", "b"))
    assert ready.cycle_through("a", tasks) == []


def test_a_refused_cycle_shows_its_path() -> None:
    with pytest.raises(StateError) as refused:
        ready.refuse_cycle("a", known(task("a", "b"), task("b", "a")))
    assert refused.value.code == "task_dependency_cycle"
    assert refused.value.exit_status == 4
    assert "a -> b -> a" in refused.value.message


def test_tasks_are_offered_by_priority_then_age_then_id() -> None:
    tasks = [
        task("young", priority="p1", created_at="2026-11-21T00:00:00Z"),
        task("b", priority="p1"),
        task("a", priority="p1"),
        task("unsaid"),
        task("urgent", priority="p0", created_at="2026-12-01T00:00:00Z"),
    ]
    assert [meta["id"] for meta in ready.in_order(tasks)] == ["urgent", "a", "b", "young", "unsaid"]


names = st.sampled_from("abcdef")


@given(st.dictionaries(names, st.lists(names, unique=True, max_size=4), min_size=1))
def test_a_cycle_is_found_exactly_when_a_task_reaches_itself(edges: dict[str, list[str]]) -> None:
    tasks = known(*(task(name, *needs) for name, needs in edges.items()))
    for name in edges:
        reached, found = set(), set(edges[name])
        while found - reached:
            reached |= found
            found = {needed for one in reached for needed in edges.get(one, ())} | found
        path = ready.cycle_through(name, tasks)
        assert bool(path) is (name in reached)
        assert all(after in edges[before] for before, after in itertools.pairwise(path))
