"""Kill -9 at any instant: what the files prove is what happened."""

from __future__ import annotations

import os
import signal
import time

import pytest

from platformstate.runner import attempt_facts, stop_orphans
from tests.runner.bench import SHA, Bench
from tests.runner.conftest import forked, until

TRIALS = 40
EFFECT = "echo x >>effect"


def effects(bench: Bench) -> int:
    path = bench.root / "effect"
    return len(path.read_text()) // 2 if path.exists() else 0


def conducted(bench: Bench, trial: int) -> int:
    """Conduct in a process of its own group, so that it can be killed with all but its step."""

    def work() -> None:
        os.setpgid(0, 0)
        bench.sh(EFFECT, index=trial)

    return forked(work)


@pytest.mark.parametrize("with_children", [False, True], ids=["conductor alone", "with its children"])
def test_a_kill_at_any_instant_leaves_files_that_tell_the_truth(bench: Bench, with_children: bool) -> None:
    """No start mark: no effect. A receipt: one effect. Neither proves: at most one."""
    seen = set()
    for trial in range(TRIALS):
        before = effects(bench)
        pid = conducted(bench, trial)
        time.sleep(trial * 0.0007)
        if trial == TRIALS - 1:
            until(bench.lease.file(f"{trial}.1.receipt").exists)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if with_children:
            stop_orphans(bench.lease, 0)
        until(lambda: not bench.lease.is_held())
        facts = attempt_facts(bench.lease, trial, 1, SHA)
        done = effects(bench) - before
        assert not facts.is_receipt_bad or facts.exit_code is None
        if facts.start is None:
            assert done == 0
        elif facts.exit_code == 0:
            assert done == 1
        else:
            assert done <= 1
        seen.add((facts.start is None, facts.exit_code))
    assert (True, None) in seen
    assert (False, 0) in seen


def test_after_each_kill_the_run_can_be_taken_and_goes_on(bench: Bench) -> None:
    for trial in range(10):
        pid = conducted(bench, trial)
        time.sleep(0.002 * trial)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert stop_orphans(bench.lease, 0.2)
        assert bench.sh("exit 0", index=trial, attempt=2).exit_code == 0
        bench.close()
