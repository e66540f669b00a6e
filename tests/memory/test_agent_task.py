"""A run at a task from claim to release, with and without a command in it."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest

from platformstate.actions.agent_task_wrap import refuse_missing
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from tests.memory.conftest import Memory
from tests.memory.wrapping import (
    PLAN,
    PROGRAM,
    argv,
    commits,
    end,
    journal,
    number_in,
    start,
    types,
    until,
    wrap,
)
from tests.memory.wrapping import same_day as same_day


def status(memory: Memory) -> str:
    return str(memory.show()["task"]["status"])


def is_released(memory: Memory) -> bool:
    lease = memory.store().session.claims.of("gh-460")
    return lease is not None and lease.released_at is not None


def is_valid(memory: Memory) -> bool:
    return not validate_state(str(memory.repo.root), Wish()).data["problems"]


def test_a_start_with_a_key_begins_one_run_and_answers_with_it_again(memory: Memory) -> None:
    memory.create(plan=PLAN)
    first = start(memory, idempotency_key="k")
    head = memory.head()
    again = start(memory, idempotency_key="k")
    said = ("task", "run", "fence", "claim", "steps", "checkpoint", "env")
    assert [again[name] for name in said] == [first[name] for name in said]
    assert (again["commit"], memory.head()) == (None, head)
    refused("idempotency_conflict", lambda: start(memory, idempotency_key="k", pin=False))
    refused("claim_held", lambda: start(memory, idempotency_key="other"))
    end(memory)
    ended = start(memory, idempotency_key="k")
    assert (ended["run"], ended["claim"]["state"]) == (first["run"], "released")


def test_an_end_with_a_key_ends_one_run_and_answers_with_it_again(memory: Memory) -> None:
    memory.create()
    start(memory, idempotency_key="start")
    first = end(memory, "failed", reason="no access", idempotency_key="k")
    start(memory)
    head = memory.head()
    again = end(memory, "failed", reason="no access", idempotency_key="k")
    said = ("task", "run", "fence", "status", "exit_code", "checkpoints")
    assert [again.get(name) for name in said] == [first.get(name) for name in said]
    assert (again["commit"], memory.head()) == (None, head)
    assert start(memory, idempotency_key="start")["run"] == first["run"]
    refused("idempotency_conflict", lambda: end(memory, idempotency_key="k"))
    refused("idempotency_conflict", lambda: end(memory, idempotency_key="start"))
    assert end(memory, idempotency_key="other")["run"] != first["run"]
    assert is_valid(memory)


def test_a_wrapped_command_with_a_key_is_run_once_and_ends_the_same_again(memory: Memory) -> None:
    memory.create()
    script = "echo ran >> ../ran; exit 3"
    answers = [wrap(memory, script, idempotency_key="k") for _ in range(2)]
    assert (memory.repo.root.parent / "ran").read_text() == "ran\n"
    first, again = (answer.data for answer in answers)
    said = ("task", "run", "fence", "status", "exit_code", "checkpoints")
    assert [again[name] for name in said] == [first[name] for name in said]
    assert again["status"] == "failed"
    assert [answer.status for answer in answers] == [1, 1]
    assert again["commit"] is None
    refused("idempotency_conflict", lambda: wrap(memory, "true", idempotency_key="k"))


def test_a_start_claims_pins_and_says_where_it_stands_in_one_commit(memory: Memory) -> None:
    memory.create(plan=PLAN)
    head = memory.head()
    data = start(memory)
    run = data["run"]
    assert commits(memory, head) == [f"run: start {run}"]
    assert types(memory, run) == ["RunDefined", "ResolvedStepsRecorded", "RunStarted"]
    assert (data["task"], data["fence"], data["steps"]["count"]) == ("gh-460", 1, 3)
    assert (data["claim"]["actor"], data["claim"]["state"]) == ("codex", "live")
    assert data["env"] == {
        "PLATFORMSTATE_RUN": run,
        "PLATFORMSTATE_TASK": "gh-460",
        "PLATFORMSTATE_ACTOR": "codex",
    }
    said = memory.text(f"state/tasks/gh-460/runs/{run}/checkpoints/{data['checkpoint']}.md")
    assert "kind: start" in said
    assert "step: {step_index: 0, key: a, attempt: 1, outcome: none}" in said
    assert status(memory) == "implementation"
    assert is_valid(memory)


@pytest.mark.parametrize(("plan", "pin"), [([], True), (PLAN, False)])
def test_nothing_is_pinned_without_a_plan_or_when_it_is_not_wanted(
    memory: Memory, plan: list[str], pin: bool
) -> None:
    memory.create(plan=plan)
    data = start(memory, pin=pin)
    assert data["steps"] is None
    assert types(memory, data["run"]) == ["RunDefined", "RunStarted"]


def test_steps_of_the_pinned_plan_are_told_at_once(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = start(memory)["run"]
    told = memory.say(None, step="a=begun").data
    assert told["run"] == run
    assert types(memory, run).count("ResolvedStepsRecorded") == 1


@pytest.mark.parametrize(
    ("outcome", "task_status"), [("failed", "ready"), ("aborted", "ready"), ("succeeded", "implementation")]
)
def test_10_13_an_end_without_success_makes_the_task_ready_again(
    memory: Memory, outcome: str, task_status: str
) -> None:
    memory.create(plan=PLAN)
    run = start(memory)["run"]
    head = memory.head()
    data = end(memory, outcome, next_action="ask for access")
    assert commits(memory, head) == [f"run: end {run}"]
    assert (data["run"], data["status"], data["checkpoints"], data["fence"]) == (run, outcome, 2, 1)
    assert status(memory) == task_status
    assert is_released(memory)
    assert memory.text(f"state/tasks/gh-460/runs/{run}/run_receipt.json")
    assert memory.brief().answer.data["next"]["action"] == "ask for access"
    assert is_valid(memory)


def test_what_an_agent_says_of_its_failure_is_kept(memory: Memory) -> None:
    memory.create()
    run = start(memory)["run"]
    end(memory, "failed", reason="no access to the server")
    assert journal(memory, run)[-1]["because"] == "no access to the server"


def test_a_step_left_open_by_a_success_is_recorded_as_unknown(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = start(memory)["run"]
    memory.say(None, step="a=begun")
    end(memory)
    assert types(memory, run)[-2:] == ["StepUnknown", "RunSucceeded"]
    assert is_valid(memory)


def refused(code: str, act: Any) -> StateError:
    with pytest.raises(StateError) as error:
        act()
    assert error.value.code == code
    return error.value


def test_an_end_refuses_what_it_cannot_mean(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    from platformstate.actions.agent_task_end import end_run

    memory.create()
    assert refused("usage_invalid", lambda: end_run(memory.store(), None)).exit_status == 2
    assert refused("run_not_found", lambda: end(memory)).exit_status == 3
    run = start(memory)["run"]
    refused("run_not_found", lambda: end(memory, actor="claude"))
    refused("usage_invalid", lambda: end(memory, reason="for no reason"))
    refused("actor_mismatch", lambda: end(memory, actor="claude", inside_run=run))
    end(memory, inside_run=run)
    refused("run_transition_refused", lambda: end(memory, inside_run=run))


def test_a_run_is_not_begun_inside_another(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.create()
    head = memory.head()
    monkeypatch.setenv("PLATFORMSTATE_RUN", "20261120t101130z-3k9xma")
    refused("run_transition_refused", lambda: start(memory))
    refused("run_transition_refused", lambda: wrap(memory, "true"))
    assert memory.head() == head


def test_the_command_is_not_started_when_the_claim_fails(memory: Memory) -> None:
    memory.create()
    run = start(memory, "claude")["run"]
    error = refused("claim_held", lambda: wrap(memory, "touch started"))
    assert error.data is not None
    assert error.data["claim"]["run"] == run
    assert not (memory.repo.root / "started").exists()


def test_a_command_that_is_not_there_claims_nothing(memory: Memory) -> None:
    memory.create()
    head = memory.head()
    refused("usage_invalid", lambda: refuse_missing(["no-such-command"], None))
    refused("usage_invalid", lambda: refuse_missing(["./no-such-script"], memory.repo.root))
    memory.repo.write("script", "#!/bin/sh\n").chmod(0o755)
    refuse_missing(["./script"], memory.repo.root)
    assert memory.head() == head


def test_a_command_that_succeeds_ends_its_run_succeeded(memory: Memory) -> None:
    memory.create(plan=PLAN)
    head = memory.head()
    answer = wrap(memory, "env | grep ^PLATFORMSTATE_ | sort > seen")
    run = answer.data["run"]
    assert (answer.status, answer.data["status"], answer.data["exit_code"]) == (0, "succeeded", 0)
    assert commits(memory, head) == [f"run: start {run}", f"run: end {run}"]
    seen = dict(line.split("=", 1) for line in memory.text("seen").splitlines())
    assert seen["PLATFORMSTATE_RUN"] == run
    assert (seen["PLATFORMSTATE_TASK"], seen["PLATFORMSTATE_ACTOR"]) == ("gh-460", "codex")
    assert is_released(memory)
    assert (memory.show()["runs"][0]["coupling"], memory.show()["runs"][0]["exit_code"]) == ("wrapper", 0)
    assert is_valid(memory)


def test_a_command_that_fails_ends_its_run_failed_and_the_answer_says_its_code(memory: Memory) -> None:
    memory.create()
    answer = wrap(memory, "exit 7")
    assert answer.error is not None
    assert (answer.status, answer.error.code) == (1, "run_failed")
    assert (answer.data["status"], answer.data["exit_code"], answer.data["checkpoints"]) == ("failed", 7, 2)
    assert status(memory) == "ready"
    assert is_valid(memory)


def test_a_command_that_ended_the_run_itself_finds_nothing_added(memory: Memory) -> None:
    memory.create()
    answer = wrap(
        memory, f"{PROGRAM} codex-task end --outcome aborted --reason enough; git rev-parse HEAD > head"
    )
    assert memory.head() == memory.text("head").strip()
    assert (answer.status, answer.data["status"], answer.data["commit"]) == (0, "aborted", None)


def test_inside_a_run_the_actor_is_the_runs_and_nobody_is_operator(memory: Memory) -> None:
    memory.repo.git("config", "platformstate.operator", "codex")
    memory.create()
    said = f"{PROGRAM} memory checkpoint create --task gh-460 --kind progress --done x"
    waived = f"{PROGRAM} task waive-criterion gh-460 ac1 --reason so"
    script = f"{said} --actor claude; echo $? > other; {said}; echo $? > own; {waived}; echo $? > waived"
    assert wrap(memory, script).status == 0
    assert [memory.text(name).strip() for name in ("other", "own", "waived")] == ["4", "0", "4"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_ends_the_command_aborts_the_run(memory: Memory, number: int) -> None:
    memory.create(plan=PLAN)
    up = memory.repo.root / "up"
    with subprocess.Popen(
        argv("sh", "-c", f"echo $$ >{up}; exec sleep 60"), cwd=memory.repo.root, start_new_session=True
    ) as wrapper:
        number_in(up)
        wrapper.send_signal(number)
        assert wrapper.wait(30) == 128 + number
    ended = memory.show()["runs"][0]
    assert (ended["status"], ended["reason"]) == ("aborted", "signal")
    assert status(memory) == "ready"
    assert is_released(memory)
    assert is_valid(memory)


def test_10_13_the_run_goes_on_after_a_ctrl_c_that_the_command_survives(memory: Memory) -> None:
    import pty

    memory.create()
    root = memory.repo.root
    script = "trap 'echo got > got' INT; echo $$ > up; while [ ! -e go ]; do sleep 0.05; done"
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(root)
        command = argv("sh", "-c", script)
        os.execv(command[0], command)
    number_in(root / "up")
    os.write(master, b"\x03")
    until((root / "got").exists)
    assert memory.show()["runs"][0]["status"] == "running"
    (root / "go").write_text("")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(master)
    ended = memory.show()["runs"][0]
    assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)


def test_an_end_that_cannot_be_written_says_so_with_the_commands_exit_code(memory: Memory) -> None:
    memory.repo.git("branch", "old")
    memory.create(plan=PLAN)
    answer = wrap(memory, "git switch -q old; exit 4")
    assert answer.error is not None
    assert (answer.error.code, answer.status, answer.data["exit_code"]) == ("run_not_found", 3, 4)
    memory.repo.git("switch", "-q", "main")
    [run] = memory.show()["runs"]
    assert (run["status"], run["condition"]) == ("running", "crashed")


def test_a_wrapped_run_is_not_held_but_aborted_with_the_reason_that_was_given(memory: Memory) -> None:
    from platformstate.actions.run_stop import abort_run, hold_run

    memory.create(plan=PLAN)
    up = memory.repo.root / "up"
    with subprocess.Popen(argv("sh", "-c", f"echo $$ >{up}; exec sleep 60"), cwd=memory.repo.root) as wrapper:
        number_in(up)
        run = str(memory.show()["runs"][0]["id"])
        refused("run_transition_refused", lambda: hold_run(memory.store(), run))
        abort_run(memory.store(), run, reason="enough of it")
        assert wrapper.wait(30) == 143
    last = journal(memory, run)[-1]
    assert (last["type"], last["reason"], last["because"]) == ("RunAborted", "signal", "enough of it")


def test_a_clock_that_has_gone_back_breaks_no_journal(memory: Memory) -> None:
    from datetime import timedelta

    from platformstate.actions.agent_task_end import end_run
    from platformstate.actions.checkpoint_create import create_checkpoint
    from platformstate.store import open_store
    from tests.memory.conftest import START

    memory.create(plan=PLAN)
    run = start(memory)["run"]
    early = open_store(
        memory.repo.root, actor="codex", clock=lambda: START - timedelta(days=400), durability="fast"
    )
    create_checkpoint(early, {"task": "gh-460", "kind": "progress", "step": "a=done"})
    end_run(early, "gh-460")
    assert types(memory, run)[-3:] == ["StepStarted", "StepSucceeded", "RunSucceeded"]
    assert is_valid(memory)
