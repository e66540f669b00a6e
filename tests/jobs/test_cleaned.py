"""A run whose folder is cleaned away while it goes on: its slot is told once, and never runs again."""

from __future__ import annotations

import pytest

from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import begun, cron_job, tick


@pytest.mark.parametrize("kind", ["cron", "manual"])
def test_a_run_that_cleans_its_own_folder_away_is_told_as_lost(jobs: JobScene, kind: str) -> None:
    script = f"echo x >> {jobs.effects_file}; git clean -fdxq state"
    if kind == "cron":
        cron_job(jobs, "clean", script)
    else:
        jobs.shell("clean", script)
    begun(jobs)
    if kind == "manual":
        assert jobs.jobs("run", "clean").document["error"]["code"] == "run_journal_moved"
    for now in ("2026-03-02T00:05:01Z", "2026-03-02T00:05:20Z", "2026-03-02T00:05:40Z"):
        tick(jobs, now)
    assert jobs.effects.split() == ["x"]
    assert [(line["status"], line["reason"]) for line in jobs.ledger("clean")] == [("failed", "job_lost")]
    assert not list(jobs.common.glob("leases/*.out"))  # what it printed does not stay
