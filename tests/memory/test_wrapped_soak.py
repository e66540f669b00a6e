"""Wrappers and their commands killed together at random moments; each time another agent goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from platformstate.actions.rescue import rescue_task
from platformstate.actions.validate import Wish, validate_state
from platformstate.runner import Lease
from tests.memory.conftest import Memory
from tests.memory.wrapping import PLAN, PROGRAM, argv, end, until
from tests.memory.wrapping import same_day as same_day

ROUNDS = 25
LONGEST_S = 1.5
WORKS = (
    f"{PROGRAM} memory checkpoint create -q --kind progress --done one;"
    f"{PROGRAM} memory checkpoint create -q --kind progress --done two"
)


def taken_over(memory: Memory) -> dict[str, Any] | None:
    """Rescue the task; None when its last run had succeeded, or none had come to be."""
    runs = memory.show()["runs"]
    if not runs or runs[-1]["status"] == "succeeded":
        return None
    files = Lease(memory.repo.root / ".git", str(runs[-1]["id"]))
    until(lambda: not files.is_held())  # a process that was killed takes a moment to be gone
    found: dict[str, Any] = rescue_task(memory.store("claude"), "gh-460").answer.data
    return found


@pytest.mark.soak
def test_10_02_whenever_a_run_is_killed_another_goes_on_from_whole_records(memory: Memory) -> None:
    memory.repo.git("config", "platformstate.claimTtl", "1d")
    memory.create(plan=PLAN)
    dice = random.Random(460)
    for _ in range(ROUNDS):
        command = argv("sh", "-c", WORKS)
        with subprocess.Popen(command, cwd=memory.repo.root, start_new_session=True) as wrapper:
            time.sleep(dice.uniform(0.0, LONGEST_S))
            if wrapper.poll() is None:
                os.killpg(wrapper.pid, signal.SIGKILL)
        rescued = taken_over(memory)
        if rescued is None:
            continue
        assert rescued["proof"]["kind"] in ("lock_free", "recorded_end")
        assert not validate_state(str(memory.repo.root), Wish()).data["problems"]
        end(memory, "aborted", actor="claude")
    runs = memory.show()["runs"]
    assert [run["fence"] for run in runs] == list(range(1, len(runs) + 1))
    assert all(run["status"] != "running" for run in runs)
    assert any(run["reason"] == "crashed" for run in runs)
