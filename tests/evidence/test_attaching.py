"""`task update --evidence`: what holds and fits makes a criterion met; nothing is ever taken away."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.task_update import update_task
from platformstate.errors import StateError
from tests.memory.conftest import Memory


def criteria(memory: Memory) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = memory.show()["task"]["acceptance"]
    return found


def test_evidence_that_holds_and_fits_makes_its_criterion_met(memory: Memory) -> None:
    memory.create(accept=["One::doc", "Two::test"])
    answer = memory.update(evidence=["ac1=file:docs/spec.md", "AC2=cmd:true"])
    assert answer.data["changed"] == ["acceptance"]
    assert [one["state"] for one in criteria(memory)] == ["met", "met"]
    proof = criteria(memory)[1]["evidence"][0]["proof"]
    named = memory.repo.git("show", "--name-only", "--format=", "HEAD").split()
    assert named == [proof, "state/tasks/gh-460/task.md"]


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        ("ac1=cmd:true", "evidence_wrong_type"),
        ("ac1=file:docs/absent.md", "evidence_not_on_target"),
        ("ac2=cmd:false", "command_failed"),
    ],
)
def test_what_does_not_hold_or_fit_is_refused_and_nothing_is_written(
    memory: Memory, evidence: str, code: str
) -> None:
    memory.create(accept=["One::doc", "Two::test"])
    head = memory.head()
    with pytest.raises(StateError) as refused:
        memory.update(evidence=[evidence], priority="p0")
    assert (refused.value.code, refused.value.exit_status) == ("evidence_refused", 4)
    assert [(row.criterion, row.code) for row in refused.value.problems] == [(evidence[:3], code)]
    assert memory.head() == head


def test_an_address_is_a_pointer_and_proves_nothing(memory: Memory) -> None:
    memory.create()
    memory.update(evidence=["ac1=url:https://example.org/page"])
    assert criteria(memory)[0]["state"] == "open"
    memory.update(evidence=["ac1=file:docs/spec.md"])
    assert criteria(memory)[0]["state"] == "met"
    assert [item["type"] for item in criteria(memory)[0]["evidence"]] == ["url", "file"]


def test_a_dry_run_runs_no_command_and_attaches_nothing(memory: Memory) -> None:
    memory.create(accept=["One::test"])
    store = memory.store("operator", dry_run=True)
    answer = update_task(store, "gh-460", {"evidence": ["ac1=cmd:touch ran"], "priority": "p0"})
    assert answer.data["changed"] == ["priority"]
    assert not (memory.repo.root / "ran").exists()


def test_deployed_and_observed_need_live_proof_or_bring_it(memory: Memory) -> None:
    memory.create()
    memory.update(evidence=["ac1=file:docs/spec.md"])
    text = memory.text("state/tasks/gh-460/task.md").replace("status: ready", "status: done")
    text = text.replace("created_by: operator\n", 'created_by: operator\nclosed_at: "2026-11-20T10:30:00Z"\n')
    memory.repo.write("state/tasks/gh-460/task.md", text)
    memory.repo.commit()
    with pytest.raises(StateError) as refused:
        memory.update(status="deployed")
    assert refused.value.code == "task_transition_refused"
    with pytest.raises(StateError) as refused:
        memory.update(status="deployed", evidence=["file:docs/spec.md"])
    assert refused.value.problems[0].code == "evidence_wrong_type"
    memory.update(status="deployed", evidence=["operator:rolled out to all hosts"])
    added = criteria(memory)[1]
    assert (added["id"], added["text"], added["proof"], added["state"]) == (
        "ac2",
        "It is deployed",
        "live",
        "met",
    )
    memory.update(status="observed")
    assert memory.show()["task"]["status"] == "observed"


def test_evidence_for_what_is_settled_or_not_named_is_refused(memory: Memory) -> None:
    memory.create(accept=["One::doc", "Two::doc"])
    for evidence, code in (
        ("file:docs/spec.md", "evidence_criterion_missing"),
        ("ac9=file:docs/spec.md", "criterion_not_found"),
        ("ac1=operator:", "usage_invalid"),
    ):
        with pytest.raises(StateError) as refused:
            memory.update(evidence=[evidence])
        assert refused.value.code == code
