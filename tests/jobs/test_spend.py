"""What many runs cost in files, commits and bytes, and what a hundred hostile children leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.scenes import JobScene, is_alive
from tests.jobs.test_schedule import EVERY_5, begun, cron_job

RUNS = 2_000
MIB = 1 << 20


def size_of(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def git_bytes(jobs: JobScene) -> int:
    """Return the size of the git directory without what this clone keeps of its own."""
    return size_of(jobs.repo.root / ".git") - size_of(jobs.common)


@pytest.mark.soak
def test_2_000_runs_cost_few_files_commits_and_bytes(jobs: JobScene) -> None:
    cron_job(jobs, "small", "true", trigger={**EVERY_5, "cron": "* * * * *"})
    begun(jobs)
    files, commits, size = tracked(jobs), count(jobs), git_bytes(jobs)
    first, last = "2026-01-01T00:01:00Z", "2026-01-02T09:20:00Z"
    ran = jobs.jobs(
        "backfill", "small", "--from", first, "--to", last, "--limit", str(RUNS), "--parallel", "4"
    )
    assert ran.document["data"]["ran"] == RUNS
    assert tracked(jobs) - files <= 8
    assert count(jobs) - commits <= 25
    assert git_bytes(jobs) - size <= 6 * MIB
    jobs.repo.git("gc", "-q", "--prune=now")
    assert git_bytes(jobs) - size <= 1.5 * MIB
    assert len(jobs.ledger("small")) == RUNS
    assert jobs.run_ctl("validate").status == 0


def tracked(jobs: JobScene) -> int:
    return len(jobs.repo.git("ls-files").splitlines())


def count(jobs: JobScene) -> int:
    return int(jobs.repo.git("rev-list", "--count", "HEAD"))


@pytest.mark.soak
def test_100_hostile_timeouts_leave_no_process_and_end_in_time(jobs: JobScene) -> None:
    script = (
        "trap '' TERM INT HUP; "
        f"setsid sh -c 'trap \"\" TERM; echo $$ >> {jobs.effects_file}; while :; do sleep 0.05; done' & "
        f"echo $$ >> {jobs.effects_file}; while :; do sleep 0.05; done"
    )
    names = [f"hostile-{number}" for number in range(100)]
    for name in names:
        cron_job(jobs, name, script, runtime={"timeout": "1s", "grace": "1s"})
    begun(jobs)
    data = jobs.jobs("tick", "--parallel", "4", env={"PLATFORMSTATE_NOW": "2026-03-02T00:05:01Z"}).document[
        "data"
    ]
    assert [run["reason"] for run in data["started"]] == ["job_timed_out"] * 100
    assert not [pid for pid in map(int, jobs.effects_file.read_text().split()) if is_alive(pid)]
    for run in data["started"]:
        facts = jobs.receipt({"job_id": run["job"], "run_id": run["run"]})["job"]
        assert facts["attempts"][0]["ms"] <= 4_000  # timeout, grace, and a moment


def test_25_runs_are_one_ledger_file_and_no_other(jobs: JobScene) -> None:
    cron_job(jobs, "small", "true", trigger={**EVERY_5, "cron": "* * * * *"})
    begun(jobs)
    files, commits = tracked(jobs), count(jobs)
    first, last = "2026-01-01T00:01:00Z", "2026-01-01T00:25:00Z"
    ran = jobs.jobs("backfill", "small", "--from", first, "--to", last, "--parallel", "2").document["data"]
    assert (ran["ran"], ran["failed"]) == (25, 0)
    assert tracked(jobs) - files <= 1
    assert count(jobs) - commits <= 1
    assert len(jobs.ledger("small")) == 25
