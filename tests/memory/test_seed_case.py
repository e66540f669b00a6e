"""The case that created this rule, from an agent's death to two closed tasks, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from typing import Any

import pytest

from platformstate.actions.agent_task import StartRequest
from platformstate.actions.agent_task_wrap import WrapRequest, wrap_command
from platformstate.actions.answer import Answer
from platformstate.actions.rescue import rescue_task
from platformstate.actions.task_close import close_task
from platformstate.actions.task_criteria import move_criterion
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from tests.conftest import Repo
from tests.memory.conftest import Memory
from tests.memory.wrapping import PLAN, PROGRAM, argv, is_alive, journal, number_in, types, until
from tests.memory.wrapping import same_day as same_day

DIES = (
    f"{PROGRAM} codex-task checkpoint -q --kind progress --step a=done --next 'write the reader' && "
    f"{PROGRAM} codex-task checkpoint -q --kind progress --step b=begun && "
    "kill -KILL $PPID $$"
)

NO_LIVE_PROOF = {
    "file:docs/contract.md": "evidence_wrong_type",
    "cmd:true": "evidence_wrong_type",
    "commit:HEAD": "evidence_self_report",
    "url:https://example.org/done": "evidence_unverifiable",
}


def refused(code: str, act: Any) -> StateError:
    with pytest.raises(StateError) as error:
        act()
    assert error.value.code == code
    return error.value


def brief(memory: Memory) -> dict[str, Any]:
    found: dict[str, Any] = memory.brief().answer.data
    return found


def close(memory: Memory, task: str, *evidence: str, actor: str = "ann", docs_only: bool = False) -> Answer:
    return close_task(memory.store(actor), task, evidence=evidence, docs_only=docs_only)


def is_valid(memory: Memory) -> bool:
    return not validate_state(str(memory.repo.root), Wish()).data["problems"]


def test_10_01_the_seeds_case_end_to_end(memory: Memory) -> None:
    memory.create(accept=["Contract written::doc", "Tables in main Postgres::live"], plan=PLAN)
    memory.create("gh-661", title="Main Postgres", accept=[])
    died = subprocess.run(argv("sh", "-c", DIES), cwd=memory.repo.root, check=False)
    assert died.returncode == -signal.SIGKILL

    found = brief(memory)
    dead = found["run"]["id"]
    assert (found["condition"], found["run"]["status"]) == ("crashed", "running")
    step = found["next"]["step"]
    assert (step["step_index"], step["key"], step["outcome"], step["total"]) == (1, "b", "in_flight", 3)
    assert found["next"]["action"] == "write the reader"

    rescue = rescue_task(memory.store("claude"), "gh-460").answer.data
    assert (rescue["dead_run"], rescue["proof"]["kind"], rescue["fence"]) == (dead, "lock_free", 2)
    runs = {row["id"]: row for row in memory.show()["runs"]}
    assert (runs[dead]["status"], runs[dead]["reason"]) == ("aborted", "crashed")
    assert runs[rescue["run"]]["rescues"] == dead
    pins = [
        next(e for e in journal(memory, run) if e["type"] == "ResolvedStepsRecorded")
        for run in (dead, rescue["run"])
    ]
    assert pins[0]["steps_sha256"] == pins[1]["steps_sha256"]
    assert "StepCarried" in types(memory, rescue["run"])
    assert journal(memory, dead)[-1]["in_flight"] == {"step_index": 1, "attempt": 1}
    assert brief(memory)["next"]["step"]["key"] == "b"

    memory.repo.write("docs/contract.md", "# Contract\n")
    memory.repo.commit("Write the contract")
    open_ones = refused(
        "close_refused",
        lambda: close(memory, "gh-460", "ac1=file:docs/contract.md", actor="claude", docs_only=True),
    )
    assert {row.code for row in open_ones.problems} == {"criterion_open", "close_not_docs_only"}
    moved = move_criterion(memory.store("claude"), "gh-460", "ac2", "gh-661").data
    assert moved["to"] == {"task": "gh-661", "criterion": "ac1"}
    closed = close(memory, "gh-460", "ac1=file:docs/contract.md", actor="claude", docs_only=True).data
    assert closed["task"]["status"] == "done"
    assert memory.show()["close"] == "docs-only"
    assert {row["id"]: row["status"] for row in memory.show()["runs"]}[rescue["run"]] == "succeeded"
    assert is_valid(memory)

    memory.update("gh-661", status="ready")
    for evidence, code in NO_LIVE_PROOF.items():
        weak = refused("close_refused", lambda evidence=evidence: close(memory, "gh-661", evidence))
        assert [row.code for row in weak.problems] == [code]
    refused("operator_required", lambda: close(memory, "gh-661", "operator:I looked", actor="claude"))
    assert memory.show("gh-661")["task"]["status"] == "ready"
    proven = close(memory, "gh-661", "operator:the tables are in main, I counted the rows").data
    assert proven["task"]["status"] == "done"
    assert memory.show("gh-661")["close"] == "proven"
    assert is_valid(memory)


def is_dead(pid: int) -> bool:
    return not is_alive(pid)


FORKS = """
import os, sys, time
if os.fork(): time.sleep(60)
os.setsid()
os.closerange(3, 256)
with open(sys.argv[1], "w") as file: file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""


def test_10_02_a_run_is_alive_until_the_last_process_of_it_is_dead(memory: Memory) -> None:
    memory.create(plan=PLAN)
    up, far = memory.repo.root / "up", memory.repo.root / "far"
    (memory.repo.root / "forks.py").write_text(FORKS)
    script = f"echo $$ > {up}; exec {sys.executable} forks.py {far}"
    wrapper = subprocess.Popen(argv("sh", "-c", script), cwd=memory.repo.root)
    command, grandchild = number_in(up), number_in(far)
    head = memory.head()
    try:
        wrapper.kill()
        wrapper.wait()
        for last in (command, grandchild):
            alive = refused("run_alive", lambda: rescue_task(memory.store("claude"), "gh-460"))
            assert alive.exit_status == 5
            assert alive.data is not None
            assert last in alive.data["holders"]
            assert memory.head() == head
            os.kill(last, signal.SIGKILL)
            until(partial(is_dead, last))
    finally:
        for pid in (command, grandchild):
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
    rescued = rescue_task(memory.store("claude"), "gh-460").answer.data
    assert rescued["proof"]["kind"] == "lock_free"


def test_10_04_a_wrapper_whose_task_was_rescued_by_force_adds_nothing_at_its_end(memory: Memory) -> None:
    memory.repo.git("config", "platformstate.operator", "ann")
    memory.create(plan=PLAN)
    up = memory.repo.root / "up"
    script = f"echo $$ > {up}; while [ ! -e go ]; do sleep 0.05; done"
    with subprocess.Popen(argv("sh", "-c", script), cwd=memory.repo.root) as wrapper:
        number_in(up)
        rescued = rescue_task(memory.store("ann"), "gh-460", force=True, reason="it is in a loop").answer.data
        assert rescued["proof"]["kind"] == "forced"
        head = memory.head()
        (memory.repo.root / "go").write_text("")
        assert wrapper.wait(30) == 0
    assert memory.head() == head
    statuses = {row["id"]: row["status"] for row in memory.show()["runs"]}
    assert statuses == {rescued["dead_run"]: "aborted", rescued["run"]: "running"}


def test_10_02_a_second_clone_on_this_host_does_not_take_a_living_run_for_dead(memory: Memory) -> None:
    memory.create(plan=PLAN)
    other = Memory(Repo(memory.repo.root.parent / "clone"))
    up = memory.repo.root / "up"
    with subprocess.Popen(
        argv("sh", "-c", f"echo $$ > {up}; exec sleep 60"), cwd=memory.repo.root
    ) as wrapper:
        number_in(up)
        memory.repo.git("clone", "-q", ".", str(other.repo.root))
        head = other.head()
        alive = refused("run_alive", lambda: rescue_task(other.store("claude"), "gh-460"))
        assert alive.exit_status == 5
        assert other.head() == head
        wrapper.terminate()
        assert wrapper.wait(30) == 143
    other.repo.git("pull", "-q", "--ff-only")
    rescued = rescue_task(other.store("claude"), "gh-460").answer.data
    assert (rescued["proof"]["kind"], rescued["fence"]) == ("recorded_end", 2)


def test_a_wrapped_run_is_claimed_at_a_remote_and_given_back_there(memory: Memory) -> None:
    memory.create(plan=PLAN)
    root = memory.repo.root
    memory.repo.git("clone", "-q", "--bare", ".", str(root.parent / "origin"))
    memory.repo.git("remote", "add", "origin", str(root.parent / "origin"))
    tip = "git -C ../origin log -1 --format=%B refs/platformstate/claims/gh-460"
    asked = StartRequest("gh-460", remote="", command=("sh", "-c", f"{tip} > seen"))
    answer = wrap_command(memory.store, WrapRequest(asked, root))
    assert answer.status == 0
    during = json.loads(memory.text("seen"))
    after = json.loads(memory.repo.git(*tip.split()[1:]))
    assert (during["run"], during["released_at"]) == (answer.data["run"], None)
    assert after["run"] == answer.data["run"]
    assert after["released_at"] is not None
