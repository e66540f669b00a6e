"""Odd answers to flags: each is refused with a stable code, says what was wrong, and hints at what to write."""

from __future__ import annotations

import pytest

from platformstate.core.instants import instant, moment_of
from platformstate.errors import StateError
from tests.jobs.scenes import JobScene
from tests.jobs.test_schedule import cron_job

NOW = {"PLATFORMSTATE_NOW": "2026-03-02T00:00:00Z"}
FROM, TO = "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"

ODD = [
    (("pause", "export", "--reason", "x", "--until", "2026-03-01T00:00:00Z"), "has passed"),
    (("pause", "export", "--reason", "x", "--until", NOW["PLATFORMSTATE_NOW"]), "has passed"),
    (("pause", "export", "--reason", "x", "--until", "2026-02-30T00:00:00Z"), "is no instant"),
    (("backfill", "export", "--from", TO, "--to", FROM), "lies before --from"),
    (("backfill", "export", "--from", FROM, "--to", TO, "--limit", "0"), "0 is not in the range"),
    (("backfill", "export", "--from", FROM, "--to", TO, "--limit", "9" * 30), "is not in the range"),
    (("backfill", "export", "--from", FROM, "--to", TO, "--parallel", "0"), "0 is not in the range"),
    (("history", "export", "--status", "done"), "is none of succeeded, failed"),
    (("history", "export", "--status", "suceeded"), "is none of succeeded, failed"),
    (("history", "export", "--limit", "-1"), "-1 is not in the range"),
    (("history", "export", "--since", TO, "--until", FROM), "lies before --since"),
    (("history", "export", "--since", "2026-3-1T0:0:0Z"), "is no instant"),
    (("prune", "--before", "2026-10-25T02:30:00"), "is no instant"),
    (("next", "export", "-n", "0"), "is no number from 1"),
    (("next", "export", "--after", "2026-03-29T02:30:00+01:00"), "is no instant"),
    (("tail", "export", "--since", "-1"), "-1 is not in the range"),
    (("tick", "--parallel", "65"), "65 is not in the range"),
    (("serve", "--drain", "-5s"), "is not a duration"),
]


def test_every_odd_flag_is_a_usage_error_with_a_hint(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    jobs.ready()
    for argv, said in ODD:
        ran = jobs.run_ctl("jobs", *argv, "--json", env=NOW)
        error = ran.document["error"]
        assert (ran.status, error["code"]) == (2, "usage_invalid"), (argv, error)
        assert said in error["message"], (argv, error)
        assert error["hint"], argv
    assert jobs.ledger("export") == []


def test_an_unknown_zone_is_named_with_its_nearest(jobs: JobScene) -> None:
    ran = jobs.run_ctl("jobs", "next", "--expr", "30 2 * * *", "--tz", "Europe/Warszawa", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (1, "job_trigger_invalid")
    assert "Europe/Warsaw" in ran.document["error"]["hint"]


LOCAL = [
    ("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00Z"),
    ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z"),
    ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"),
    ("2026-10-25T02:30:00", "2026-11-20T10:11:30Z"),
    ("2026-03-29 02:30:00Z", "2026-03-29T02:30:00Z"),
    ("0001-01-01T00:00:00+14:00", "2026-11-20T10:11:30Z"),
    ("२०२६-03-29T02:30:00Z", "2026-11-20T10:11:30Z"),
    ("2026-12-31T23:59:60Z", "2026-11-20T10:11:30Z"),
    ("", "2026-11-20T10:11:30Z"),
]


@pytest.mark.parametrize(("text", "meant"), LOCAL)
def test_a_local_time_is_refused_and_one_with_an_offset_is_told_in_utc(text: str, meant: str) -> None:
    with pytest.raises(StateError) as refused:
        moment_of("--after", text)
    assert (refused.value.code, refused.value.hint) == ("usage_invalid", f"--after {meant}")


def test_an_instant_is_taken_as_it_stands() -> None:
    assert instant(moment_of("--after", "2026-03-29T01:30:00Z")) == "2026-03-29T01:30:00Z"
