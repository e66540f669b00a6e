"""An agent's run that nobody conducts is aborted where it stands, whether its task has a plan or none."""

from __future__ import annotations

import json

import pytest

from platformstate.actions.run_show import verify_run
from platformstate.actions.run_stop import abort_run
from platformstate.errors import StateError

from .conftest import Memory


@pytest.mark.parametrize("plan", [None, ["a=first", "b=second"]], ids=["no plan", "a plan"])
def test_an_aborted_run_gives_its_task_and_its_claim_back(memory: Memory, plan: list[str] | None) -> None:
    memory.create(**({} if plan is None else {"plan": plan}))
    run = memory.claim().data["run"]
    if plan is not None:
        memory.say(None, step="a=begun")
    answer = abort_run(memory.store(), run, reason="no longer wanted")
    assert (answer.data["status"], answer.data["reason"], answer.data["pending"]) == (
        "aborted",
        "aborted",
        False,
    )
    journal = memory.text(f"state/tasks/gh-460/runs/{run}/events.jsonl").splitlines()
    last = json.loads(journal[-1])
    assert (last["type"], last["because"], last["actor"]) == ("RunAborted", "no longer wanted", "codex")
    assert last.get("in_flight") == (None if plan is None else {"step_index": 0, "attempt": 1})
    shown = memory.show()
    assert (shown["task"]["status"], shown["runs"][0]["status"]) == ("ready", "aborted")
    assert (shown["claim"] or {}).get("state", "released") == "released"
    assert verify_run(memory.store(), run).error is None
    assert memory.repo.git("status", "--porcelain") == ""
    assert memory.claim(actor="claude").data["run"] != run


def test_only_its_actor_and_operators_abort_an_agents_run(memory: Memory) -> None:
    memory.create()
    run = memory.claim().data["run"]
    with pytest.raises(StateError) as refused:
        abort_run(memory.store("claude"), run, reason="mine now")
    assert refused.value.code == "operator_required"
    assert abort_run(memory.store("operator"), run, reason="enough").data["status"] == "aborted"
    with pytest.raises(StateError) as ended:
        abort_run(memory.store("operator"), run, reason="again")
    assert ended.value.code == "run_transition_refused"
