"""`jobs serve` killed in each phase, several of them at once, and clocks that jump: a slot starts at most once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.forking import Command
from tests.jobs.scenes import JobScene, until
from tests.jobs.test_schedule import EVERY_5, begun, cron_job, ranges, runs, tick
from tests.jobs.test_worktrees import tick_in, told, worktree

# Where serve, or a conductor of it, dies; None: serve is killed while the step runs.
PHASES = ("jobs.claimed", None, "conduct.started", "conduct.marker", "conduct.receipt", "jobs.ledger")


def serving(jobs: JobScene, now: str, root: Path | None = None, **env: str) -> Command:
    said = {"PLATFORMSTATE_NOW": now, **env}
    return jobs.begin("jobs", "serve", "--json", "--drain", "20s", env=said, cwd=root)


def kill(command: Command) -> None:
    with suppress(ProcessLookupError):
        os.kill(command.pid, signal.SIGKILL)
    assert command.wait().status == -signal.SIGKILL


def wait_for_loss(served: Command) -> None:
    until(lambda: "job_lost" in served.printed, "no conductor died")


@pytest.mark.parametrize("phases", [PHASES[:2], pytest.param(PHASES, marks=pytest.mark.soak)])
def test_serve_killed_in_each_phase_leaves_one_effect_and_one_line_a_slot(
    jobs: JobScene, phases: tuple[str | None, ...]
) -> None:
    cron_job(jobs, "export", f'echo "$PLATFORMSTATE_SLOT" >> {jobs.effects_file}; sleep 0.3')
    begun(jobs)
    slots = [f"2026-03-02T00:{minute:02}:00Z" for minute in range(5, 5 + 5 * len(phases), 5)]
    for number, (slot, point) in enumerate(zip(slots, phases, strict=True), 1):
        now = f"{slot[:17]}01Z"
        served = serving(jobs, now, **({"PLATFORMSTATE_FAILPOINT": point} if point else {}))
        if point == "jobs.claimed":
            assert served.wait().status == -signal.SIGKILL
        elif point is None:
            jobs.wait_for(slot)
            kill(served)
            until(
                lambda many=number: len(runs(jobs, "export")) == many, "the run did not go on without serve"
            )
        else:
            wait_for_loss(served)
            kill(served)
        tick(jobs, f"{slot[:17]}40Z")
        assert jobs.effects.split() == slots[:number]
    assert len(runs(jobs, "export")) == len(set(runs(jobs, "export"))) == len(slots)
    assert ranges(jobs, "export") == []


@pytest.mark.soak
def test_two_serves_in_two_worktrees_ticks_and_prunes_at_once_start_each_slot_once(jobs: JobScene) -> None:
    names = [f"job-{number}" for number in range(8)]
    for name in names:
        cron_job(jobs, name, f"echo {name} $PLATFORMSTATE_SLOT >> {jobs.effects_file}")
    begun(jobs)
    home, side = jobs.repo.root, worktree(jobs)
    now = "2026-03-02T00:04:59Z"
    serves = [serving(jobs, now, root) for root in (home, side)]
    done = len(names)
    while len(jobs.effects_file.read_text().splitlines() if jobs.effects_file.exists() else ()) < done:
        tick_in(jobs, home, "2026-03-02T00:05:00Z")
        jobs.begin("jobs", "prune", "--before", "2100-01-01T00:00:00Z", cwd=side).wait()
    for served in serves:
        os.kill(served.pid, signal.SIGTERM)
        assert served.wait().status == 0
    jobs.begin("jobs", "prune", "--before", "2100-01-01T00:00:00Z", cwd=home).wait()
    for root in (side, home):
        tick_in(jobs, root, "2026-03-02T00:05:30Z")
    assert Counter(jobs.effects_file.read_text().splitlines()).most_common(1)[0][1] == 1
    for name in names:
        assert sum('"ended_at"' in line for line in told(name, home, side)) == 1


@pytest.mark.soak
def test_a_clock_that_jumps_back_and_forth_over_a_repeated_hour_fires_each_slot_once(jobs: JobScene) -> None:
    for name, cron in (("fixed", "30 2 * * *"), ("real", "*/30 2 * * *")):
        trigger = {**EVERY_5, "cron": cron, "timezone": "Europe/Berlin"}
        script = f"echo {name} $PLATFORMSTATE_SLOT >> {jobs.effects_file}"
        cron_job(jobs, name, script, trigger=trigger, misfire={"policy": "all"})
    begun(jobs, now="2026-10-24T23:50:00Z")
    for now in ("00:20", "00:40", "00:10", "01:40", "00:35", "01:10", "02:30", "00:59", "03:00"):
        tick(jobs, f"2026-10-25T{now}:00Z")
    fired = sorted(jobs.effects_file.read_text().splitlines())
    slots = ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"]
    assert fired == [f"fixed {slots[1]}", *(f"real {slot}" for slot in slots)]
    assert ranges(jobs, "fixed") == ranges(jobs, "real") == []
