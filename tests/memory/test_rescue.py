"""A run dies; another goes on at its steps, once nothing is left of the first."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from platformstate.actions.brief import Brief
from platformstate.actions.claim import Wish, read_for_claim, write_claim
from platformstate.actions.rescue import rescue_task
from platformstate.runner import Lease, RunLock
from platformstate.store.change import Change

from .conftest import Memory
from .test_claims import events, lease, refused, sound


def wrapped(memory: Memory, **wanted: Any) -> str:
    """Open a run as a wrapper does; whoever holds its lock is its wrapper."""
    store = memory.store()
    folder = read_for_claim(store, "gh-460")
    wish = Wish(3600, "wrapper", **wanted)
    made = write_claim(store, folder, wish, lambda opened, _: Change("task: claim gh-460", (), opened.files))
    return str(made.opened.header["id"])


def held(memory: Memory, run: str) -> RunLock:
    """Take a run's lock; who looks from this process sees it as another's."""
    return Lease(memory.repo.root / ".git", run).take(host="h", since="2026-11-20T10:11:30Z", command="test")


def rescue(memory: Memory, actor: str = "claude", **wanted: Any) -> Brief:
    wishes = {"dry_run": wanted.pop("dry_run", False)}
    return rescue_task(memory.store(actor, **wishes), "gh-460", **wanted)


def begun(memory: Memory) -> str:
    """A task with a plan a, b, c; its wrapped run has done a and begun b."""
    memory.create(plan=["a=first", "b=second", "c=third"])
    run = wrapped(memory)
    memory.say(None, inside_run=run, step="a=done")
    memory.say("halfway through b", inside_run=run, step="b=begun", next="finish b")
    return run


def test_10_01_a_crashed_run_is_rescued_at_the_step_in_flight(memory: Memory) -> None:
    dead = begun(memory)
    brief = memory.brief().answer.data
    assert brief["condition"] == brief["run"]["condition"] == "crashed"
    assert brief["claim"]["state"] == "dead"
    step = brief["next"]["step"]
    assert (step["step_index"], step["key"], step["outcome"], step["total"]) == (1, "b", "in_flight", 3)
    base = memory.head()

    made = rescue(memory)

    data = made.answer.data
    assert memory.repo.git("rev-parse", "HEAD~1").strip() == base
    assert (data["dead_run"], data["proof"]["kind"], data["fence"]) == (dead, "lock_free", 2)
    old, new = memory.show()["runs"]
    assert (old["status"], old["reason"]) == ("aborted", "crashed")
    assert (new["rescues"], new["fence"], new["attempt"], new["actor"]) == (dead, 2, 2, "claude")
    pins = [f"state/tasks/gh-460/runs/{run}/resolved_steps.json" for run in (dead, data["run"])]
    assert memory.text(pins[0]) == memory.text(pins[1])
    headers = [memory.store().read(f"state/tasks/gh-460/runs/{r}/run.md").meta for r in (dead, data["run"])]
    assert headers[0]["steps"] == headers[1]["steps"]
    assert headers[1]["steps"]["sha256"] == sha256(memory.text(pins[1]).encode()).hexdigest()
    assert events(memory, dead)[-1]["in_flight"] == {"step_index": 1, "attempt": 1}
    after = data["brief"]["next"]
    assert (after["action"], after["step"]["key"], after["step"]["outcome"]) == ("finish b", "b", "none")
    assert made.text.startswith("# Brief gh-460\n")
    assert memory.say(None, actor="claude", step="b=done").data["run"] == data["run"]
    assert sound(memory)


def test_the_rescue_is_told_by_a_mechanical_checkpoint(memory: Memory) -> None:
    dead = begun(memory)
    memory.repo.write("src/a.py", "a = 2\n")
    data = rescue(memory).answer.data
    said = next(c for c in data["brief"]["recent"] if c["id"] == data["checkpoint"])
    assert (said["kind"], said["author"], said["run"]) == ("rescue", "claude", data["run"])
    text = memory.text(said["path"])
    assert f"took over from {dead} of codex: lock_free" in text
    assert f"its last commit: {memory.repo.git('rev-parse', 'HEAD~2').strip()}" in text
    assert "contradicted: dirty" in text


def test_10_02_a_run_is_alive_while_its_lock_is_held(memory: Memory) -> None:
    dead = begun(memory)
    head = memory.head()
    with held(memory, dead):
        assert memory.brief().answer.data["condition"] is None
        error = refused(lambda: rescue(memory))
        assert (error.code, error.exit_status) == ("run_alive", 5)
        memory.ticks += 7200
        assert memory.show()["claim"]["state"] == "expired"
        assert memory.brief().answer.data["condition"] is None
        assert refused(lambda: memory.claim(actor="claude")).code == "run_alive"
    assert memory.head() == head
    assert rescue(memory).answer.data["proof"]["kind"] == "lock_free"


@contextmanager
def orphan(run: str) -> Iterator[int]:
    """A process that is nobody's child here and names a run in its environment, as an agent's does."""
    made = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"],
        env={**os.environ, "PLATFORMSTATE_RUN": run},
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(made.stdout)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        while (
            Path(f"/proc/{pid}/environ").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
        ):
            time.sleep(0.005)


def test_10_02_an_orphan_that_names_the_run_keeps_it_alive(memory: Memory) -> None:
    dead = begun(memory)
    held(memory, dead).close()
    with orphan(dead) as pid:
        error = refused(lambda: rescue(memory))
        assert error.code == "run_alive"
        assert (error.data or {})["holders"] == [pid]
    assert rescue(memory).answer.data["dead_run"] == dead


def test_10_02_a_live_run_that_was_merged_into_another_clone_is_alive_there(
    memory: Memory, tmp_path: Path
) -> None:
    dead = begun(memory)
    memory.repo.git("clone", "-q", str(memory.repo.root), str(tmp_path / "clone"))
    with held(memory, dead):
        memory.repo.root = tmp_path / "clone"
        assert refused(lambda: rescue(memory)).code == "run_alive"
        memory.ticks += 7200
        assert rescue(memory).answer.data["proof"]["kind"] == "lease_expired"


def test_a_run_of_an_earlier_boot_is_dead(memory: Memory) -> None:
    memory.create()
    run = memory.claim().data["run"]
    path = f"state/tasks/gh-460/runs/{run}/events.jsonl"
    boot = lease(memory)["boot_id"]
    text = memory.text(path)
    shutil.rmtree(memory.repo.root / f"state/tasks/gh-460/runs/{run}")
    memory.repo.git("rm", "-rq", "--cached", f"state/tasks/gh-460/runs/{run}")
    from platformstate.codec.journal import ZERO_HASH, encode

    rows = [json.loads(line) for line in text.replace(boot, "0" * 16).splitlines()]
    memory.repo.write(
        path,
        encode([{k: v for k, v in r.items() if k not in ("h", "seq")} for r in rows], seq=0, h=ZERO_HASH),
    )
    memory.repo.git("checkout", "-q", "HEAD", "--", f"state/tasks/gh-460/runs/{run}/run.md")
    memory.repo.commit("as it was before the machine was started anew")
    kept = memory.repo.root / ".git/platformstate/claims/gh-460.json"
    kept.write_text(kept.read_text().replace(boot, "0" * 16))
    assert memory.show()["runs"][0]["condition"] == "crashed"
    assert memory.show()["claim"]["state"] == "dead"
    assert rescue(memory).answer.data["proof"]["kind"] == "rebooted"


def test_an_operator_may_call_a_run_dead_with_a_reason(memory: Memory) -> None:
    dead = begun(memory)
    with held(memory, dead):
        for wanted, code in (
            ({"force": True}, "usage_invalid"),
            ({"reason": "why"}, "usage_invalid"),
            ({"force": True, "reason": "gone"}, "operator_required"),
        ):
            assert refused(partial(rescue, memory, **wanted)).code == code
        data = rescue(memory, "operator", force=True, reason="The host is gone.").answer.data
    assert data["proof"] == {"kind": "forced", "detail": "an operator says so: The host is gone."}
    ended = events(memory, dead)[-1]
    assert (ended["reason"], ended["because"], ended["actor"]) == ("forced", "The host is gone.", "operator")
    assert sound(memory)


def test_there_is_nothing_to_rescue_without_a_run_or_after_a_success(memory: Memory) -> None:
    memory.create()
    error = refused(lambda: rescue(memory))
    assert (error.code, error.exit_status, error.hint) == (
        "rescue_not_needed",
        4,
        "platformctl task claim gh-460",
    )
    run = memory.claim().data["run"]
    memory.release(outcome="succeeded")
    assert refused(lambda: rescue(memory)).code == "rescue_not_needed"
    assert refused(lambda: rescue(memory, run=run)).code == "rescue_not_needed"


def test_a_run_is_rescued_once(memory: Memory) -> None:
    dead = begun(memory)
    new = rescue(memory).answer.data["run"]
    error = refused(lambda: rescue(memory, run=dead))
    assert error.code in ("rescue_not_needed", "claim_held")
    assert refused(lambda: rescue(memory)).code == "run_alive"
    assert memory.show()["claim"]["run"] == new


def test_a_failed_run_can_be_rescued_and_stays_failed(memory: Memory) -> None:
    memory.create()
    memory.claim()
    memory.release(outcome="failed")
    before = memory.show()["runs"][0]
    assert rescue(memory).answer.data["proof"]["kind"] == "recorded_end"
    assert memory.show()["runs"][0] == before


def test_the_files_of_a_dead_run_on_another_branch_are_named(memory: Memory, tmp_path: Path) -> None:
    memory.create()
    memory.repo.git("worktree", "add", "-q", "-b", "codex/460", str(tmp_path / "away"))
    main, memory.repo.root = memory.repo.root, tmp_path / "away"
    run = memory.say("away").data["run"]
    memory.repo.root = main
    memory.ticks += 7200
    for wanted in ({}, {"run": run}):
        error = refused(partial(rescue, memory, **wanted))
        assert (error.code, error.exit_status) == ("rescue_wrong_branch", 4)
        assert "worktree away, on branch codex/460" in error.hint
    memory.repo.git("merge", "-q", "codex/460")
    assert rescue(memory).answer.data["dead_run"] == run


def test_a_dry_run_tells_the_proof_and_writes_nothing(memory: Memory) -> None:
    dead = begun(memory)
    head = memory.head()
    made = rescue(memory, dry_run=True)
    assert (made.answer.data["dead_run"], made.answer.data["proof"]["kind"]) == (dead, "lock_free")
    assert made.answer.data["write"]["state"] == "planned"
    assert memory.head() == head
    assert memory.show()["claim"]["state"] == "dead"


def test_what_a_kill_tore_off_the_journal_is_put_aside(memory: Memory) -> None:
    dead = begun(memory)
    path = memory.repo.root / f"state/tasks/gh-460/runs/{dead}/events.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":"2026-11-20T10:')
    data = rescue(memory).answer.data
    assert [event["type"] for event in events(memory, dead)][-2:] == ["JournalRepaired", "RunAborted"]
    assert data["proof"]["kind"] == "lock_free"
    assert sound(memory)


def test_steps_that_were_pinned_but_not_committed_are_committed_with_the_rescue(memory: Memory) -> None:
    from platformstate.actions.run_site import find_run
    from platformstate.actions.task_pin import record_task_pin, task_pin

    memory.create(plan=["a=first"])
    dead = wrapped(memory)
    store = memory.store()
    pin = task_pin(store, "gh-460")
    assert pin is not None
    record_task_pin(store, find_run(store, dead), pin)
    data = rescue(memory).answer.data
    assert data["brief"]["next"]["step"]["key"] == "a"
    assert memory.repo.git("status", "--porcelain") == ""
    assert sound(memory)


def test_what_the_old_run_wrote_after_the_rescue_is_late(memory: Memory, tmp_path: Path) -> None:
    dead = begun(memory)
    memory.repo.git("clone", "-q", str(memory.repo.root), str(tmp_path / "clone"))
    rescue(memory)
    main, memory.repo.root = memory.repo.root, tmp_path / "clone"
    memory.repo.git("checkout", "-q", "-b", "late")
    late = memory.say("nobody told me", inside_run=dead).data["checkpoint"]["id"]
    memory.repo.root = main
    memory.repo.git("pull", "-q", "--no-rebase", "--no-edit", str(tmp_path / "clone"), "late")
    assert memory.brief().answer.data["late"] == [late]


def test_a_rescue_with_a_key_is_made_once_and_answered_again(memory: Memory) -> None:
    dead = begun(memory)
    first = rescue(memory, idempotency_key="k").answer.data
    head = memory.head()
    again = rescue(memory, idempotency_key="k").answer.data
    said = ("dead_run", "proof", "run", "fence", "claim", "checkpoint")
    assert [again[name] for name in said] == [first[name] for name in said]
    assert (again["dead_run"], again["proof"]["kind"], again["commit"]) == (dead, "lock_free", None)
    assert memory.head() == head
    assert refused(lambda: rescue(memory, idempotency_key="k", ttl="5m")).code == "idempotency_conflict"
    assert refused(lambda: rescue(memory, idempotency_key="other")).code == "run_alive"
