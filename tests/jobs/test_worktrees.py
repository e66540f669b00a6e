"""Two worktrees of one clone tick the same jobs: a slot's effect is started at most once, and told once."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import begun, cron_job

DUE, AGAIN = "2026-03-02T00:05:01Z", "2026-03-02T00:05:20Z"
RUN = "20260302t000500z"
POINTS = (
    "jobs.claimed", "conduct.pin-temp", "conduct.pin-renamed", "conduct.started", "conduct.marker",
    "conduct.spawned", "conduct.receipt", "conduct.outcome", "conduct.all-done", "conduct.terminal",
    "conduct.receipt-written", "jobs.ledger-torn", "jobs.ledger",
)  # fmt: skip


def worktree(jobs: JobScene, name: str = "side") -> Path:
    """Add a worktree beside the first one."""
    path = jobs.repo.root.parent / name
    jobs.repo.git("worktree", "add", "-q", "-b", name, str(path))
    return path


def tick_in(jobs: JobScene, root: Path, now: str = DUE, *argv: str, **env: str) -> Ran:
    said = {"PLATFORMSTATE_NOW": now, **env}
    return jobs.begin("jobs", "tick", "--json", *argv, env=said, cwd=root).wait()


def told(name: str, *roots: Path) -> list[str]:
    """Return what the ledgers of all worktrees say of the job, one word a line."""
    lines = []
    for root in roots:
        for path in sorted((root / f"state/jobs/{name}/ledger").glob("*.jsonl")):
            lines += path.read_text().splitlines()
    return lines


def cron_jobs(jobs: JobScene, points: tuple[str, ...]) -> dict[str, str]:
    names = {point: f"job-{number:02}" for number, point in enumerate(points)}
    for name in names.values():
        cron_job(jobs, name, f"echo {name} >> {jobs.effects_file}")
    begun(jobs)
    return names


@pytest.mark.parametrize("killed_in", ["home", "side"])
def test_a_conductor_killed_anywhere_and_ticks_of_two_worktrees_make_one_effect(
    jobs: JobScene, killed_in: str
) -> None:
    names = cron_jobs(jobs, POINTS)
    home, side = jobs.repo.root, worktree(jobs)
    here, there = (home, side) if killed_in == "home" else (side, home)
    for point, name in names.items():
        tick_in(jobs, here, DUE, "--job", name, PLATFORMSTATE_FAILPOINT=point)
    tick_in(jobs, there, DUE, PLATFORMSTATE_FAILPOINT="conduct.terminal")
    for root in (here, there, here):
        tick_in(jobs, root, AGAIN)
    assert Counter(jobs.effects_file.read_text().split()) == Counter(names.values())
    for point, name in names.items():
        lines = told(name, home, side)
        assert [line.count('"ended_at"') for line in lines] == [1], (point, lines)
