"""What `jobs prune` takes and what it leaves, at the edges of a spec's retention."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.jobs_keep import keep_run
from platformstate.actions.jobs_prune import prune_jobs
from platformstate.actions.jobs_run import RunRequest, run_job
from platformstate.core.instants import moment
from platformstate.store import Store
from platformstate.store.opened import open_store
from tests.jobs.scenes import JobScene
from tests.unprivileged import obeying_permissions

KEEPS = {"days": 10, "runs": 3, "keep_failed_days": 30}


def on(jobs: JobScene, day: str, *, dry_run: bool = False) -> Store:
    """Open the store at noon of a day."""
    noon = moment(f"2026-{day}T12:00:00Z")
    return open_store(jobs.repo.root, durability="fast", dry_run=dry_run, clock=lambda: noon)


def ran(jobs: JobScene, *days: str) -> dict[str, str]:
    """Run the job once on each day and return the days of the runs by their ids; those of `!` days fail."""
    found: dict[str, str] = {}
    for day in days:
        request = RunRequest("export", overlay={"code": "3" if day.endswith("!") else "0"})
        found[run_job(on(jobs, day.rstrip("!")), request).data["run"]["run_id"]] = day
    return found


def job(jobs: JobScene, **spec: Any) -> None:
    jobs.shell("export", 'exit "$P_code"', bindings={"code": "0"}, retention=KEEPS, **spec)
    jobs.ready()


def pruned(store: Store, known: dict[str, str], before: str | None = None) -> tuple[set[str], dict[str, str]]:
    """Prune, and return the days of the runs that went, and of those that stayed with the reason."""
    data = prune_jobs(store, before=before).data
    gone = {known[row["run"]] for row in data["removed"]}
    return gone, {known[row["run"]]: row["reason"] for row in data["skipped"]}


@pytest.mark.soak
def test_failed_runs_stay_longer_and_pinned_ones_for_ever(jobs: JobScene) -> None:
    job(jobs)
    known = ran(jobs, "03-01", "03-02!", "03-03", "03-15", "03-20", "03-21", "03-22")
    by_day = {day: run for run, day in known.items()}
    keep_run(on(jobs, "03-23"), f"export/{by_day['03-03']}")
    assert pruned(on(jobs, "03-25", dry_run=True), known) == ({"03-01", "03-15"}, {"03-03": "pinned"})
    assert pruned(on(jobs, "03-25"), known) == ({"03-01", "03-15"}, {"03-03": "pinned"})
    assert pruned(on(jobs, "03-25"), known) == (set(), {"03-03": "pinned"})
    assert pruned(on(jobs, "03-30"), known) == (set(), {"03-03": "pinned"})  # ten days old, not older
    assert pruned(on(jobs, "04-01"), known) == ({"03-20", "03-21"}, {"03-03": "pinned"})
    assert pruned(on(jobs, "04-02"), known) == ({"03-22", "03-02!"}, {"03-03": "pinned"})
    folder = jobs.repo.root / "state/jobs/export/runs"
    assert [path.name for path in folder.iterdir()] == [by_day["03-03"]]
    committed = jobs.repo.git("ls-files", "state/jobs/export/runs")
    assert by_day["03-02!"] not in committed  # it was kept, and history has it
    assert by_day["03-02!"] in jobs.repo.git(
        "log", "--name-only", "--format=", "--", "state/jobs/export/runs"
    )
    assert len(jobs.ledger("export")) == len(known) + 3
    assert jobs.repo.git("status", "--porcelain") == ""


def test_a_prune_that_was_killed_goes_on_and_tells_its_runs_once(jobs: JobScene) -> None:
    job(jobs, output={"keep": "full"})
    known = ran(jobs, "03-01", "03-02!")
    before = "2026-03-03T00:00:00Z"
    killed = jobs.jobs("prune", "--before", before, env={"PLATFORMSTATE_FAILPOINT": "jobs.ledger"})
    assert killed.status == -9
    assert pruned(on(jobs, "03-25"), known, before) == ({"03-01", "03-02!"}, {})
    assert [line["count"] for line in jobs.ledger("export") if line["status"] == "pruned"] == [2]
    assert list((jobs.repo.root / "state/jobs/export/runs").glob("*")) == []
    assert jobs.repo.git("status", "--porcelain") == ""


def test_a_folder_that_may_not_be_removed_stays_and_is_told(jobs: JobScene) -> None:
    job(jobs, output={"keep": "full"})
    known = ran(jobs, "03-01", "03-02")
    (stuck,) = (run for run, day in known.items() if day == "03-01")
    logs = jobs.repo.root / f"state/jobs/export/runs/{stuck}/logs"
    logs.chmod(0o500)
    claims = jobs.common / "claims/jobs/export"
    for dry_run in (True, False):
        with obeying_permissions():
            answer = prune_jobs(on(jobs, "03-25", dry_run=dry_run), before="2026-03-03T00:00:00Z")
        assert [known[row["run"]] for row in answer.data["removed"]] == ["03-02"]
        assert answer.data["skipped"] == [{"job": "export", "run": stuck, "reason": "repository_read_only"}]
        assert answer.error is not None
        assert (answer.error.code, answer.status) == ("repository_read_only", 7)
        assert answer.error.path == logs.relative_to(jobs.repo.root).as_posix()
        assert "platformctl jobs prune" in answer.error.hint
        assert {path.name for path in claims.iterdir()} == ({*known} if dry_run else {stuck})
    assert jobs.repo.git("status", "--porcelain") == ""
    logs.chmod(0o700)
    assert pruned(on(jobs, "03-25"), known, "2026-03-03T00:00:00Z") == ({"03-01"}, {})
    assert [line["count"] for line in jobs.ledger("export") if line["status"] == "pruned"] == [1, 1]
    assert list((jobs.repo.root / "state/jobs/export/runs").glob("*")) == []


def test_a_prune_follows_no_link_and_removes_a_run_s_journal_last(jobs: JobScene) -> None:
    job(jobs)
    known = ran(jobs, "03-01", "03-02")
    linked, other = sorted(known, key=known.__getitem__)
    runs = jobs.repo.root / "state/jobs/export/runs"
    outside = jobs.repo.root.parent / "outside"
    (runs / linked).rename(outside)
    (runs / linked).symlink_to(outside)
    (runs / other / "run_receipt.json").unlink()  # as one that was killed here leaves it
    answer = prune_jobs(on(jobs, "03-25"), before="2026-03-03T00:00:00Z")
    assert [row["run"] for row in answer.data["removed"]] == [other]
    assert [(row["run"], row["reason"]) for row in answer.data["skipped"]] == [(linked, "path_symlink")]
    assert (outside / "events.jsonl").exists()
    assert [path.name for path in runs.iterdir()] == [linked]
