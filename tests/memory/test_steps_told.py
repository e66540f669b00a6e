"""A plan is pinned as steps, checkpoints tell of them, and the brief shows the one at which the work stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from platformstate.actions.run_step import begin_step, end_step
from platformstate.actions.validate import Wish, validate_state
from platformstate.codec.journal import ZERO_HASH, encode
from platformstate.errors import StateError
from platformstate.store import open_store
from tests.memory.conftest import Memory

PLAN = ["a=Write the schemas::pytest -k schema", "b=Write the reader", "c=Write the docs"]


def told(memory: Memory, text: str, **more: Any) -> dict[str, Any]:
    return memory.say(None, step=text, **more).data


def journal(memory: Memory, run: str) -> list[dict[str, Any]]:
    text = memory.text(f"state/tasks/gh-460/runs/{run}/events.jsonl")
    return [json.loads(line) for line in text.splitlines()]


def types(memory: Memory, run: str) -> list[str]:
    return [event["type"] for event in journal(memory, run)]


def next_step(memory: Memory, **wanted: Any) -> dict[str, Any] | None:
    step: dict[str, Any] | None = memory.brief(**wanted).answer.data["next"]["step"]
    return step


def refused(memory: Memory, text: str, **more: Any) -> StateError:
    head = memory.head()
    with pytest.raises(StateError) as error:
        told(memory, text, **more)
    assert memory.head() == head
    assert memory.repo.git("status", "--porcelain") == ""
    return error.value


def test_the_first_step_told_opens_the_run_and_pins_the_plan_in_one_commit(memory: Memory) -> None:
    memory.create(plan=PLAN)
    head = memory.head()
    data = told(memory, "a=begun")
    assert memory.repo.git("rev-list", "--count", f"{head}..HEAD").strip() == "1"
    assert data["run_opened"] is True
    assert data["checkpoint"]["step"] == {"step_index": 0, "key": "a", "attempt": 1, "outcome": "in_flight"}
    assert types(memory, data["run"]) == ["RunDefined", "RunStarted", "ResolvedStepsRecorded", "StepStarted"]
    assert memory.repo.git("status", "--porcelain") == ""
    header = memory.text(f"state/tasks/gh-460/runs/{data['run']}/run.md")
    assert "steps: {count: 3" in header
    assert validate_state(str(memory.repo.root), Wish()).data["problems"] == []


def test_10_09_1_the_brief_shows_the_step_in_flight(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = told(memory, "a=done")["run"]
    told(memory, "b=begun")
    expected = {"run": run, "step_index": 1, "key": "b", "total": 3, "attempt": 1, "outcome": "in_flight"}
    assert next_step(memory) == {**expected, "text": "Write the reader", "verify": None}
    assert next_step(memory, at="HEAD") == next_step(memory)
    brief = memory.brief()
    assert "stop point: step 1 of 3, b, attempt 1 in flight" in brief.text
    assert "- step: Write the reader" in brief.text
    assert "--step b=done" in brief.text
    line = next(row for row in brief.answer.data["ground_truth"] if row["claim"] == "step")
    assert line["verdict"] == "confirmed"
    assert line["said"] == "step 1 b, attempt 1 in_flight"


def test_a_checkpoint_without_a_word_of_steps_says_where_the_journal_stands(memory: Memory) -> None:
    memory.create(plan=PLAN)
    told(memory, "a=begun")
    step = memory.say("half of it").data["checkpoint"]["step"]
    assert step == {"step_index": 0, "key": "a", "attempt": 1, "outcome": "in_flight"}
    told(memory, "a=done")
    step = memory.say("a pause").data["checkpoint"]["step"]
    assert step == {"step_index": 1, "key": "b", "attempt": 1, "outcome": "none"}


def test_a_step_ends_once_and_may_be_tried_again(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = told(memory, "a=begun")["run"]
    told(memory, "a=begun")
    told(memory, "a=failed", failed=["the profile is wrong"])
    step = next_step(memory)
    assert step is not None
    assert (step["key"], step["attempt"], step["outcome"]) == ("a", 2, "failed")
    told(memory, "a=done")
    assert types(memory, run)[3:] == [
        *("StepStarted", "StepUnknown", "StepStarted", "StepFailed", "StepStarted", "StepSucceeded")
    ]
    assert refused(memory, "a=done").code == "step_out_of_order"


def test_when_every_step_is_done_there_is_no_stop_point(memory: Memory) -> None:
    memory.create(plan=PLAN)
    for key in "abc":
        told(memory, f"{key}=done")
    brief = memory.brief()
    assert brief.answer.data["next"]["step"] is None
    assert "stop point: every pinned step is done" in brief.text
    assert refused(memory, "a=begun").code == "step_out_of_order"
    assert "step" not in memory.say("tidied up").data["checkpoint"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x=done", "step_not_found"),
        ("b=begun", "step_out_of_order"),
        ("a", "usage_invalid"),
        ("a=now", "usage_invalid"),
    ],
)
def test_a_step_that_is_not_next_is_refused(memory: Memory, text: str, code: str) -> None:
    memory.create(plan=PLAN)
    memory.say("start")
    assert refused(memory, text).code == code


def test_without_a_plan_there_is_no_step(memory: Memory) -> None:
    memory.create()
    assert refused(memory, "a=begun").code == "step_not_found"
    memory.say("start")
    assert refused(memory, "a=begun").code == "step_not_found"


def test_the_verbs_of_a_run_and_of_a_checkpoint_tell_of_the_same_steps(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = memory.say("start").data["run"]
    begun = begin_step(memory.store(), run).data
    assert (begun["key"], begun["outcome"], begun["verify_text"]) == ("a", "in_flight", "pytest -k schema")
    told(memory, "a=done")
    begin_step(memory.store(), run)
    assert end_step(memory.store(), run, "succeeded").data["outcome"] == "succeeded"
    step = told(memory, "c=begun")["checkpoint"]["step"]
    assert (step["key"], step["outcome"]) == ("c", "in_flight")
    assert validate_state(str(memory.repo.root), Wish()).data["problems"] == []
    assert memory.repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("wishes", [{"commit": False}, {}])
def test_steps_go_on_while_commits_wait(memory: Memory, wishes: dict[str, Any]) -> None:
    memory.create(plan=PLAN)
    run = memory.say("start").data["run"]
    if not wishes:
        memory.repo.git("checkout", "-q", "--detach")
    begin_step(memory.store(**wishes), run)
    store = memory.store(**wishes)
    from platformstate.actions.checkpoint_create import create_checkpoint

    create_checkpoint(store, {"task": "gh-460", "kind": "progress", "step": "a=done"})
    end = journal(memory, run)
    assert [event["type"] for event in end if event["type"].startswith("Step")] == [
        "StepStarted",
        "StepSucceeded",
    ]
    step = next_step(memory)
    assert step is not None
    assert step["key"] == "b"


def test_a_dry_run_and_a_repeat_tell_nothing_twice(memory: Memory) -> None:
    memory.create(plan=PLAN)
    store = open_store(memory.repo.root, actor="codex", dry_run=True)
    from platformstate.actions.checkpoint_create import create_checkpoint

    create_checkpoint(store, {"task": "gh-460", "kind": "progress", "step": "a=done"})
    assert memory.repo.git("status", "--porcelain") == ""
    first = told(memory, "a=done", idempotency_key="k")
    second = told(memory, "a=done", idempotency_key="k")
    assert (second["created"], second["checkpoint"]["id"]) == (False, first["checkpoint"]["id"])
    assert types(memory, first["run"]).count("StepSucceeded") == 1


def test_an_altered_pin_contradicts_and_is_reported(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = told(memory, "a=begun")["run"]
    path = f"state/tasks/gh-460/runs/{run}/resolved_steps.json"
    memory.repo.write(path, memory.text(path).replace("Write the reader", "Write the writer"))
    brief = memory.brief()
    assert brief.answer.error is not None
    assert [problem.code for problem in brief.answer.error.problems] == ["run_steps_mismatch"]
    line = next(row for row in brief.answer.data["ground_truth"] if row["claim"] == "step")
    assert line["verdict"] == "contradicted"
    assert brief.answer.data["next"]["step"] is None


def test_a_step_that_the_journal_does_not_know_is_contradicted(memory: Memory) -> None:
    memory.create(plan=PLAN)
    path = told(memory, "a=begun")["path"]
    memory.repo.write(path, memory.text(path).replace("attempt: 1", "attempt: 4"))
    line = next(row for row in memory.brief().answer.data["ground_truth"] if row["claim"] == "step")
    assert (line["verdict"], line["found"]) == ("contradicted", "the journal knows nothing of it")


def test_a_run_that_lost_the_task_to_a_later_claim_tells_nothing(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = told(memory, "a=begun")["run"]
    path = f"state/tasks/gh-460/runs/{run}/events.jsonl"
    later = run[:-1] + ("a" if run[-1] != "a" else "b")
    events = [{**event, "fence": 2, "run": later} for event in journal(memory, run)[:1]]
    memory.repo.write(path.replace(run, later), encode(events, seq=0, h=ZERO_HASH).decode())
    memory.repo.git("add", "state")
    memory.repo.git("commit", "-q", "--no-verify", "-m", "claim")
    assert refused(memory, "a=done", run=run).code == "claim_fenced"
    with pytest.raises(StateError, match="another run has claimed"):
        end_step(memory.store(), run, "succeeded")
