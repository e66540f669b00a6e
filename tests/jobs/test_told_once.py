"""Each slot is told of once: lines span no slot of another's, and no worktree's line is lost on the others."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import pytest

from platformstate.actions.job_decide import decide_job, record_skipped
from platformstate.actions.job_specs import trusted_job
from platformstate.actions.recipes import require_trusted
from platformstate.core.instants import moment, stamp
from platformstate.runner import Claim, JobFiles
from platformstate.store.opened import open_store
from tests.forking import Command
from tests.jobs.scenes import JobScene, until
from tests.jobs.test_crash_sequences import accounts
from tests.jobs.test_pool import taken
from tests.jobs.test_schedule import begun, cron_job, ranges, runs, tick
from tests.jobs.test_worktrees import tick_in, worktree

ALL = {"misfire": {"policy": "all"}}


def at(minutes: str) -> str:
    return f"2026-03-02T00:{minutes}Z"


def claimed(jobs: JobScene, minute: str, trigger: str = "cron") -> Claim:
    """Claim a slot of `export` as another process would; it has come to nothing when its lock is let go."""
    slot = at(f"{minute}:00")
    said = {"slot": slot, "trigger": trigger, "worktree": "."}
    claim = JobFiles(jobs.repo.root / ".git", "export").claim(stamp(slot), said)
    assert claim is not None
    return claim


def told(jobs: JobScene) -> list[tuple[str, str, str, int]]:
    """Return the ranges of `export`: the status, the minutes of the first and the last slot, how many."""
    return [(row[0], row[2][14:16], row[3][14:16], row[4]) for row in ranges(jobs, "export")]


def test_slots_that_are_skipped_are_told_around_one_that_runs(jobs: JobScene) -> None:
    cron_job(jobs, "export", **ALL)
    begun(jobs)
    claimed(jobs, "05").started()
    running = claimed(jobs, "10")
    with taken(jobs, "export"):
        data = jobs.ticked(at("20:01"))
    running.started()
    assert told(jobs) == [("skipped_overlap", "05", "05", 1), ("skipped_overlap", "15", "20", 2)]
    assert len(data["recorded"]) == 2


def test_slots_that_found_no_place_in_time_are_told_around_one_that_runs(jobs: JobScene) -> None:
    cron_job(jobs, "export", overlap={"policy": "queue"}, **ALL)
    begun(jobs)
    running = claimed(jobs, "10")
    store = open_store(jobs.repo.root, durability="fast")
    spec = trusted_job(store, "export", str(require_trusted(store).commit))
    with taken(jobs, "export"):
        decided = decide_job(store, spec, moment(at("15:01")))
    assert [firing.slot for firing, _ in decided.firings] == [at("05:00"), at("15:00")]
    decided.waiting_in.refusal = "queue_timeout"
    record_skipped(decided)
    running.started()
    decided.let_go()
    assert told(jobs) == [("skipped_overlap", "05", "05", 1), ("skipped_overlap", "15", "15", 1)]


def test_slots_that_are_coalesced_are_told_around_those_of_a_pause(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    jobs.run_ctl(
        "jobs", "pause", "export", "--reason", "moving", "--until", at("11:00"),
        env={"PLATFORMSTATE_NOW": at("09:00")}, check=True,
    )  # fmt: skip
    jobs.ticked(at("20:01"))
    assert told(jobs) == [
        ("skipped_paused", "10", "10", 1), ("coalesced", "05", "05", 1), ("coalesced", "15", "15", 1),
    ]  # fmt: skip


def switch(jobs: JobScene, verb: str, minutes: str) -> None:
    said = ("--reason", "moving") if verb == "pause" else ()
    jobs.run_ctl("jobs", verb, "export", *said, env={"PLATFORMSTATE_NOW": at(minutes)}, check=True)


def test_slots_of_a_pause_are_told_around_those_that_are_taken(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    switch(jobs, "pause", "01:00")
    jobs.ticked(at("05:01"))
    running, dying = claimed(jobs, "15"), claimed(jobs, "25")
    jobs.ticked(at("20:01"))
    jobs.ticked(at("30:01"))
    dying.started()
    switch(jobs, "resume", "31:00")
    jobs.ticked(at("31:01"))
    running.started()
    assert [(first, last, count) for _, first, last, count in sorted(told(jobs))] == [
        ("05", "10", 2), ("20", "20", 1), ("25", "25", 1), ("30", "30", 1),
    ]  # fmt: skip


def test_slots_of_two_pauses_are_told_around_those_between_them(jobs: JobScene) -> None:
    cron_job(jobs, "export", **ALL)
    begun(jobs)
    for verb, minutes in (("pause", "04:00"), ("resume", "06:00"), ("pause", "14:00"), ("resume", "16:00")):
        switch(jobs, verb, minutes)
    jobs.ticked(at("20:01"))
    assert told(jobs) == [("skipped_paused", "05", "05", 1), ("skipped_paused", "15", "15", 1)]
    assert runs(jobs, "export") == ["20260302t001000z", "20260302t002000z"]


def test_what_two_worktrees_told_before_they_were_killed_is_known_to_both(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    home, side = jobs.repo.root, worktree(jobs)
    deaths = ((home, "05", "jobs.claimed"), (side, "10", "jobs.ledger"), (home, "15", "jobs.ledger"))
    for root, minute, point in deaths:
        assert tick_in(jobs, root, at(f"{minute}:01"), PLATFORMSTATE_FAILPOINT=point).status < 0
    tick_in(jobs, home, at("20:01"))
    assert accounts("export", (home, side)) == Counter(
        at(f"{minute}:00") for minute in ("05", "10", "15", "20")
    )


def test_slots_that_were_told_are_not_due_when_the_clock_goes_back(jobs: JobScene) -> None:
    cron_job(jobs, "export", **ALL)
    begun(jobs)
    with taken(jobs, "export"):
        assert tick(jobs, at("10:01"), PLATFORMSTATE_FAILPOINT="jobs.ledger").status < 0
    for minutes in ("09:59", "10:30", "15:01"):
        jobs.ticked(at(minutes))
    assert told(jobs) == [("skipped_overlap", "05", "10", 2)]
    assert runs(jobs, "export") == ["20260302t001500z"]


def test_a_backfill_that_died_with_a_claim_takes_no_slot_from_the_schedule(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    claimed(jobs, "05", "backfill").started()
    jobs.ticked(at("05:01"))
    assert runs(jobs, "export") == ["20260302t000500z"]


def backfilling(jobs: JobScene, minutes: str, **env: str) -> Command:
    """Start a backfill of the slot of 00:05 at an instant."""
    argv = ("jobs", "backfill", "export", "--from", at("05:00"), "--to", at("05:00"), "--json")
    return jobs.begin(*argv, env={"PLATFORMSTATE_NOW": at(minutes), **env})


def overdue(jobs: JobScene, minutes: str) -> int:
    rows = jobs.jobs("status", "export", env={"PLATFORMSTATE_NOW": at(minutes)}).document["data"]["jobs"]
    return int(rows[0]["overdue"])


def is_claimed(jobs: JobScene) -> bool:
    return (jobs.common / "claims/jobs/export/20260302t000500z").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_slot_that_a_backfill_let_go_of_is_the_schedule_s_again(jobs: JobScene, number: int) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    with taken(jobs, "export"):
        command = backfilling(jobs, "05:01")
        until(lambda: is_claimed(jobs), "the backfill never claimed its slot")
        jobs.ticked(at("10:01"))
        claim = json.loads((jobs.common / "claims/jobs/export/20260302t000500z").read_bytes())
        os.kill(claim["pid"], number)
        command.wait()
    assert overdue(jobs, "10:02") == 1
    jobs.ticked(at("10:02"))
    assert overdue(jobs, "10:02") == 0
    jobs.ticked(at("15:01"))
    assert accounts("export", (jobs.repo.root,)) == Counter(
        at(f"{minute}:00") for minute in ("05", "10", "15")
    )


def test_a_slot_that_a_backfill_let_go_of_is_due_where_only_the_ledger_tells_of_the_schedule(
    jobs: JobScene,
) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    with taken(jobs, "export"):
        jobs.ticked(at("05:01"))
        (jobs.common / "cursor/jobs/export.json").unlink()
        command = jobs.begin(
            "jobs", "backfill", "export", "--from", at("10:00"), "--to", at("10:00"), "--json",
            env={"PLATFORMSTATE_NOW": at("10:01")},
        )  # fmt: skip
        claims = jobs.common / "claims/jobs/export/20260302t001000z"
        until(claims.exists, "the backfill never claimed its slot")
        jobs.ticked(at("15:01"))
        os.kill(json.loads(claims.read_bytes())["pid"], signal.SIGTERM)
        command.wait()
    jobs.ticked(at("15:02"))
    assert accounts("export", (jobs.repo.root,)) == Counter(
        at(f"{minute}:00") for minute in ("05", "10", "15")
    )


def test_what_a_backfill_ran_or_a_clock_that_was_set_back_made_a_future_one_is_not_overdue(
    jobs: JobScene,
) -> None:
    cron_job(jobs, "export", **ALL)
    begun(jobs)
    assert backfilling(jobs, "06:00").wait().document["data"]["ran"] == 1
    assert overdue(jobs, "06:00") == 0
    dying = claimed(jobs, "10")
    jobs.ticked(at("15:01"))
    dying.started()
    assert [overdue(jobs, minutes) for minutes in ("09:59", "15:02")] == [0, 1]
    assert len(jobs.ticked(at("15:02"))["started"]) == 1
    assert overdue(jobs, "15:02") == 0


def test_a_backfill_takes_again_what_one_before_let_go_of_and_no_slot_that_was_never_due(
    jobs: JobScene,
) -> None:
    cron_job(jobs, "export")
    begun(jobs, now=at("06:00"))
    backfilling(jobs, "06:01", PLATFORMSTATE_FAILPOINT="jobs.claimed").wait()
    jobs.ticked(at("10:01"))
    assert runs(jobs, "export") == ["20260302t001000z"]
    assert not is_claimed(jobs)
    backfilling(jobs, "10:02", PLATFORMSTATE_FAILPOINT="jobs.claimed").wait()
    assert is_claimed(jobs)
    assert overdue(jobs, "10:02") == 0
    assert backfilling(jobs, "10:03").wait().document["data"]["ran"] == 1
    assert runs(jobs, "export") == ["20260302t001000z", "20260302t000500z"]


def test_a_tick_keeps_aside_the_half_of_a_line_that_a_killed_one_left(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    with taken(jobs, "export"):
        assert tick(jobs, at("05:01"), PLATFORMSTATE_FAILPOINT="jobs.ledger-torn").status < 0
    (path,) = (jobs.repo.root / "state/jobs/export/ledger").iterdir()
    half = path.read_text()
    assert half
    assert not half.endswith("\n")
    running = claimed(jobs, "05")
    jobs.ticked(at("05:02"))
    running.started()
    assert path.read_text() == ""
    assert [kept.read_text() for kept in (jobs.common / "torn").iterdir()] == [half]
    assert jobs.run_ctl("validate").status == 0
