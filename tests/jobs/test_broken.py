"""What is broken of one job is told with its place and the next command, and keeps no other job from anything."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.jobs_look import job_status, list_jobs
from platformstate.actions.jobs_prune import prune_jobs
from platformstate.store import Store
from platformstate.store.opened import open_store
from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import EVERY_5, FIRST, begun, cron_job, ranges, tick

DUE = "2026-03-02T00:05:01Z"
LEDGER = "state/jobs/{}/ledger/2026-03.aaaaaaaa.jsonl"


def opened(jobs: JobScene) -> Store:
    return open_store(jobs.repo.root, durability="fast")


def committed(jobs: JobScene, name: str) -> str:
    listed = jobs.repo.git("ls-files", f"state/jobs/{name}/ledger").split()
    return "".join(jobs.repo.git("show", f"HEAD:{path}") for path in listed)


def test_a_line_that_is_none_or_odd_keeps_no_other_jobs_lines_from_their_commit(jobs: JobScene) -> None:
    for name in ("bad", "good", "odd"):
        cron_job(jobs, name)
    begun(jobs)
    path = LEDGER.format("bad")
    jobs.repo.write(path, '{"at":1}\n')
    line = '{"actor":"a","at":"2026-03-02T00:00:00Z","job":"odd","odd":"","reason":null,"run":null,"slot":null,"status":"resumed"}'
    jobs.repo.write(LEDGER.format("odd"), f"{line}\n")
    document = tick(jobs, DUE, "--commit").document
    row = document["data"]["problems"][0]
    assert (row["job"], row["code"], row["path"], row["line"]) == ("bad", "state_invalid", path, 1)
    assert row["hint"] == f"platformctl validate {path}"
    assert {row["job"] for row in document["data"]["problems"]} == {"bad", "odd"}
    assert document["data"]["ledger"]["committed"] is True
    assert '"run":"20260302t000500z"' in committed(jobs, "good")
    assert committed(jobs, "bad") == ""


def test_a_ledger_that_cannot_be_read_hides_no_other_job(jobs: JobScene) -> None:
    for name in ("bad", "good"):
        jobs.shell(name, "true")
    jobs.ready()
    path = LEDGER.format("bad")
    jobs.repo.write(path, "no JSON\n")
    listed = list_jobs(opened(jobs))
    assert [(row["id"], row["problems"]) for row in listed.data["items"]] == [("bad", 1), ("good", 0)]
    status = job_status(opened(jobs), None)
    assert [row["id"] for row in status.data["jobs"]] == ["good"]
    for answer in (listed, status):
        assert answer.error is not None
        assert (answer.error.code, answer.error.path, answer.error.line) == ("state_invalid", path, 1)
        assert answer.error.hint == f"platformctl validate {path}"


@pytest.mark.parametrize("link", ["state/jobs/bad/job.md", "state/jobs/bad"])
def test_a_link_in_place_of_a_spec_hides_no_other_job(jobs: JobScene, link: str) -> None:
    jobs.shell("good", "true")
    jobs.shell("bad", "true")
    jobs.ready()
    path = jobs.repo.root / link
    path.rename(jobs.repo.root / "elsewhere")
    path.symlink_to(jobs.repo.root / "elsewhere")
    listed = list_jobs(opened(jobs))
    assert [(row["id"], row["problems"] > 0) for row in listed.data["items"]] == [
        ("bad", True),
        ("good", False),
    ]
    assert listed.error is not None
    assert listed.error.code == "job_invalid_spec"
    assert [problem.path for problem in listed.error.problems][:1] == ["state/jobs/bad/job.md"]
    assert "good" in [row["id"] for row in job_status(opened(jobs), None).data["jobs"]]


BROKEN = {
    "no YAML": "---\nschema: [\n---\n",
    "zone": "---\nschema: job/1\nid: bad\ntitle: bad\ntarget: {kind: command, argv: [sh]}\n"
    'trigger: {kind: cron, cron: "*/5 * * * *", timezone: CEST}\n---\n',
}


def test_plain_prune_names_the_broken_jobs_and_prunes_the_others(jobs: JobScene) -> None:
    jobs.shell("good", "true", retention={"days": 1})
    jobs.ready()
    run = jobs.run_job("good", env={"PLATFORMSTATE_NOW": "2026-03-02T00:00:00Z"})
    paths = [f"state/jobs/{name}/job.md" for name in ("bad", "worse")]
    for path, how in zip(paths, BROKEN, strict=True):
        jobs.repo.write(path, BROKEN[how].replace("id: bad", "id: worse"))
    jobs.repo.write(LEDGER.format("torn"), "no JSON\n")
    jobs.shell("torn", "true")
    pruned = prune_jobs(opened(jobs))
    assert pruned.data["removed"] == [{"job": "good", "run": run["run_id"]}]
    assert [(row["job"], row["reason"]) for row in pruned.data["skipped"]] == [
        ("bad", "job_invalid_spec"),
        ("torn", "state_invalid"),
        ("worse", "job_trigger_invalid"),
    ]
    assert pruned.error is not None
    first = ("job_invalid_spec", paths[0], 1)
    assert (pruned.error.code, pruned.error.path, pruned.error.exit_status) == first
    assert {found.path for found in pruned.error.problems} == {*paths, LEDGER.format("torn")}


def test_a_spec_that_is_checked_out_but_not_landed_shortens_no_retention(jobs: JobScene) -> None:
    jobs.shell("export", "true")
    jobs.ready()
    jobs.run_job("export", env={"PLATFORMSTATE_NOW": "2026-11-01T00:00:00Z"})
    jobs.shell("export", "true", retention={"days": 1, "runs": 1})
    assert prune_jobs(opened(jobs)).data["removed"] == []


def test_prune_takes_no_run_while_a_task_that_may_cite_it_cannot_be_read(jobs: JobScene) -> None:
    jobs.shell("export", "true")
    jobs.ready()
    jobs.run_job("export")
    jobs.repo.write("state/tasks/gh-1/task.md", "---\n<<<<<<< ours\n---\n")
    refused = jobs.jobs("prune", "--before", "2100-01-01T00:00:00Z").document
    assert (refused["error"]["code"], refused["error"]["path"]) == (
        "state_invalid",
        "state/tasks/gh-1/task.md",
    )
    assert len(list((jobs.repo.root / "state/jobs/export/runs").iterdir())) == 1


def unread(jobs: JobScene, **changed: Any) -> None:
    jobs.shell("export", "true", trigger={**EVERY_5, **changed})
    jobs.land()


def test_slots_of_a_schedule_that_cannot_be_read_any_more_are_recorded_as_invalid(jobs: JobScene) -> None:
    cron_job(jobs, "export", "true")
    begun(jobs)
    unread(jobs, timezone="CEST")
    for minute in ("05", "10", "15"):
        data = jobs.ticked(f"2026-03-02T00:{minute}:01Z")
        assert [row["code"] for row in data["problems"]] == ["job_trigger_invalid"]
        assert data["started"] == []
    cron_job(jobs, "export", "true")
    jobs.land()
    assert jobs.ticked("2026-03-02T00:16:00Z")["started"] == []
    assert ranges(jobs, "export") == [
        ("invalid", "job_trigger_invalid", "2026-03-02T00:05:00Z", "2026-03-02T00:15:00Z", 3)
    ]
    assert len(jobs.ticked("2026-03-02T00:20:01Z")["started"]) == 1


def test_slots_of_a_spec_that_is_no_record_any_more_are_recorded_as_invalid(jobs: JobScene) -> None:
    cron_job(jobs, "export", "true")
    begun(jobs)
    jobs.repo.write("state/jobs/export/job.md", BROKEN["no YAML"])
    jobs.land()
    jobs.ticked(DUE)
    cron_job(jobs, "export", "true", trigger={**EVERY_5, "cron": "0 * * * *"})
    jobs.land()
    assert jobs.ticked("2026-03-02T00:06:00Z")["started"] == []
    assert ranges(jobs, "export") == [
        ("invalid", "job_invalid_spec", "2026-03-02T00:05:00Z", "2026-03-02T00:05:00Z", 1)
    ]


def test_a_range_that_is_open_when_the_schedule_is_taken_away_is_written(jobs: JobScene) -> None:
    cron_job(jobs, "export", "true", enabled=False)
    jobs.ready()
    jobs.ticked(FIRST)
    jobs.ticked(DUE)
    jobs.shell("export", "true", enabled=False)
    jobs.land()
    for now in ("2026-03-02T00:06:00Z", "2026-03-02T00:07:00Z"):
        jobs.ticked(now)
    assert ranges(jobs, "export") == [
        ("skipped_disabled", None, "2026-03-02T00:05:00Z", "2026-03-02T00:05:00Z", 1)
    ]
