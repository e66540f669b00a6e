"""Jobs that rest, runs that a tick leaves alone, and what becomes of local files that go."""

from __future__ import annotations

import json
import os
import signal
import time

from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import FIRST, begun, cron_job, runs, tick

DUE = "2026-03-02T00:05:01Z"


def resting(jobs: JobScene) -> list[str]:
    return sorted(json.loads((jobs.common / "cursor/resting.json").read_text())["resting"])


def age_claims(jobs: JobScene) -> None:
    """Let what changed a moment ago be old enough to be told from what changes now."""
    for folder in (jobs.common / "claims/jobs").iterdir():
        old = time.time() - 60
        os.utime(folder, (old, old))


def test_jobs_of_which_nothing_is_due_rest_until_their_slot(jobs: JobScene) -> None:
    cron_job(jobs, "often")
    cron_job(jobs, "daily", trigger={"kind": "cron", "cron": "0 3 * * *", "timezone": "UTC"})
    jobs.shell("byhand", "true")
    begun(jobs)
    assert resting(jobs) == ["byhand", "daily", "often"]
    assert [run["job"] for run in tick(jobs, DUE).document["data"]["started"]] == ["often"]
    assert resting(jobs) == ["byhand", "daily"]  # its line waits for a commit
    tick(jobs, "2026-03-02T00:05:30Z", "--commit")
    age_claims(jobs)
    tick(jobs, "2026-03-02T00:05:40Z")
    assert resting(jobs) == ["byhand", "daily", "often"]
    assert [run["slot"] for run in tick(jobs, "2026-03-02T00:10:00Z").document["data"]["started"]] == [
        "2026-03-02T00:10:00Z"
    ]


def test_a_resting_job_wakes_for_a_run_that_died_a_spec_that_landed_and_a_lost_note(jobs: JobScene) -> None:
    jobs.shell("byhand", "true")
    begun(jobs)
    assert resting(jobs) == ["byhand"]
    died = jobs.jobs("run", "byhand", env={"PLATFORMSTATE_FAILPOINT": "conduct.terminal"})
    assert died.status == -signal.SIGKILL
    data = tick(jobs, FIRST).document["data"]
    assert [(run["job"], run["status"]) for run in data["reconciled"]] == [("byhand", "succeeded")]
    cron_job(jobs, "new")
    jobs.ready()
    tick(jobs, FIRST)
    assert "new" in resting(jobs)
    (jobs.common / "cursor/resting.json").write_text("{")
    assert [run["job"] for run in tick(jobs, DUE).document["data"]["started"]] == ["new"]


def test_a_run_of_a_digest_that_was_revoked_is_left(jobs: JobScene) -> None:
    cron_job(jobs, "export", policy={"side_effects": "none"}, retry={"max": 1})
    begun(jobs)
    died = jobs.jobs("run", "export", env={"PLATFORMSTATE_FAILPOINT": "conduct.started"})
    assert died.status == -signal.SIGKILL
    jobs.run_ctl("jobs", "approve", "export", "--revoke", check=True)
    assert tick(jobs, FIRST).document["data"]["reconciled"] == []
    assert len(jobs.jobs("status", "export").document["data"]["jobs"][0]["crashed"]) == 1
    jobs.approve()
    assert [run["status"] for run in tick(jobs, FIRST).document["data"]["reconciled"]] == ["succeeded"]


def test_a_run_that_is_settled_holds_its_place_and_waits_for_a_taken_one(jobs: JobScene) -> None:
    gate = jobs.repo.root.parent / "gate"
    script = f"echo in >> {jobs.effects_file}; while [ ! -e {gate} ]; do sleep 0.02; done"
    for name in ("one", "two"):
        cron_job(jobs, name, script, overlap={"group": "database"}, trigger={"kind": "manual"})
    begun(jobs)
    died = jobs.jobs("run", "one", env={"PLATFORMSTATE_FAILPOINT": "conduct.started"})
    assert died.status == -signal.SIGKILL
    other = jobs.begin("jobs", "run", "two", "--json")
    jobs.wait_for("in")
    assert tick(jobs, FIRST).document["data"]["reconciled"] == []
    gate.touch()
    assert other.wait().status == 0
    gate.unlink()
    settling = jobs.begin("jobs", "tick", "--json")
    jobs.wait_for("in in")
    refused = jobs.jobs("run", "two").document["error"]
    assert refused["code"] == "job_overlap_skipped"
    gate.touch()
    assert settling.wait().status == 0


def test_30_10_git_clean_makes_no_slot_fire_again(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, DUE)
    jobs.repo.git("clean", "-fdxq")
    assert runs(jobs, "export") == []  # its line was not committed yet
    for now in (DUE, "2026-03-02T00:06:00Z"):
        data = tick(jobs, now).document["data"]
        assert data["started"] == data["recorded"] == data["reconciled"] == []
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z"]
