"""What jobs do where a file may not be written: nothing is lost, nothing runs twice, and all of it is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from platformstate.actions.job_decide import decide_job
from platformstate.actions.job_specs import trusted_job
from platformstate.actions.jobs_backfill import backfill_job
from platformstate.actions.jobs_run import RunRequest, run_job
from platformstate.actions.recipes import require_trusted
from platformstate.core.instants import moment
from platformstate.errors import StateError
from platformstate.store.opened import open_store
from tests.jobs.scenes import JobScene
from tests.jobs.test_pool import DUE, taken
from tests.jobs.test_schedule import begun, cron_job, runs
from tests.unprivileged import obeying_permissions

SLOT = "2026-03-02T00:05:00Z"


@contextmanager
def read_only(*paths: Path) -> Iterator[None]:
    """Let nobody write these files or folders."""
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        with obeying_permissions():
            yield
    finally:
        for path in paths:
            path.chmod(0o700 if path.is_dir() else 0o600)


def ledger(jobs: JobScene) -> Path:
    """Begin the ledger of `export`, and return its one file."""
    jobs.run_job("export", env={"PLATFORMSTATE_NOW": "2026-03-02T00:01:00Z"})
    (path,) = (jobs.repo.root / "state/jobs/export/ledger").iterdir()
    return path


def test_a_run_whose_line_cannot_be_written_says_so_and_a_tick_writes_it(jobs: JobScene) -> None:
    cron_job(jobs, "export", f"echo ran >> {jobs.effects_file}", overlap={"policy": "allow"})
    begun(jobs)
    path = ledger(jobs)
    store = open_store(jobs.repo.root, durability="fast", clock=lambda: moment(DUE))
    with read_only(path):
        with pytest.raises(StateError, match="succeeded, and no line tells of it yet") as refused:
            run_job(store, RunRequest("export"))
        (problem,) = jobs.ticked(DUE)["problems"][:1]
    assert refused.value.code == problem["code"] == "repository_read_only"
    assert refused.value.path == problem["path"] == path.relative_to(jobs.repo.root).as_posix()
    assert "platformctl jobs tick settles export/" in refused.value.hint
    data = jobs.ticked(DUE)
    assert {row["status"] for row in (*data["reconciled"], *data["started"])} == {"succeeded"}
    assert len(runs(jobs, "export")) == 3
    assert jobs.effects.split() == ["ran"] * 3


def test_a_job_that_cannot_be_claimed_keeps_no_place_and_no_other_job(jobs: JobScene) -> None:
    for name in ("export", "other"):
        cron_job(jobs, name, f"echo {name} >> {jobs.effects_file}")
    begun(jobs)
    claims = jobs.common / "claims/jobs/export"
    claims.mkdir(parents=True)
    store = open_store(jobs.repo.root, durability="fast", clock=lambda: moment(DUE))
    spec = trusted_job(store, "export", str(require_trusted(store).commit))
    with read_only(claims):
        with pytest.raises(StateError, match="may not be written"):
            decide_job(store, spec, moment(DUE))
        with taken(jobs, "export"):
            pass
        data = jobs.ticked(DUE)
    assert [row["job"] for row in data["started"]] == ["other"]
    assert [(row["job"], row["code"]) for row in data["problems"]] == [("export", "repository_read_only")]
    assert [row["slot"] for row in jobs.ticked(DUE)["started"]] == [SLOT]
    assert jobs.effects.split() == ["other", "export"]


def test_a_note_that_cannot_be_written_takes_nothing_from_what_a_tick_tells(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    with read_only(jobs.common / "cursor"):
        assert [row["status"] for row in jobs.ticked(DUE)["started"]] == ["succeeded"]


def test_a_backfill_that_may_not_lock_or_has_no_room_says_why_of_each_slot(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    store = open_store(jobs.repo.root, durability="fast", clock=lambda: moment(DUE))
    told: list[str] = []
    lock = jobs.common / "locks/jobs/export"
    with read_only(lock):
        answer = backfill_job(store, "export", start=SLOT, end=SLOT, told=told.append)
    assert answer.error is not None
    assert answer.error.hint == "platformctl jobs status export"
    assert [row["reason"] for row in answer.data["slots"]] == ["repository_read_only"]
    assert told[0].startswith(f"{SLOT} repository_read_only; ")
    assert os.fspath(lock) in told[0]
    assert runs(jobs, "export") == []
