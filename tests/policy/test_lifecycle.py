"""Which status an update may set: the full product of status and target."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from platformstate.core.catalog import KINDS
from platformstate.entities.task import STATUSES
from platformstate.errors import StateError
from platformstate.policy import lifecycle

# 10-memory §2.1, the row of `update --status`, written a second time on purpose.
ALLOWED = {
    "intake": "refining ready retired parked",
    "refining": "ready retired parked",
    "ready": "refining parked",
    "implementation": "review parked",
    "review": "implementation parked",
    "blocked": "parked",
    "parked": "refining ready retired",
    "done": "deployed retired",
    "deployed": "observed retired",
    "observed": "maintained retired",
    "maintained": "retired",
    "retired": "",
}
LIVE = {"id": "ac1", "text": "t", "proof": "live", "state": "met"}


def meta(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "gh-460", "status": status, "acceptance": [LIVE], **more}


@pytest.mark.parametrize("status, target", list(product(STATUSES, STATUSES)))
def test_an_update_goes_only_the_ways_of_the_table(status: str, target: str) -> None:
    def change() -> dict[str, Any]:
        return lifecycle.status_changes(meta(status), target, "because")

    if target == status:
        assert change() == {"status_reason": "because"}
    elif target in ALLOWED[status].split():
        assert change() == {"status": target, "status_reason": "because"}
    else:
        with pytest.raises(StateError) as refused:
            change()
        expected = "task_close_required" if target == "done" else "task_transition_refused"
        assert refused.value.code == expected
        assert refused.value.exit_status == 4
        assert ", ".join(lifecycle.UPDATE[status]) in refused.value.message


@pytest.mark.parametrize("status", STATUSES)
def test_every_way_of_an_update_is_a_way_of_the_schema(status: str) -> None:
    table = KINDS["task"].lifecycle
    assert table is not None
    assert set(lifecycle.UPDATE[status]) <= set(table.states[status])


@pytest.mark.parametrize("target", ["parked", "retired"])
def test_parking_and_retiring_need_a_reason(target: str) -> None:
    with pytest.raises(StateError) as refused:
        lifecycle.status_changes(meta("intake"), target, None)
    assert refused.value.code == "usage_invalid"
    assert "--reason" in refused.value.hint


def test_the_reason_goes_with_the_status_that_it_explained() -> None:
    parked = meta("parked", status_reason="waits for the vote")
    assert lifecycle.status_changes(parked, "ready", None) == {"status": "ready", "status_reason": None}


@pytest.mark.parametrize("status, target", [("done", "deployed"), ("deployed", "observed")])
@pytest.mark.parametrize("change", [{"proof": "test"}, {"state": "open"}, {"state": "waived"}])
def test_deployed_and_observed_need_a_met_live_criterion(
    status: str, target: str, change: dict[str, str]
) -> None:
    task = meta(status, acceptance=[{**LIVE, **change}])
    with pytest.raises(StateError) as refused:
        lifecycle.status_changes(task, target, None)
    assert refused.value.code == "task_transition_refused"


def test_ready_needs_a_criterion() -> None:
    with pytest.raises(StateError) as refused:
        lifecycle.status_changes(meta("intake", acceptance=[]), "ready", None)
    assert refused.value.code == "task_has_no_criteria"
    assert "--accept" in refused.value.hint


@pytest.mark.parametrize(
    "asked, criteria, status",
    [(None, 1, "ready"), (None, 0, "intake"), ("intake", 1, "intake"), ("refining", 0, "refining")],
)
def test_a_new_task_is_ready_when_it_says_what_proves_it(
    asked: str | None, criteria: int, status: str
) -> None:
    assert lifecycle.status_at_creation(asked, [LIVE] * criteria) == status


@pytest.mark.parametrize(
    "asked, code", [("ready", "task_has_no_criteria"), ("done", "task_transition_refused")]
)
def test_a_new_task_cannot_skip_what_its_status_asks_for(asked: str, code: str) -> None:
    with pytest.raises(StateError) as refused:
        lifecycle.status_at_creation(asked, [])
    assert refused.value.code == code


@pytest.mark.parametrize("status", STATUSES)
def test_work_starts_only_from_ready_implementation_and_review(status: str) -> None:
    if status in ("ready", "implementation", "review"):
        lifecycle.refuse_start(meta(status))
        return
    with pytest.raises(StateError) as refused:
        lifecycle.refuse_start(meta(status))
    assert refused.value.code == "task_not_ready"
    assert refused.value.exit_status == 4
    assert refused.value.hint
