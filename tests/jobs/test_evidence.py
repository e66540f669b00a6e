"""A job's run as evidence of a task, and in its brief."""

from __future__ import annotations

from tests.jobs.scenes import JobScene


def task(jobs: JobScene) -> None:
    jobs.run_ctl(
        "task", "create", "--id", "gh-1", "--title", "Export", "--accept", "the export runs::test", check=True
    )
    jobs.repo.git("add", "-A")


def receipt_of(jobs: JobScene, script: str = "true", **env: str) -> tuple[str, str]:
    jobs.shell("export", script)
    jobs.ready()
    run = jobs.run_job("export", env=env)
    return f"receipt:export/{run['run_id']}", run["files"]["receipt"]


def head(jobs: JobScene, path: str) -> str:
    return jobs.repo.git("show", f"HEAD:{path}", check=False)


def test_a_run_that_is_not_in_git_yet_is_kept_in_the_commit_that_names_it(jobs: JobScene) -> None:
    task(jobs)
    text, path = receipt_of(jobs)
    assert head(jobs, path) == ""
    ran = jobs.run_ctl("task", "update", "gh-1", "--evidence", f"ac1={text}", "--json")
    assert ran.status == 0, ran.stdout
    changed = jobs.repo.git("show", "--name-only", "--format=", "HEAD").split()
    folder = path.rpartition("/")[0]
    assert {
        f"{folder}/{name}" for name in ("events.jsonl", "resolved_steps.json", "run.md", "run_receipt.json")
    } <= set(changed)
    assert "state/tasks/gh-1/task.md" in changed
    assert jobs.run_ctl("validate").status == 0
    verified = jobs.run_ctl("evidence", "verify", "--task", "gh-1", "--json").document
    assert verified["ok"], verified
    removed = jobs.run_ctl("jobs", "prune", "--before", "2100-01-01T00:00:00Z", "--json").document["data"]
    assert (removed["removed"], [row["reason"] for row in removed["skipped"]]) == ([], ["evidence"])


def test_a_checkpoint_that_names_a_run_keeps_it(jobs: JobScene) -> None:
    task(jobs)
    text, path = receipt_of(jobs)
    ran = jobs.run_ctl(
        "memory",
        "checkpoint",
        "create",
        "--task",
        "gh-1",
        "--kind",
        "progress",
        "--done",
        "exported",
        "--evidence",
        text,
        "--json",
    )
    assert ran.status == 0, ran.stdout
    assert head(jobs, path)
    assert jobs.repo.git("status", "--porcelain") == ""


def test_a_failed_run_proves_nothing(jobs: JobScene) -> None:
    task(jobs)
    text, _ = receipt_of(jobs, "false")
    refused = jobs.run_ctl("task", "update", "gh-1", "--evidence", f"ac1={text}", "--json").document
    assert refused["error"]["code"] == "evidence_refused"


def test_the_brief_of_a_task_shows_the_runs_of_jobs_that_serve_it(jobs: JobScene) -> None:
    task(jobs)
    for name in ("export", "import"):
        jobs.shell(name, "true")
    jobs.ready()
    at = {"PLATFORMSTATE_TASK": "gh-1", "PLATFORMSTATE_NOW": "2026-03-02T00:00:00Z"}
    runs = [jobs.run_job(name, env=at) for name in ("export", "import")]
    data = jobs.run_ctl("memory", "brief", "--task", "gh-1", "--json").document["data"]
    named = {f"{run['job_id']}/{run['run_id']}" for run in runs}
    assert {row["run"] for row in data["conducts"]} == named
    assert {row["status"] for row in data["conducts"]} == {"succeeded"}
