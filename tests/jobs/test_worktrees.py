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
LATER = {"PLATFORMSTATE_NOW": AGAIN}
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


@pytest.mark.soak
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


def crashed_in_side(jobs: JobScene, point: str) -> tuple[Path, Path]:
    """Let a conductor of the second worktree die at a point; return both roots."""
    cron_job(jobs, "export")
    begun(jobs)
    side = worktree(jobs)
    tick_in(jobs, side, DUE, PLATFORMSTATE_FAILPOINT=point)
    return jobs.repo.root, side


def status_in(jobs: JobScene, root: Path) -> dict[str, object]:
    ran = jobs.begin("jobs", "status", "export", "--json", env=LATER, cwd=root).wait()
    found: dict[str, object] = ran.document["data"]["jobs"][0]
    return found


def test_a_run_that_died_in_a_living_worktree_is_left_to_it_and_told_of(jobs: JobScene) -> None:
    home, side = crashed_in_side(jobs, "conduct.started")
    moved = side.with_name("moved")
    jobs.repo.git("worktree", "move", str(side), str(moved))
    ticked = tick_in(jobs, home, AGAIN)
    assert ticked.status == 6
    assert ticked.document["data"]["waiting"] == [
        {"job": "export", "run": RUN, "reason": "crashed_elsewhere"}
    ]
    assert status_in(jobs, home)["elsewhere"] == [{"run": RUN, "worktree": str(moved)}]
    text = jobs.begin("jobs", "status", env=LATER, cwd=home).wait().stdout
    assert f"platformctl -C {moved} jobs tick" in text
    assert tick_in(jobs, moved, AGAIN).document["data"]["reconciled"][0]["status"] == "succeeded"
    assert tick_in(jobs, home, AGAIN).document["data"]["waiting"] == []
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]
    assert len(told("export", home, moved)) == 1


@pytest.mark.parametrize("is_locked", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_before_its_first_step_a_run_of_a_removed_worktree_comes_to_nothing(
    jobs: JobScene, is_locked: bool
) -> None:
    home, side = crashed_in_side(jobs, "conduct.started")
    away = side.with_name("away")
    if is_locked:
        jobs.repo.git("worktree", "lock", str(side))
    shutil.move(side, away)
    ticked = tick_in(jobs, home, AGAIN).document["data"]
    assert len(ticked["waiting"]) == is_locked
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"] * (not is_locked)
    shutil.move(away, side)
    for root in (side, home):
        tick_in(jobs, root, AGAIN)
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]
    assert len(told("export", home, side)) == 1
    if not is_locked:
        for argv in (("resume",), ("abort", "--reason", "a copy")):
            refused = jobs.begin("run", argv[0], f"export/{RUN}", *argv[1:], "--json", cwd=side).wait()
            assert refused.document["error"]["code"] == "run_journal_behind"


def test_a_run_whose_worktree_is_gone_after_its_first_step_began_is_lost_and_told_once(
    jobs: JobScene,
) -> None:
    home, side = crashed_in_side(jobs, "conduct.receipt")
    jobs.repo.git("worktree", "remove", "--force", str(side))
    ticked = tick_in(jobs, home, AGAIN).document["data"]
    assert [(row["run"], row["reason"], row["by"]) for row in ticked["reconciled"]] == [
        (RUN, "job_lost", "worktree")
    ]
    assert tick_in(jobs, home, AGAIN).document["data"]["reconciled"] == []
    assert [(line["run"], line["status"], line["reason"]) for line in jobs.ledger("export")] == [
        (RUN, "failed", "job_lost")
    ]
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]
    assert jobs.run_ctl("validate").status == 0


@pytest.mark.soak
def test_worktrees_of_a_bare_repository_leave_each_other_their_runs(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    bare = jobs.repo.root.parent / "bare.git"
    jobs.repo.git("clone", "-q", "--bare", str(jobs.repo.root), str(bare))
    for name in ("operator", "actor"):
        jobs.repo.git("-C", str(bare), "config", f"platformstate.{name}", "operator")
    roots = [bare.parent / name for name in ("main", "other")]
    for root in roots:
        jobs.repo.git("-C", str(bare), "worktree", "add", "-q", "-b", f"b-{root.name}", str(root))
    assert jobs.begin("jobs", "approve", "export", cwd=roots[0]).wait().status == 0
    tick_in(jobs, roots[0], "2026-03-02T00:00:30Z")
    tick_in(jobs, roots[0], DUE, PLATFORMSTATE_FAILPOINT="conduct.started")
    for root in (roots[1], roots[0], roots[1]):
        tick_in(jobs, root, AGAIN)
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]
    assert len(told("export", *roots)) == 1
