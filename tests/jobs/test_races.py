"""Many ticks at once, ticks that are killed, and the failpoints of jobs: a slot starts at most once."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from platformstate.actions.job_runs import open_sites
from platformstate.entities.kinds import JOB
from platformstate.runner import JobFiles
from platformstate.store.opened import open_store
from tests.forking import Command
from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import SLOT, begun, cron_job, ranges, runs, tick

DUE = "2026-03-02T00:05:01Z"


def race(
    jobs: JobScene, ticks: int, now: str = DUE, *, killed: Sequence[int] = (), within_s: float = 0.5
) -> None:
    """Let ticks run at once, and kill some of them with their groups at random moments."""
    chance = random.Random(ticks)
    commands = [
        jobs.begin("jobs", "tick", "--json", "--parallel", "2", env={"PLATFORMSTATE_NOW": now})
        for _ in range(ticks)
    ]
    for number in killed:
        time.sleep(chance.random() * within_s / max(1, len(killed)))
        kill_group(commands[number])
    for command in commands:
        assert command.wait().status in (0, 1, -signal.SIGKILL)


def kill_group(command: Command) -> None:
    with suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)


def settle_all(jobs: JobScene, now: str) -> None:
    """Tick until nothing is left to start or to settle."""
    for _ in range(40):
        data = tick(jobs, now).document["data"]
        is_quiet = not (data["started"] or data["recorded"] or data["reconciled"] or data["problems"])
        if is_quiet and not unfinished(jobs):
            return
        time.sleep(0.05)
    raise AssertionError("there is always something left to settle")


def unfinished(jobs: JobScene) -> bool:
    """Say whether a run of any job has no line in its ledger yet."""
    store = open_store(jobs.repo.root, durability="fast")
    return any(any(open_sites(store, job)) for job in store.ids(JOB))


def require_each_once(jobs: JobScene, names: Sequence[str], slots: int = 1) -> None:
    """Require that no effect happened twice, and that the ledger has exactly one line for a slot."""
    assert max(Counter(jobs.effects_file.read_text().splitlines()).values()) == 1
    for name in names:
        assert len(set(runs(jobs, name))) == len(runs(jobs, name)) == slots
        assert ranges(jobs, name) == []
    assert jobs.run_ctl("validate").status == 0


def due_jobs(jobs: JobScene, count: int) -> list[str]:
    names = [f"job-{number}" for number in range(count)]
    for name in names:
        cron_job(jobs, name, f"echo {name} $PLATFORMSTATE_SLOT >> {jobs.effects_file}")
    begun(jobs)
    return names


def test_30_02_4_ticks_4_due_jobs_half_killed_with_their_groups(jobs: JobScene) -> None:
    names = due_jobs(jobs, 4)
    race(jobs, 4, killed=(0, 2), within_s=0.2)
    settle_all(jobs, DUE)
    require_each_once(jobs, names)


@pytest.mark.soak
def test_30_02_16_ticks_60_due_jobs_half_killed_with_their_groups(jobs: JobScene) -> None:
    names = due_jobs(jobs, 60)
    race(jobs, 16, killed=range(0, 16, 2), within_s=8)
    settle_all(jobs, DUE)
    require_each_once(jobs, names)


def claim_all(common: Path, slots: int, won: Path) -> None:
    """Claim every slot, and write down those that were got."""
    files = JobFiles(common, "export")
    got = [f"{slot:05}" for slot in range(slots) if _is_ours(files, f"{slot:05}", won.name)]
    won.write_text("\n".join(got))


def _is_ours(files: JobFiles, run: str, by: str) -> bool:
    claim = files.claim(run, {"by": by})
    if claim is not None:
        claim.started()
    return claim is not None


def raced_claims(folder: Path, slots: int, racers: int) -> list[str]:
    """Let processes claim the same slots at once; return what all of them got."""
    context = multiprocessing.get_context("fork")
    wons = [folder / f"won-{number}" for number in range(racers)]
    started = [context.Process(target=claim_all, args=(folder, slots, won)) for won in wons]
    for process in started:
        process.start()
    for process in started:
        process.join()
    return [run for won in wons for run in won.read_text().split()]


def test_raced_claims_have_one_winner_each(tmp_path: Path) -> None:
    assert sorted(raced_claims(tmp_path, 100, 4)) == [f"{slot:05}" for slot in range(100)]


@pytest.mark.soak
def test_10_000_raced_slots_have_one_winner_each(tmp_path: Path) -> None:
    assert sorted(raced_claims(tmp_path, 10_000, 8)) == [f"{slot:05}" for slot in range(10_000)]


@pytest.mark.parametrize("policy", ["latest", "all"])
def test_killed_with_a_claim_the_slot_is_due_again_wherever_the_cursor_stands(
    jobs: JobScene, policy: str
) -> None:
    cron_job(jobs, "export", misfire={"policy": policy})
    begun(jobs)
    died = tick(jobs, DUE, PLATFORMSTATE_FAILPOINT="jobs.claimed")
    assert died.status == -signal.SIGKILL
    assert [path.name for path in (jobs.common / "claims/jobs/export").iterdir()] == ["20260302t000500z"]
    assert not (jobs.repo.root / "state/jobs/export/runs").exists()
    tick(jobs, "2026-03-02T00:05:20Z")
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]
    assert runs(jobs, "export") == ["20260302t000500z"]
    assert ranges(jobs, "export") == []


def test_killed_with_its_second_claim_every_slot_of_all_is_due_again(jobs: JobScene) -> None:
    cron_job(jobs, "export", misfire={"policy": "all"})
    begun(jobs)
    now = "2026-03-02T00:15:01Z"
    assert tick(jobs, now, PLATFORMSTATE_FAILPOINT="jobs.claimed@2").status == -signal.SIGKILL
    tick(jobs, now)
    assert jobs.effects.split() == [f"2026-03-02T00:{minute}:00Z" for minute in ("05", "10", "15")]
    require_each_once(jobs, ["export"], slots=3)


def test_a_claim_that_came_to_nothing_and_was_recorded_since_is_not_due_again(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    assert tick(jobs, DUE, PLATFORMSTATE_FAILPOINT="jobs.claimed").status == -signal.SIGKILL
    data = tick(jobs, "2026-03-02T00:20:01Z").document["data"]
    assert [(row["status"], row["count"]) for row in data["recorded"]] == [("coalesced", 3)]
    assert [run["slot"] for run in data["started"]] == ["2026-03-02T00:20:00Z"]
    assert not (jobs.common / "claims/jobs/export/20260302t000500z").exists()
    again = tick(jobs, "2026-03-02T00:20:30Z").document["data"]
    assert again["started"] == again["recorded"] == []


@pytest.mark.parametrize("name", ["jobs.ledger-torn", "jobs.ledger"])
def test_killed_at_its_ledger_line_a_run_has_one_line_after_the_next_tick(jobs: JobScene, name: str) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    died = tick(jobs, DUE, PLATFORMSTATE_FAILPOINT=name)
    problems = died.document["data"]["problems"]
    assert [(row["job"], row["code"]) for row in problems] == [("export", "job_lost")]
    ledger = next((jobs.repo.root / "state/jobs/export/ledger").iterdir())
    assert ledger.read_bytes().endswith(b"\n") == (name == "jobs.ledger")
    receipt = jobs.repo.root / "state/jobs/export/runs/20260302t000500z/run_receipt.json"
    before = receipt.read_bytes()
    data = tick(jobs, DUE, "--commit").document["data"]
    assert data["ledger"]["committed"]
    assert receipt.read_bytes() == before
    require_each_once(jobs, ["export"])
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]
    kept_aside = list((jobs.common / "torn").glob("*ledger*")) if (jobs.common / "torn").exists() else []
    assert len(kept_aside) == (name == "jobs.ledger-torn")


@pytest.mark.parametrize(
    "name",
    ["conduct.pin-renamed", "conduct.marker", "conduct.terminal"],
)
def test_a_conductor_killed_anywhere_leaves_a_slot_with_one_effect_and_one_line(
    jobs: JobScene, name: str
) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, DUE, PLATFORMSTATE_FAILPOINT=name)
    settle_all(jobs, DUE)
    require_each_once(jobs, ["export"])
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]


def test_a_ledger_file_that_is_full_is_followed_by_the_next(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, DUE)
    first = next((jobs.repo.root / "state/jobs/export/ledger").iterdir())
    line = first.read_bytes()
    first.write_bytes(line * (262_144 // len(line) + 1))
    tick(jobs, "2026-03-02T00:10:01Z")
    names = sorted(path.name for path in first.parent.iterdir())
    assert names == [f"{first.stem}.2.jsonl", first.name]
    assert len(runs(jobs, "export")) > 2
    assert runs(jobs, "export").count("20260302t001000z") == 1


def test_two_branches_of_a_clone_write_two_ledgers_that_merge(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    jobs.repo.git("switch", "-qc", "side")
    tick(jobs, DUE, "--commit")
    jobs.repo.git("switch", "-q", "main")
    tick(jobs, "2026-03-02T00:10:01Z", "--commit")
    jobs.repo.git("merge", "-q", "--no-edit", "side")
    assert len(list((jobs.repo.root / "state/jobs/export/ledger").iterdir())) == 2
    require_each_once(jobs, ["export"], slots=2)


def test_a_job_whose_lock_is_held_is_told_and_the_others_go_on(
    jobs: JobScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platformstate.actions import jobs_start, jobs_tick
    from platformstate.files.locks import locked

    for name in ("busy", "free"):
        cron_job(jobs, name, SLOT.format(jobs.effects_file))
    begun(jobs)
    monkeypatch.setattr(jobs_start, "LOCK_S", 0.05)
    monkeypatch.setenv("PLATFORMSTATE_NOW", DUE)
    with locked(jobs.common / "locks/jobs/busy"):
        answer = jobs_tick.tick(open_store(jobs.repo.root, durability="fast"))
    assert [(row["job"], row["code"]) for row in answer.data["problems"]] == [("busy", "store_locked")]
    assert [run["job"] for run in answer.data["started"]] == ["free"]
