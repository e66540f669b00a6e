"""Which run a checkpoint stands in, and how a first one opens it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from platformstate.codec.journal import chain_problems
from platformstate.errors import StateError
from platformstate.policy.journal import fold
from platformstate.store import open_store

from .conftest import Memory


def journal(memory: Memory, run: str) -> list[dict[str, object]]:
    text = memory.text(f"state/tasks/gh-460/runs/{run}/events.jsonl")
    return [json.loads(line) for line in text.splitlines()]


def test_the_first_checkpoint_opens_its_run_and_starts_the_task_in_one_commit(memory: Memory) -> None:
    memory.create()
    base = memory.head()
    answer = memory.say()
    run = answer.data["run"]
    folder = f"state/tasks/gh-460/runs/{run}"
    assert answer.data["run_opened"] is True
    assert memory.repo.git("rev-parse", "HEAD~1").strip() == base
    shown = memory.repo.git("show", "--name-status", "--format=", "HEAD").split("\n")[:-1]
    assert sorted(shown) == sorted(
        [
            f"A\t{answer.data['path']}",
            f"A\t{folder}/events.jsonl",
            f"A\t{folder}/run.md",
            "M\tstate/tasks/gh-460/task.md",
        ]
    )
    assert memory.show()["task"]["status"] == "implementation"


def test_the_journal_says_who_began_where_and_under_which_fence(memory: Memory) -> None:
    memory.create()
    base = memory.head()
    run = memory.say().data["run"]
    defined, started = journal(memory, run)
    assert defined["type"] == "RunDefined"
    assert defined["subject"] == "task/gh-460"
    assert (defined["actor"], defined["attempt"], defined["coupling"]) == ("codex", 1, "none")
    assert (defined["worktree"], defined["branch"], defined["base_commit"]) == ("main", "main", base)
    assert defined["fence"] == 1
    assert started["type"] == "RunStarted"
    assert set(started["holder"]) == {"actor", "boot_id", "clone", "host", "pid"}  # type: ignore[call-overload]
    assert chain_problems(list(enumerate([defined, started], 1)), "events.jsonl") == ()


def test_the_header_equals_the_folded_journal(memory: Memory) -> None:
    memory.create()
    run = memory.say().data["run"]
    header = memory.store().read(f"state/tasks/gh-460/runs/{run}/run.md")
    assert dict(fold(journal(memory, run)).header) == dict(header.meta)


@pytest.mark.parametrize("status", ["implementation", "review"])
def test_a_started_task_keeps_its_status(memory: Memory, status: str) -> None:
    memory.create()
    memory.say()
    if status == "review":
        memory.update(status="review")
    memory.release(outcome="succeeded")
    assert memory.say(actor="claude").data["run_opened"] is True
    assert memory.show()["task"]["status"] == status


@pytest.mark.parametrize("status, reason", [("refining", None), ("parked", "later")])
def test_a_task_that_is_not_ready_takes_no_run(memory: Memory, status: str, reason: str | None) -> None:
    memory.create()
    memory.update(status=status, **({} if reason is None else {"reason": reason}))
    with pytest.raises(StateError) as refused:
        memory.say()
    assert refused.value.code == "task_not_ready"
    assert refused.value.exit_status == 4
    assert "--status ready" in refused.value.hint


def test_an_open_run_goes_on_when_its_task_is_parked(memory: Memory) -> None:
    memory.create()
    memory.say()
    memory.update(status="parked", reason="later")
    assert memory.say("last word").data["run_opened"] is False


def test_each_actor_has_a_run_of_its_own_and_one_at_a_time(memory: Memory) -> None:
    memory.create()
    codex = memory.say().data
    with pytest.raises(StateError) as refused:
        memory.say(actor="claude")
    assert refused.value.code == "claim_held"
    assert (refused.value.data or {})["claim"]["run"] == codex["run"]
    assert memory.say().data["run"] == codex["run"]
    memory.release()
    assert memory.say(actor="claude").data["run"] != codex["run"]
    assert [run["attempt"] for run in memory.show()["runs"]] == [1, 2]


def test_a_linked_worktree_has_a_run_of_its_own(memory: Memory, tmp_path: Path) -> None:
    memory.create()
    here = memory.say().data["run"]
    memory.repo.git("worktree", "add", "-q", "-b", "codex/460", str(tmp_path / "linked"))
    main, memory.repo.root = memory.repo.root, tmp_path / "linked"
    with pytest.raises(StateError) as refused:
        memory.say()
    assert refused.value.code == "claim_held"
    memory.repo.root = main
    memory.release()
    memory.repo.root = tmp_path / "linked"
    there = memory.say().data
    assert there["run"] != here
    assert there["run_opened"] is True
    opened = journal(memory, there["run"])[0]
    assert (opened["worktree"], opened["fence"]) == ("linked", 2)
    assert memory.say().data["run"] == there["run"]
    memory.repo.root = main
    with pytest.raises(StateError) as fenced:
        memory.say(run=here)
    assert (fenced.value.code, fenced.value.retryable) == ("claim_fenced", False)


def test_another_clone_does_not_go_on_with_the_run(memory: Memory, tmp_path: Path) -> None:
    memory.create()
    run = memory.say().data["run"]
    memory.repo.git("clone", "-q", str(memory.repo.root), str(tmp_path / "clone"))
    memory.repo.root = tmp_path / "clone"
    with pytest.raises(StateError) as refused:
        memory.say()
    assert refused.value.code == "claim_held"
    memory.release()
    assert memory.say().data["run"] != run


def test_a_named_run_is_used_by_its_prefix(memory: Memory) -> None:
    memory.create()
    first = memory.say().data["run"]
    memory.release(outcome="succeeded")
    assert memory.say().data["run"] != first
    with pytest.raises(StateError) as fenced:
        memory.say(run=first)
    assert fenced.value.code == "claim_fenced"
    first = memory.show()["runs"][1]["id"]
    assert memory.say(run=first[:20]).data["run"] == first
    with pytest.raises(StateError) as refused:
        memory.say(run="2026")
    assert refused.value.code == "id_ambiguous"
    assert len((refused.value.data or {})["candidates"]) == 2


def test_a_checkpoint_in_the_run_of_another_is_refused(memory: Memory) -> None:
    memory.create()
    run = memory.say().data["run"]
    with pytest.raises(StateError) as refused:
        memory.say(actor="claude", run=run)
    assert refused.value.code == "checkpoint_author_mismatch"
    assert refused.value.exit_status == 4


def test_inside_a_wrapped_run_the_actor_is_the_runs(memory: Memory) -> None:
    memory.create()
    run = memory.say().data["run"]
    assert memory.say(inside_run=run).data["run"] == run
    with pytest.raises(StateError) as refused:
        memory.say(actor="claude", inside_run=run)
    assert refused.value.code == "actor_mismatch"
    with pytest.raises(StateError) as missing:
        memory.say(inside_run="20261120t000000z-aaaaaa")
    assert missing.value.code == "run_not_found"


def test_a_broken_journal_stops_its_run(memory: Memory) -> None:
    memory.create()
    run = memory.say().data["run"]
    path = f"state/tasks/gh-460/runs/{run}/events.jsonl"
    memory.repo.write(path, memory.text(path).replace('"codex"', '"claude"', 1))
    with pytest.raises(StateError) as refused:
        memory.say()
    assert refused.value.problems[0].code == "run_journal_corrupt"


def test_a_clone_without_its_id_makes_one_once(memory: Memory) -> None:
    memory.create()
    memory.say()
    kept = memory.repo.root / ".git/platformstate/clone-id"
    made = kept.read_text()
    memory.release()
    memory.say(actor="claude")
    assert kept.read_text() == made
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_dry_run_opens_nothing(memory: Memory) -> None:
    from platformstate.actions.checkpoint_create import create_checkpoint

    memory.create()
    head = memory.head()
    store = open_store(memory.repo.root, actor="codex", dry_run=True)
    answer = create_checkpoint(store, {"task": "gh-460", "kind": "start", "exec": ["touch executed"]})
    assert answer.data["write"]["state"] == "planned"
    assert memory.head() == head
    assert not (memory.repo.root / "executed").exists()
    assert not (memory.repo.root / ".git/platformstate/clone-id").exists()


def test_branches_that_each_add_a_checkpoint_merge_without_conflict(memory: Memory) -> None:
    memory.create()
    memory.say()
    base = memory.head()
    branches = [f"b{number}" for number in range(5)]
    for branch in branches:
        memory.repo.git("checkout", "-q", "-b", branch, base)
        memory.say(branch)
    memory.repo.git("checkout", "-q", "main")
    for branch in branches:
        memory.repo.git("merge", "-q", "--no-edit", branch)
    shutil.rmtree(memory.repo.root / ".git/platformstate/journal", ignore_errors=True)
    assert memory.show()["runs"][0]["checkpoints"] == 6
