"""What reaches a job from outside what was landed and approved: none of it runs, stops others or is believed."""

from __future__ import annotations

import json
import shutil

import pytest

from platformstate.core.instants import stamp
from tests.conftest import Ran
from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import begun, cron_job, runs, tick

DUE = "2026-03-02T00:05:01Z"
NEXT = "2026-03-02T00:10:01Z"


def code_of(ran: Ran) -> str | None:
    error = ran.document.get("error")
    return None if error is None else str(error["code"])


def test_values_whose_names_begin_with_x_are_part_of_what_is_approved(jobs: JobScene) -> None:
    script = f'cat "$PLATFORMSTATE_BINDINGS_FILE" >> {jobs.effects_file}'
    jobs.shell("export", script, bindings={"x-to": "here"})
    jobs.ready()
    jobs.run_job("export")
    jobs.shell("export", script, bindings={"x-to": "elsewhere"})
    jobs.land()
    assert code_of(jobs.jobs("run", "export")) == "job_approval_required"
    assert "elsewhere" not in jobs.effects


def test_a_schemas_properties_whose_names_begin_with_x_are_part_of_what_is_approved(jobs: JobScene) -> None:
    jobs.repo.write("tool.py", "def main(bindings, context):\n    pass\n")
    for allowed in (["a"], ["a", "b"]):
        schema = {"type": "object", "properties": {"x-to": {"enum": allowed}}}
        target = {"kind": "python", "entry": "tool:main", "bindings_schema": schema}
        jobs.job("export", target=target, bindings={"x-to": "a"})
        if allowed == ["a"]:
            jobs.ready()
            assert jobs.jobs("run", "export").status == 0
        else:
            jobs.land()
    assert code_of(jobs.jobs("run", "export")) == "job_approval_required"


def test_a_revocation_after_a_torn_line_counts(jobs: JobScene) -> None:
    jobs.shell("export", f"echo in >> {jobs.effects_file}")
    jobs.ready()
    with (jobs.common / "approvals/jobs/export.jsonl").open("a") as file:
        file.write('{"act":"appr')
    assert jobs.jobs("approve", "export", "--revoke").document["data"]["approved"] is False
    assert code_of(jobs.jobs("run", "export")) == "job_approval_required"
    assert jobs.effects == ""


def test_to_revoke_and_to_list_at_once_is_refused(jobs: JobScene) -> None:
    jobs.shell("export", "true")
    jobs.ready()
    ran = jobs.jobs("approve", "export", "--revoke", "--list")
    assert (ran.status, code_of(ran)) == (2, "usage_invalid")


def forged_line(jobs: JobScene, name: str, **changed: object) -> None:
    """Append a line as of another writer, made of the job's newest one."""
    line = {**jobs.ledger(name)[-1], **changed}
    text = json.dumps(line, separators=(",", ":"), sort_keys=True)
    jobs.repo.write(f"state/jobs/{name}/ledger/2026-11.aaaaaaaa.jsonl", f"{text}\n")


def test_a_replay_runs_after_other_work_has_landed(jobs: JobScene) -> None:
    jobs.shell("export", f"echo in >> {jobs.effects_file}")
    jobs.ready()
    run = jobs.run_job("export")
    jobs.repo.write("src/other.py", "x = 1\n")
    jobs.land()
    document = jobs.jobs("replay", f"export/{run['run_id']}", "--allow-side-effects").document
    assert document["ok"], document
    assert jobs.effects == "in in"


def test_a_line_of_a_branch_makes_no_commit_trusted(jobs: JobScene) -> None:
    for source in ("tree", "trusted"):
        jobs.job(source, target={"kind": "command", "argv": ["sh", "tool.sh"]}, runtime={"source": source})
    jobs.repo.write("tool.sh", f"echo landed >> {jobs.effects_file}\n")
    jobs.ready()
    for source in ("tree", "trusted"):
        jobs.run_job(source)
    jobs.repo.git("switch", "-qc", "theirs")
    jobs.repo.write("tool.sh", f"echo theirs >> {jobs.effects_file}\n")
    jobs.land()
    theirs = jobs.repo.git("rev-parse", "HEAD").strip()
    for source in ("tree", "trusted"):
        forged_line(jobs, source, run="20261119t101010z-aaaaaa", commit=theirs)
        ran = jobs.jobs("replay", f"{source}/20261119t101010z-aaaaaa", "--allow-side-effects")
        assert code_of(ran) in ("job_untrusted", "job_worktree_untrusted"), ran.stdout
    assert jobs.effects == "landed landed"


def test_a_line_of_the_future_stops_no_schedule(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, DUE)
    forged_line(jobs, "export", run="20990101t000000z", slot="2099-01-01T00:00:00Z")
    tick(jobs, NEXT)
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z", "2026-03-02T00:10:00Z"]


def test_a_line_that_is_none_is_told_and_the_other_jobs_go_on(jobs: JobScene) -> None:
    names = ("bad-0", "bad-1", "bad-2", "bad-3", "bad-4", "good")
    for name in names:
        cron_job(jobs, name)
    begun(jobs)
    tick(jobs, DUE)
    forged_line(jobs, "bad-0", at=1)
    forged_line(jobs, "bad-1", slot="soon")
    forged_line(jobs, "bad-2", status=["failed"])
    forged_line(jobs, "bad-3", at="2026-03-02T00:05:00Z", status="paused", until=7)
    jobs.repo.write("state/jobs/bad-4/ledger/2026-11.aaaaaaaa.jsonl", '{"at":"2026-03-02T00:05:00Z"}\n')
    document = tick(jobs, NEXT).document
    assert {row["job"]: row["code"] for row in document["data"]["problems"]} == dict.fromkeys(
        names[:5], "state_invalid"
    )
    assert [run["job"] for run in document["data"]["started"]] == ["good"]
    assert code_of(jobs.jobs("history", "bad-1")) == "state_invalid"


def test_30_12_a_folder_that_waits_where_a_slot_will_run_is_not_taken_for_its_run(
    jobs: JobScene,
) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, DUE)
    home = jobs.repo.root / "state/jobs/export/runs"
    old, new = home / "20260302t000500z", home / stamp("2026-03-02T00:10:00Z")
    new.mkdir()
    for path in old.iterdir():
        if path.is_file() and path.name != "run_receipt.json":
            (new / path.name).write_bytes(path.read_bytes())
    document = tick(jobs, NEXT).document
    assert [row["code"] for row in document["data"]["problems"]] == ["run_journal_moved"]
    assert runs(jobs, "export") == ["20260302t000500z"]
    shutil.rmtree(new)
    tick(jobs, "2026-03-02T00:10:20Z")
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z", "2026-03-02T00:10:00Z"]
    assert runs(jobs, "export") == ["20260302t000500z", "20260302t001000z"]


@pytest.mark.parametrize("whose", ["the step", "the conductor"])
def test_a_backfill_that_loses_a_process_says_so_and_goes_on(jobs: JobScene, whose: str) -> None:
    cron = {"kind": "cron", "cron": "*/10 * * * *", "timezone": "UTC"}
    killed = {"the step": "$PPID", "the conductor": "$(ps -o ppid= -p $PPID) $PPID"}[whose]
    script = f'case "$PLATFORMSTATE_SLOT" in *:10:*) kill -9 {killed};; esac'
    jobs.shell("fill", script, trigger=cron)
    jobs.ready()
    stretch = ("fill", "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-01T00:20:00Z")
    ran = jobs.jobs("backfill", *stretch)
    assert code_of(ran) == "job_runs_failed"
    rows = ran.document["data"]["slots"]
    assert [(row["status"], row["reason"]) for row in rows] == [
        ("succeeded", None),
        ("failed", "job_lost"),
        ("succeeded", None),
    ]
    if whose == "the conductor":
        jobs.jobs("tick", "--job", "fill")
        assert len(jobs.ledger("fill")) == 3


def test_a_backfill_fires_nothing_before_its_time(jobs: JobScene) -> None:
    cron_job(jobs, "fill")
    jobs.ready()
    stretch = ("fill", "--from", "2026-03-02T00:00:00Z", "--to", "2026-03-02T00:10:00Z")
    jobs.jobs("backfill", *stretch, env={"PLATFORMSTATE_NOW": DUE})
    assert jobs.effects.split() == ["2026-03-02T00:00:00Z", "2026-03-02T00:05:00Z"]


def test_a_run_without_its_line_is_not_pruned(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, DUE, PLATFORMSTATE_FAILPOINT="jobs.ledger-torn")
    pruned = jobs.jobs("prune", "--before", "2100-01-01T00:00:00Z").document["data"]
    assert [row["reason"] for row in pruned["skipped"]] == ["unsettled"]
    tick(jobs, "2026-03-02T00:05:20Z")
    assert runs(jobs, "export") == ["20260302t000500z"]


def test_a_broken_spec_keeps_no_other_job_from_being_pruned(jobs: JobScene) -> None:
    jobs.shell("good", "true")
    jobs.ready()
    jobs.run_job("good")
    jobs.repo.write("state/jobs/bad/job.md", "---\nschema: job/1\nid: bad\n---\n")
    pruned = jobs.jobs("prune", "--before", "2100-01-01T00:00:00Z").document
    assert [row["job"] for row in pruned["data"]["removed"]] == ["good"]


def test_an_approval_is_revoked_where_the_job_is_gone_from_the_trusted_ref(jobs: JobScene) -> None:
    jobs.shell("export", "true")
    jobs.ready()
    jobs.shell("export", "false")
    jobs.ready()
    path = jobs.shell("export", "exit 3", bindings="broken")
    jobs.land()
    assert jobs.jobs("approve", "export").document["error"]["code"] == "job_invalid_spec"
    path.unlink()
    jobs.repo.git("commit", "-q", "-a", "--no-verify", "-m", "remove export")
    for prefix in ("nothing", "export"):
        assert jobs.jobs("approve", prefix).document["error"]["code"] == "job_not_found"
    assert jobs.jobs("approve", "nothing", "--revoke").document["error"]["code"] == "job_not_found"
    assert len(jobs.jobs("approve", "exp", "--list").document["data"]["acts"]) == 2
    planned = jobs.jobs("approve", "exp", "--revoke", "--dry-run").document["data"]
    revoked = jobs.jobs("approve", "exp", "--revoke").document["data"]
    assert planned["acts"] == revoked["acts"] != []
    assert (revoked["approved"], {act["act"] for act in revoked["acts"]}) == (False, {"revoke"})
    again = jobs.jobs("approve", "export", "--revoke").document["data"]
    assert again["acts"] == []
    assert "export not approved" in jobs.run_ctl("jobs", "approve", "export", "--revoke").stdout
    jobs.shell("export", "true")
    jobs.land()
    assert jobs.jobs("run", "export").document["error"]["code"] == "job_approval_required"


def test_the_whole_name_of_a_gone_job_never_means_one_that_begins_with_it(jobs: JobScene) -> None:
    path = jobs.shell("export", "true")
    jobs.ready()
    path.unlink()
    jobs.shell("export-daily", "true")
    jobs.repo.git("commit", "-q", "-a", "--no-verify", "-m", "remove export")
    jobs.ready("export-daily")
    assert jobs.jobs("approve", "export", "--list").document["data"]["job"] == "export"
    assert jobs.jobs("approve", "export", "--revoke").document["data"]["job"] == "export"
    assert jobs.jobs("approve", "export-daily", "--list").document["data"]["approved"] is True
