"""How many conductors live at once, who waits for one and who for a place of a group, and what ends a wait."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.jobs_tick import tick as tick_once
from platformstate.runner import JobFiles
from platformstate.runner.overlap import take
from platformstate.store.opened import open_store
from tests.jobs.scenes import JobScene, until
from tests.jobs.test_schedule import begun, cron_job, ranges, runs, tick

DUE = "2026-03-02T00:05:01Z"
QUEUED = {"policy": "queue", "group": "one", "queue_max": 1}


@contextmanager
def taken(jobs: JobScene, group: str = "one") -> Iterator[None]:
    """Hold the place of a group, as a run of another command would."""
    place = take([JobFiles(jobs.repo.root / ".git", "any").overlap_lock(group, 0)], inherited=False)
    assert place is not None
    try:
        yield
    finally:
        place.leave()


def conductors(pid: int) -> list[int]:
    """Return the living conductors of a tick: its children that lead a session."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if os.getsid(int(child)) == int(child)]
    except OSError:
        return []


def tick_within(root: Path, descriptors: int, parallel: int, said: Path) -> None:
    """Tick with no more descriptors than these, and write down the answer."""
    os.closerange(32, 1024)  # what whoever runs the tests left open has numbers beyond the limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    answer = tick_once(open_store(root, durability="fast"), parallel=parallel)
    said.write_text(json.dumps({"data": answer.data, "error": answer.error and answer.error.message}))


@contextmanager
def ticking_within(jobs: JobScene, descriptors: int, parallel: int) -> Iterator[dict[str, Any]]:
    """Tick meanwhile; the answer is there afterwards."""
    said: dict[str, Any] = {}
    file = jobs.repo.root.parent / "said"
    argv = (jobs.repo.root, descriptors, parallel, file)
    process = multiprocessing.get_context("fork").Process(target=tick_within, args=argv)
    process.start()
    yield said
    process.join()
    said.update(json.loads(file.read_text()))


def many(jobs: JobScene, count: int, **spec: Any) -> list[str]:
    names = [f"job-{number:04}" for number in range(count)]
    for name in names:
        cron_job(jobs, name, f"echo {name} >> {jobs.effects_file}", **spec)
    begun(jobs)
    return names


def test_a_tick_has_no_more_conductors_than_it_may(jobs: JobScene) -> None:
    many(jobs, 4)
    command = jobs.begin("jobs", "tick", "--parallel", "2", env={"PLATFORMSTATE_NOW": DUE})
    seen = set()
    while len(jobs.effects.split()) < 4:
        seen.add(len(conductors(command.pid)))
        time.sleep(0.001)
    assert command.wait().status == 0
    assert max(seen) == 2


def test_more_jobs_wait_for_a_place_than_there_are_descriptors(
    jobs: JobScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = many(jobs, 14, overlap=QUEUED)
    monkeypatch.setenv("PLATFORMSTATE_NOW", DUE)
    claims = jobs.common / "claims/jobs"
    with ticking_within(jobs, 96, 2) as answer, taken(jobs):
        until(lambda: sum(1 for _ in claims.glob("*/2*")) == 12, "too few or too many claimed")
        time.sleep(0.2)
        assert sum(1 for _ in claims.glob("*/2*")) == 12
    assert answer["error"] is None, [row for row in answer["data"]["started"] if row["reason"]]
    assert sorted(jobs.effects.split()) == names
    assert [ranges(jobs, name) for name in names] == [[]] * len(names)


@pytest.mark.soak
@pytest.mark.parametrize("overlap", [{"policy": "skip"}, QUEUED])
def test_1_200_due_jobs_with_256_descriptors(
    jobs: JobScene, monkeypatch: pytest.MonkeyPatch, overlap: dict[str, Any]
) -> None:
    names = many(jobs, 1_200, overlap=overlap)
    monkeypatch.setenv("PLATFORMSTATE_NOW", DUE)
    with ticking_within(jobs, 256, 4) as answer:
        pass
    assert answer["error"] is None
    assert sorted(jobs.effects.split()) == names


def test_who_waits_for_a_place_keeps_no_other_job_from_its_slot(jobs: JobScene) -> None:
    for name in ("a", "b", "c"):
        cron_job(jobs, name, f"echo {name} >> {jobs.effects_file}", overlap=QUEUED)
    cron_job(jobs, "free", f"echo free >> {jobs.effects_file}")
    begun(jobs)
    with taken(jobs):
        command = jobs.begin("jobs", "tick", "--parallel", "1", env={"PLATFORMSTATE_NOW": DUE})
        jobs.wait_for("free")
    assert command.wait().status == 0
    assert jobs.effects.split() == ["free", "a", "b", "c"]


def test_a_tick_that_is_killed_lets_go_of_what_waits_and_not_of_what_runs(jobs: JobScene) -> None:
    cron_job(jobs, "queued", f"echo queued >> {jobs.effects_file}", overlap=QUEUED)
    cron_job(
        jobs,
        "runs",
        f"echo begun >> {jobs.effects_file}; until test -e {jobs.effects_file}.go; do sleep 0.02; done",
    )
    begun(jobs)
    with taken(jobs):
        command = jobs.begin("jobs", "tick", env={"PLATFORMSTATE_NOW": DUE})
        jobs.wait_for("begun")
        os.kill(command.pid, signal.SIGKILL)
    data = tick(jobs, DUE).document["data"]
    assert [row["job"] for row in data["started"]] == ["queued"]
    jobs.effects_file.with_name("E.go").touch()
    until(lambda: runs(jobs, "runs") != [], "the run never ended")
    assert jobs.effects.split() == ["begun", "queued"]


def test_a_slot_whose_turn_comes_too_late_is_what_its_misfire_policy_makes_of_it(jobs: JobScene) -> None:
    cron_job(jobs, "a-long", f"sleep 1; echo long >> {jobs.effects_file}")
    late = {"policy": "skip", "late_after": "1s"}
    cron_job(jobs, "b-late", misfire=late)
    cron_job(jobs, "c-waits", overlap=QUEUED, misfire={"window": "1s"})
    begun(jobs)
    with taken(jobs):
        assert tick(jobs, DUE, "--parallel", "1").status == 0
    slot = "2026-03-02T00:05:00Z"
    assert ranges(jobs, "b-late") == [("missed", "late", slot, slot, 1)]
    assert [row[:2] for row in ranges(jobs, "c-waits")] == [("missed", "outside_window")]
    assert jobs.effects.split() == ["long"]


def test_a_place_that_does_not_come_in_time_is_recorded(jobs: JobScene) -> None:
    cron_job(jobs, "export", overlap=QUEUED, misfire={"window": "3s"})
    begun(jobs)
    with taken(jobs):
        data = tick(jobs, DUE).document["data"]
    assert [(row["status"], row["reason"]) for row in data["recorded"]] == [
        ("skipped_overlap", "queue_timeout")
    ]
    assert not (jobs.common / "claims/jobs/export/20260302t000500z").exists()
    again = tick(jobs, "2026-03-02T00:05:20Z").document["data"]
    assert again["started"] == again["recorded"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
def test_a_run_by_hand_that_waits_in_the_queue_hears_a_signal_at_once(jobs: JobScene, number: int) -> None:
    jobs.shell("export", f"echo ran >> {jobs.effects_file}", overlap=QUEUED)
    jobs.ready()
    with taken(jobs):
        command = jobs.begin("jobs", "run", "export", "--json")
        seat = jobs.common / "locks/overlap/one.queue.export.0"
        until(seat.exists, "it never took a seat")
        time.sleep(0.1)
        os.kill(command.pid, number)
        ran = command.wait()
    assert (ran.status, ran.document["error"]["code"]) == (128 + number, "job_cancelled")
    assert "nothing was run" in ran.document["error"]["message"]
    assert not (jobs.repo.root / "state/jobs/export/runs").exists()
    assert jobs.run_job("export")["status"] == "succeeded"
    assert jobs.effects.split() == ["ran"]
