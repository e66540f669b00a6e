"""Which status may follow which, and what a new one asks for, over the whole product of statuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.entities.kinds import RUN, TASK
from platformstate.policy.lifecycle import UPDATE
from platformstate.policy.transitions import reachable, transition_problems

TASKS = KINDS["task"].lifecycle
RUNS = KINDS["run"].lifecycle
assert TASKS is not None
assert RUNS is not None
LIVE = [{"id": "ac1", "text": "it runs", "proof": "live", "state": "met"}]
OPEN = [{"id": "ac1", "text": "it runs", "proof": "test", "state": "open"}]


def task(status: str, **fields: Any) -> Document[Any]:
    meta = {"schema": "task/1", "id": "gh-460", "status": status, "acceptance": LIVE, **fields}
    return Document(TASK, "state/tasks/gh-460/task.md", meta)  # type: ignore[arg-type]  # as far as the rules look


def codes(old: str | None, document: Document[Any]) -> list[str]:
    before = [] if old is None else [{"status": old}]
    return [problem.code for problem in transition_problems(before, document)]


@pytest.mark.parametrize("new", TASKS.states)
@pytest.mark.parametrize("old", TASKS.states)
def test_a_task_goes_only_where_its_lifecycle_leads(old: str, new: str) -> None:
    found = codes(old, task(new, status_reason="because"))
    assert found == ([] if new in reachable(TASKS.states, old) else ["task_transition_refused"])


@pytest.mark.parametrize("new", RUNS.states)
@pytest.mark.parametrize("old", RUNS.states)
def test_a_run_goes_only_where_its_lifecycle_leads(old: str, new: str) -> None:
    run: Any = {"schema": "run/1", "id": "x", "status": new}
    found = codes(old, Document(RUN, "state/tasks/gh-460/runs/x/run.md", run))
    assert found == ([] if new in reachable(RUNS.states, old) else ["run_transition_refused"])


def test_a_run_that_ended_stays_ended() -> None:
    for ended in RUNS.final:
        assert reachable(RUNS.states, ended) == {ended}
    assert reachable(TASKS.states, "retired") == {"retired"}


@pytest.mark.parametrize(
    "old, new",
    [(None, "parked"), ("ready", "parked"), ("done", "retired"), (None, "retired"), ("done", "ready")],
)
def test_parking_retiring_and_reopening_need_a_reason(old: str | None, new: str) -> None:
    assert codes(old, task(new)) == ["transition_reason_missing"]
    assert codes(old, task(new, status_reason="the vendor is late")) == []


def test_a_reopened_task_that_was_worked_on_since_has_outlived_its_reason() -> None:
    """A squashed branch that reopened a task, worked and gave it back: `ready` again, without a reason."""
    assert transition_problems([{"status": "done"}], task("ready"), worked=True) == []
    (problem,) = transition_problems([{"status": "done"}], task("parked"), worked=True)
    assert problem.code == "transition_reason_missing"


@pytest.mark.parametrize("old", [None, "intake", "parked"])
def test_ready_needs_a_criterion(old: str | None) -> None:
    assert codes(old, task("ready", acceptance=[])) == ["task_has_no_criteria"]
    assert codes(old, task("ready", acceptance=OPEN)) == []


@pytest.mark.parametrize("old, new", [("done", "deployed"), ("deployed", "observed"), ("ready", "observed")])
def test_deployed_and_observed_need_live_proof(old: str, new: str) -> None:
    assert codes(old, task(new, acceptance=OPEN)) == ["task_transition_refused"]
    assert codes(old, task(new)) == []


def test_what_did_not_change_is_not_judged_again() -> None:
    for status in TASKS.states:
        assert codes(status, task(status, acceptance=[])) == []


def test_at_a_merge_one_side_that_allows_it_is_enough() -> None:
    retired, ready = {"status": "retired"}, {"status": "ready"}
    assert transition_problems([retired, ready], task("ready")) == []
    (problem,) = transition_problems([retired, retired], task("ready"))
    assert problem.code == "task_transition_refused"
    assert "from retired to ready" in problem.message


def test_the_findings_of_a_refusal_name_where_it_may_go() -> None:
    (problem,) = transition_problems([{"status": "refining"}], task("intake"))
    assert "it may become" in problem.message
    assert problem.fix == "restore status: refining"
    assert (problem.pointer, problem.path) == ("/status", "state/tasks/gh-460/task.md")


@given(st.data())
def test_a_squashed_legal_life_is_allowed(data: st.DataObject) -> None:
    """However long a legal life is, its first and last version alone break no rule."""
    status = data.draw(st.sampled_from(("intake", "refining", "ready")))
    first = status
    for _ in range(data.draw(st.integers(0, 12))):
        following = (*TASKS.states[status], *UPDATE[status])
        if not following:
            break
        status = data.draw(st.sampled_from(following))
    assert codes(first, task(status, status_reason="because")) == []
    assert codes(None, task(status, status_reason="because")) == []
