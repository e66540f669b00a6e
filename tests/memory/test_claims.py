"""Who may work on a task: claims, their renewal, their loss, and what others may do meanwhile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from platformstate.actions.checkpoint_create import create_checkpoint
from platformstate.actions.claim import claim_task
from platformstate.actions.release import release_task
from platformstate.actions.run_show import list_runs
from platformstate.actions.run_step import begin_step, end_step
from platformstate.actions.task_list import list_tasks
from platformstate.actions.task_ready import ready_answer
from platformstate.actions.task_show import show_task
from platformstate.actions.task_update import update_task
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from platformstate.store import Store, open_store

from .conftest import Memory


def refused(call: Callable[[], object]) -> StateError:
    with pytest.raises(StateError) as caught:
        call()
    return caught.value


def lease(memory: Memory, task: str = "gh-460") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(memory.text(f".git/platformstate/claims/{task}.json"))
    return loaded


def events(memory: Memory, run: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in memory.text(f"state/tasks/gh-460/runs/{run}/events.jsonl").splitlines()
    ]


def sound(memory: Memory) -> bool:
    answer = validate_state(str(memory.repo.root), Wish())
    assert answer.error is None, answer.data
    return True


def test_a_claim_opens_a_run_and_starts_the_task_in_one_commit(memory: Memory) -> None:
    memory.create()
    base = memory.head()
    data = memory.claim().data
    assert memory.repo.git("rev-parse", "HEAD~1").strip() == base
    assert memory.repo.git("log", "-1", "--format=%s").strip() == "task: claim gh-460"
    claim = data["claim"]
    assert (claim["run"], claim["actor"], claim["fence"], claim["state"]) == (data["run"], "codex", 1, "live")
    assert (claim["ttl_s"], claim["worktree"], claim["branch"], claim["remote"]) == (
        3600,
        "main",
        "main",
        None,
    )
    assert (data["renewed"], data["replaced"]) == (False, None)
    task = memory.show()["task"]
    assert (task["status"], task["agent"]) == ("implementation", "codex")
    assert events(memory, data["run"])[0]["fence"] == 1
    assert "fence: 1" in memory.text(f"state/tasks/gh-460/runs/{data['run']}/run.md")
    assert sound(memory)


def test_the_lease_names_who_holds_it_where_and_for_how_long(memory: Memory) -> None:
    memory.create()
    run = memory.claim(ttl="90s").data["run"]
    kept = lease(memory)
    assert kept["schema"] == "claim/1"
    assert (kept["task"], kept["run"], kept["fence"], kept["ttl_s"]) == ("gh-460", run, 1, 90)
    assert (kept["released_at"], kept["remote"]) == (None, None)
    assert memory.repo.git("status", "--porcelain") == ""


def test_how_long_a_claim_lasts_can_be_configured(memory: Memory) -> None:
    memory.create()
    memory.repo.git("config", "platformstate.claimTtl", "2h")
    assert memory.claim().data["claim"]["ttl_s"] == 7200


def test_a_claimed_task_is_held_also_against_the_same_name(memory: Memory) -> None:
    memory.create()
    first = memory.claim().data
    head = memory.head()
    for actor in ("codex", "claude", "operator"):
        error = refused(partial(memory.claim, actor=actor))
        assert (error.code, error.exit_status, error.retryable) == ("claim_held", 5, True)
        assert (error.data or {})["claim"]["run"] == first["run"]
    assert memory.head() == head


@pytest.mark.parametrize("named", ["run", "inside_run"])
def test_the_run_that_holds_a_claim_renews_it(memory: Memory, named: str) -> None:
    memory.create()
    first = memory.claim(ttl="10m").data
    head = memory.head()
    memory.ticks += 300
    again = memory.claim(ttl="20m", **{named: first["run"]}).data
    assert (again["renewed"], again["run"], again["commit"]) == (True, first["run"], None)
    assert again["claim"]["ttl_s"] == 1200
    assert again["claim"]["expires_at"] > first["claim"]["expires_at"]
    assert lease(memory)["expires_at"] == again["claim"]["expires_at"]
    assert memory.head() == head


def test_a_claim_in_the_name_of_anothers_run_is_refused(memory: Memory) -> None:
    memory.create()
    run = memory.claim().data["run"]
    assert refused(lambda: memory.claim(actor="claude", run=run)).code == "actor_mismatch"
    assert refused(lambda: memory.claim(run="1999")).code == "run_not_found"


def test_what_the_run_records_renews_its_claim(memory: Memory) -> None:
    memory.create(plan=["a=do it"])
    run = memory.claim(ttl="10m").data["run"]
    ends = [lease(memory)["expires_at"]]
    memory.ticks += 60
    said = memory.say("at work").data
    ends.append(lease(memory)["expires_at"])
    assert said["claim"]["expires_at"] == ends[-1]
    memory.ticks += 60
    begin_step(memory.store(), run)
    ends.append(lease(memory)["expires_at"])
    memory.ticks += 60
    end_step(memory.store(), run, "succeeded")
    ends.append(lease(memory)["expires_at"])
    assert ends == sorted(set(ends))


def test_what_an_observer_writes_renews_nothing(memory: Memory) -> None:
    memory.create()
    run = memory.claim().data["run"]
    before = lease(memory)
    memory.say("seen", actor="operator", on_behalf_of="codex", run=run)
    assert lease(memory) == before


def test_a_silent_run_is_stalled_and_the_next_claim_goes_on_from_it(memory: Memory) -> None:
    memory.create(plan=["a=first", "b=second"])
    dead = memory.claim(ttl="5m").data["run"]
    memory.say(None, step="a=done")
    memory.say(None, step="b=begun")
    memory.ticks += 301
    shown = memory.show()
    assert (shown["claim"]["state"], shown["runs"][0]["condition"]) == ("expired", "stalled")
    assert list_runs(memory.store()).data["runs"][0]["condition"] == "stalled"
    base = memory.head()
    made = memory.claim(actor="claude").data
    assert memory.repo.git("rev-parse", "HEAD~1").strip() == base
    assert made["replaced"] == {"run": dead, "proof": "lease_expired"}
    old, new = memory.show()["runs"]
    assert (old["status"], old["reason"], old["condition"]) == ("aborted", "stalled", None)
    assert (new["attempt"], new["fence"], new["rescues"]) == (2, 2, dead)
    ended = events(memory, dead)[-1]
    assert (ended["type"], ended["in_flight"]) == ("RunAborted", {"step_index": 1, "attempt": 1})
    assert ended["successor"] == made["run"]
    opened = events(memory, made["run"])
    assert [event["type"] for event in opened] == [
        "RunDefined",
        "ResolvedStepsRecorded",
        "RunStarted",
        "StepCarried",
    ]
    assert (opened[3]["step_index"], opened[3]["from_run"]) == (0, dead)
    assert sound(memory)


def test_a_run_that_comes_back_in_time_goes_on(memory: Memory) -> None:
    memory.create()
    run = memory.claim(ttl="5m").data["run"]
    memory.ticks += 400
    said = memory.say("back again").data
    assert (said["run"], said["run_opened"], said["claim"]["state"]) == (run, False, "live")
    assert memory.show()["claim"]["state"] == "live"


def test_a_first_checkpoint_takes_over_a_dead_run_as_a_claim_does(memory: Memory) -> None:
    memory.create(plan=["a=first"])
    dead = memory.claim(ttl="5m").data["run"]
    memory.say(None, step="a=begun")
    memory.ticks += 400
    said = memory.say("mine now", actor="claude", step="a=done").data
    assert said["run_opened"] is True
    old, new = memory.show()["runs"]
    assert (old["status"], new["rescues"]) == ("aborted", dead)
    assert events(memory, new["id"])[-1]["type"] == "StepSucceeded"
    assert sound(memory)


def test_an_observed_run_was_never_leased(memory: Memory) -> None:
    memory.create()
    seen = memory.say("seen", actor="operator", on_behalf_of="codex").data["run"]
    assert memory.show()["claim"] is None
    made = memory.claim(actor="claude").data
    assert made["replaced"] == {"run": seen, "proof": "never_leased"}


@pytest.mark.parametrize("damage", ["gone", "torn"])
def test_a_lease_that_is_lost_is_rebuilt_from_the_run(memory: Memory, damage: str) -> None:
    memory.create()
    run = memory.claim().data["run"]
    memory.say("at work")
    path = memory.repo.root / ".git/platformstate/claims/gh-460.json"
    if damage == "gone":
        shutil.rmtree(path.parent)
    else:
        path.write_text(path.read_text()[:40])
    claim = memory.show()["claim"]
    assert (claim["run"], claim["fence"], claim["state"]) == (run, 1, "live")
    assert list_tasks(memory.store()).data["tasks"][0]["claim"] == claim
    assert refused(lambda: memory.claim(actor="claude")).code == "claim_held"
    memory.say("still here")
    assert lease(memory)["run"] == run
    memory.release()
    shutil.rmtree(path.parent)
    assert memory.show()["claim"]["state"] == "released"
    assert memory.claim().data["claim"]["fence"] == 2


def test_10_04_the_old_run_may_say_nothing_more_after_a_rescue(memory: Memory, tmp_path: Path) -> None:
    memory.create(plan=["a=first"])
    memory.repo.git("config", "platformstate.operator", "ann")
    old = memory.claim(ttl="5m").data["run"]
    memory.say("one")
    memory.repo.git("worktree", "add", "-q", "-b", "away", str(tmp_path / "away"))
    memory.ticks += 400
    memory.claim(actor="claude")
    head = memory.head()
    said: dict[str, Any] = {"task": "gh-460", "kind": "progress", "summary": "late"}
    calls = (
        lambda: memory.say("late", run=old),
        lambda: memory.say("late", inside_run=old),
        lambda: create_checkpoint(open_store(tmp_path / "away", actor="codex"), said | {"run": old}),  # type: ignore[arg-type]
        lambda: begin_step(open_store(tmp_path / "away", actor="codex"), old),
        lambda: claim_task(open_store(tmp_path / "away", actor="codex"), "gh-460", run=old),
    )
    for call in calls:
        error = refused(call)
        assert (error.code, error.exit_status, error.retryable) == ("claim_fenced", 5, False)
    assert memory.head() == head
    assert memory.repo.git("status", "--porcelain") == ""


def test_inside_a_fenced_run_nothing_is_updated_or_released(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.create()
    old = memory.claim(ttl="5m").data["run"]
    memory.ticks += 400
    memory.claim(actor="claude")
    monkeypatch.setenv("PLATFORMSTATE_RUN", old)
    store = memory.store()
    assert refused(lambda: update_task(store, "gh-460", {"priority": "p0"})).code == "claim_fenced"
    assert refused(lambda: release_task(store, "gh-460")).code == "claim_fenced"


def test_a_claimed_task_is_updated_by_its_holder_and_by_operators(memory: Memory) -> None:
    memory.create()
    memory.claim()
    assert update_task(memory.store("codex"), "gh-460", {"priority": "p0"}).data["changed"] == ["priority"]
    assert memory.update(priority="p1").data["changed"] == ["priority"]
    error = refused(lambda: update_task(memory.store("claude"), "gh-460", {"priority": "p3"}))
    assert (error.code, error.exit_status) == ("claim_held", 5)
    memory.release()
    assert update_task(memory.store("claude"), "gh-460", {"priority": "p3"}).data["changed"] == ["priority"]


def test_10_13_a_released_task_is_offered_again(memory: Memory) -> None:
    memory.create()
    run = memory.claim().data["run"]
    data = memory.release(actor="codex").data
    assert (data["task"], data["run"], data["outcome"]) == ("gh-460", run, "aborted")
    shown = memory.show()
    assert (shown["task"]["status"], shown["ready"], shown["claim"]["state"]) == ("ready", True, "released")
    assert (shown["runs"][0]["status"], shown["runs"][0]["reason"]) == ("aborted", "released")
    receipt = json.loads(memory.text(f"state/tasks/gh-460/runs/{run}/run_receipt.json"))
    assert (receipt["status"], receipt["reason"]) == ("aborted", "released")
    assert "gh-460 aborted" in memory.text(f"state/tasks/gh-460/runs/{run}/summary.md")
    claimed = ready_answer(memory.store("claude"), claim=True).data
    assert (claimed["task"], claimed["skipped"], claimed["claim"]["fence"]) == ("gh-460", [], 2)
    assert claimed["replaced"] == {"run": run, "proof": "recorded_end"}
    assert sound(memory)


@pytest.mark.parametrize(
    "outcome, status", [("failed", "ready"), ("aborted", "ready"), ("succeeded", "implementation")]
)
def test_a_release_says_how_the_run_ended(memory: Memory, outcome: str, status: str) -> None:
    memory.create()
    memory.claim()
    memory.release(outcome=outcome, reason="No more time!")
    shown = memory.show()
    assert (shown["task"]["status"], shown["runs"][0]["status"]) == (status, outcome)
    told = events(memory, shown["runs"][0]["id"])[-1]
    if outcome != "succeeded":
        assert (told["reason"], told["because"]) == ("no-more-time", "No more time!")
    assert sound(memory)


def test_only_the_holder_or_an_operator_releases(memory: Memory) -> None:
    memory.create()
    assert refused(memory.release).code == "run_not_found"
    memory.claim()
    assert refused(lambda: memory.release(actor="claude")).code == "claim_held"
    assert refused(lambda: memory.release(actor="codex", remote=True)).code == "remote_missing"
    memory.release(actor="codex")
    assert refused(memory.release).code == "run_not_found"


def test_a_step_that_is_open_at_a_success_is_unknown(memory: Memory) -> None:
    memory.create(plan=["a=first"])
    run = memory.say(None, step="a=begun").data["run"]
    memory.release(outcome="succeeded")
    assert [event["type"] for event in events(memory, run)][-2:] == ["StepUnknown", "RunSucceeded"]
    assert sound(memory)


def test_a_task_that_is_not_ready_is_not_claimed(memory: Memory) -> None:
    memory.create()
    memory.update(status="refining")
    assert refused(memory.claim).code == "task_not_ready"


def test_a_dry_run_claims_nothing(memory: Memory) -> None:
    memory.create()
    head = memory.head()
    planned = claim_task(memory.store(dry_run=True), "gh-460").data
    assert planned["write"]["state"] == "planned"
    assert memory.head() == head
    assert not (memory.repo.root / ".git/platformstate/claims").exists()


def test_a_claim_whose_commit_waits_holds_already(memory: Memory) -> None:
    memory.create()
    memory.repo.git("checkout", "-q", "--detach")
    answer = memory.claim()
    assert (answer.status, answer.data["pending"]) == (6, True)
    assert refused(lambda: memory.claim(actor="claude")).code == "claim_held"
    memory.repo.git("checkout", "-q", "main")
    memory.say("goes on")
    assert memory.show()["runs"][0]["checkpoints"] == 1


def test_a_claim_without_a_commit_holds_too(memory: Memory) -> None:
    memory.create()
    data = claim_task(memory.store(commit=False), "gh-460").data
    assert data["write"]["state"] == "files_only"
    assert lease(memory)["run"] == data["run"]


def test_10_03_two_worktrees_claim_at_once(memory: Memory, tmp_path: Path) -> None:
    memory.create()
    memory.repo.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    places = [memory.repo.root, tmp_path / "other"]
    for fence in range(1, 11):
        outcomes = race([partial(claim_at, place) for place in places])
        won = [place for place, outcome in zip(places, outcomes, strict=True) if outcome is None]
        assert sorted(map(str, outcomes)) == ["None", "claim_held"]
        assert release_task(stored(won[0]), "gh-460").data["task"] == "gh-460"
        assert lease(memory)["fence"] == fence


def claim_at(place: Path) -> object:
    return claim_task(stored(place), "gh-460")


def stored(place: Path) -> Store:
    return open_store(place, actor="operator", durability="fast")


def race(calls: list[Callable[[], object]]) -> list[str | None]:
    """Make calls at the same moment; return the code of each refusal, None for a success."""
    barrier = Barrier(len(calls))

    def one(call: Callable[[], object]) -> str | None:
        barrier.wait()
        try:
            call()
        except StateError as lost:
            return lost.code
        return None

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def test_ready_lists_by_priority_then_age_and_leaves_out_what_is_claimed(memory: Memory) -> None:
    for name, priority in (("old", "p2"), ("urgent", "p0"), ("young", "p2"), ("taken", "p0")):
        memory.create(name, priority=priority, label=["a", "b"] if name == "young" else ["a"])
    memory.create("waits", depends_on=["old"])
    memory.claim("taken")
    memory.update("taken", priority="p0")
    listed = ready_answer(memory.store()).data
    assert [row["id"] for row in listed["tasks"]] == ["urgent", "old", "young"]
    assert (listed["total"], listed["tasks"][0]["claim"]) == (3, None)
    assert len(ready_answer(memory.store(), limit=1).data["tasks"]) == 1
    assert [row["id"] for row in ready_answer(memory.store(), label=["b"]).data["tasks"]] == ["young"]
    assert ready_answer(memory.store(), agent="codex").data["tasks"] == []
    told = ready_answer(memory.store(), explain="taken").data
    assert told["reasons"] == [{"code": "status", "task": "taken"}, {"code": "claimed", "task": "taken"}]
    assert ready_answer(memory.store(), explain="urgent").data == {
        "task": "urgent",
        "ready": True,
        "reasons": [],
    }


def test_claiming_what_is_ready_goes_on_when_another_was_faster(memory: Memory) -> None:
    memory.create("a")
    memory.create("b")
    # A task that another branch's worktree claimed is ready in this one's files.
    memory.repo.git("checkout", "-q", "-b", "side")
    memory.claim("a")
    memory.repo.git("checkout", "-q", "main")
    shown = show_task(memory.store(), "a").data
    assert (shown["task"]["status"], shown["not_ready"]) == ("ready", [{"code": "claimed", "task": "a"}])
    claimed = ready_answer(memory.store("claude"), claim=True, ttl="5m").data
    assert (claimed["task"], claimed["claim"]["ttl_s"]) == ("b", 300)
    error = refused(lambda: ready_answer(memory.store("claude"), claim=True))
    assert (error.code, error.exit_status) == ("ready_empty", 1)


def test_a_ready_task_that_was_edited_by_hand_is_not_said_to_be_claimed(memory: Memory) -> None:
    memory.create("a")
    memory.create("b")
    path = "state/tasks/a/task.md"
    memory.repo.write(path, memory.text(path).replace("labels: []", "labels:\n  - mine"))
    claimed = ready_answer(memory.store("claude"), claim=True).data
    assert (claimed["task"], claimed["skipped"]) == ("b", ["a"])
    error = refused(lambda: ready_answer(memory.store("claude"), claim=True))
    assert (error.code, error.path) == ("record_changed", path)


@pytest.mark.parametrize(
    "wanted", [{"explain": "a", "claim": True}, {"ttl": "5m"}, {"claim": True, "ttl": "x"}]
)
def test_flags_of_ready_that_do_not_go_together_are_refused(memory: Memory, wanted: dict[str, Any]) -> None:
    memory.create("a")
    assert refused(lambda: ready_answer(memory.store(), **wanted)).code == "usage_invalid"


def test_the_brief_reads_where_the_holder_works(memory: Memory, tmp_path: Path) -> None:
    memory.create()
    memory.repo.git("worktree", "add", "-q", "-b", "codex/460", str(tmp_path / "away"))
    there = open_store(tmp_path / "away", actor="codex", durability="fast")
    said: dict[str, Any] = {"task": "gh-460", "kind": "progress", "summary": "done there"}
    create_checkpoint(there, said)  # type: ignore[arg-type]
    brief = memory.brief(now="2026-11-20T12:00:00Z")
    data = brief.answer.data
    assert data["recent"][0]["summary"] == "done there"
    assert data["sources"][:2] == ["worktree main", "worktree away"]
    assert data["sources"][2].startswith("branch codex/460 at ")
    assert (data["claim"]["state"], data["claim"]["worktree"]) == ("live", "away")
    assert f"claim: live, run {data['run']['id']} by codex until" in brief.text
    at = memory.brief(at="codex/460").answer.data
    assert (at["claim"], at["condition"], at["recent"][0]["summary"]) == (None, None, "done there")
    memory.repo.git("worktree", "remove", "--force", str(tmp_path / "away"))
    assert memory.brief().answer.data["recent"][0]["summary"] == "done there"


def test_a_claim_with_a_key_is_made_once_and_answered_again(memory: Memory) -> None:
    memory.create()
    first = memory.claim(idempotency_key="k").data
    head = memory.head()
    again = memory.claim(idempotency_key="k").data
    assert (again["run"], again["claim"]["fence"], again["commit"]) == (first["run"], 1, None)
    assert memory.head() == head
    assert refused(lambda: memory.claim(idempotency_key="k", ttl="5m")).code == "idempotency_conflict"
    assert refused(lambda: memory.claim(idempotency_key="other")).code == "claim_held"


def test_a_release_with_a_key_is_made_once_and_answered_again(memory: Memory) -> None:
    memory.create()
    run = memory.claim().data["run"]
    first = memory.release(outcome="failed", reason="no access", idempotency_key="k").data
    memory.claim()
    head = memory.head()
    again = memory.release(outcome="failed", reason="no access", idempotency_key="k").data
    said = ("task", "run", "outcome")
    assert [again[name] for name in said] == [first[name] for name in said] == ["gh-460", run, "failed"]
    assert (again["commit"], memory.head()) == (None, head)
    assert memory.show()["claim"]["state"] == "live"
    assert refused(lambda: memory.release(idempotency_key="k")).code == "idempotency_conflict"
    assert memory.release(idempotency_key="other").data["run"] != run
