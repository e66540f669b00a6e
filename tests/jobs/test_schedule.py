"""Ticks: what fires, what is recorded instead, and what holds while nothing may fire."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from platformstate.core.instants import stamp
from tests.conftest import Ran
from tests.jobs.scenes import JobScene, until

EVERY_5 = {"kind": "cron", "cron": "*/5 * * * *", "timezone": "UTC"}
FIRST, LATER = "2026-03-02T00:00:30Z", "2026-03-05T00:02:30Z"
SLOT = 'echo "$PLATFORMSTATE_SLOT" >> {}'


def tick(jobs: JobScene, now: str, *argv: str, **env: str) -> Ran:
    return jobs.jobs("tick", *argv, env={"PLATFORMSTATE_NOW": now, **env})


def cron_job(jobs: JobScene, name: str, script: str | None = None, **spec: Any) -> None:
    said = script or SLOT.format(jobs.effects_file)
    jobs.shell(name, said, **{"trigger": EVERY_5, **spec})


def begun(jobs: JobScene, *names: str, now: str = FIRST) -> None:
    """Land and approve what there is, and let the first tick set the cursors."""
    jobs.ready(*names)
    data = jobs.ticked(now)
    assert data["started"] == data["recorded"] == []


def ranges(jobs: JobScene, name: str) -> list[tuple[str, str | None, str, str, int]]:
    """Return the ranges of slots that did not run, as the ledger has them."""
    keys = ("status", "reason", "slot", "to", "count")
    return [tuple(line[key] for key in keys) for line in jobs.ledger(name) if "count" in line]  # type: ignore[misc]


def runs(jobs: JobScene, name: str) -> list[str]:
    return [line["run"] for line in jobs.ledger(name) if "ended_at" in line]


def test_30_03_864_due_slots_under_each_misfire_policy(jobs: JobScene) -> None:
    for policy in ("skip", "latest", "all"):
        cron_job(
            jobs,
            policy,
            f"echo $PLATFORMSTATE_SLOT >> {jobs.effects_file}.{policy}",
            misfire={"policy": policy},
        )
    begun(jobs)
    document = tick(jobs, LATER).document
    assert document["ok"]
    assert len(document["data"]["started"]) == 11
    assert document["data"]["ledger"] == {"appended": 15, "committed": False, "commit": None, "pending": 15}
    assert runs(jobs, "skip") == []
    assert ranges(jobs, "skip") == [("missed", "late", "2026-03-02T00:05:00Z", "2026-03-05T00:00:00Z", 864)]
    assert runs(jobs, "latest") == ["20260305t000000z"]
    coalesced = jobs.ledger("latest")[0]
    assert (coalesced["status"], coalesced["count"], coalesced["by"]) == (
        "coalesced",
        863,
        "20260305t000000z",
    )
    slots = [f"2026-03-04T23:{minute}:00Z" for minute in range(15, 60, 5)] + ["2026-03-05T00:00:00Z"]
    assert runs(jobs, "all") == [stamp(slot) for slot in slots]
    assert (jobs.effects_file.parent / "E.all").read_text().split() == slots
    assert [row[::4] for row in ranges(jobs, "all")] == [("missed", 576), ("missed", 278)]
    assert [row[1] for row in ranges(jobs, "all")] == ["outside_window", "over_max_runs"]
    again = tick(jobs, LATER).document["data"]
    assert again["started"] == again["recorded"] == again["reconciled"] == []
    assert jobs.run_ctl("validate").status == 0
    assert all(len(json.dumps(line, separators=(",", ":"))) <= 700 for line in jobs.ledger("all"))


def test_30_03_a_changed_schedule_starts_nothing_and_records_nothing(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    cron_job(jobs, "export", trigger={**EVERY_5, "cron": "*/10 * * * *"})
    jobs.ready()
    data = tick(jobs, LATER).document["data"]
    assert data["started"] == data["recorded"] == []
    assert jobs.ledger("export") == []
    assert [run["slot"] for run in tick(jobs, "2026-03-05T00:10:01Z").document["data"]["started"]] == [
        "2026-03-05T00:10:00Z"
    ]


def test_a_clock_that_was_set_back_fires_no_slot_twice_and_none_early(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    for now in ("00:05:01", "00:10:01", "00:05:01", "00:09:59", "00:10:30"):
        tick(jobs, f"2026-03-02T{now}Z")
    (jobs.common / "cursor/jobs/export.json").write_text('{"slot":"2026-0')  # cut off: rebuilt, never reset
    tick(jobs, "2026-03-02T00:10:40Z")
    assert jobs.effects.split() == ["2026-03-02T00:05:00Z", "2026-03-02T00:10:00Z"]
    assert tick(jobs, "2026-03-02T00:15:00Z").document["data"]["recorded"] == []
    assert len(jobs.effects.split()) == 3


def test_a_run_at_an_overridden_clock_says_so_and_its_child_does_not_get_it(jobs: JobScene) -> None:
    cron_job(jobs, "export", f'echo "got:$PLATFORMSTATE_NOW" >> {jobs.effects_file}')
    begun(jobs)
    started = tick(jobs, "2026-03-02T00:05:07Z").document["data"]["started"][0]
    receipt = jobs.receipt({"job_id": "export", "run_id": started["run"]})
    assert receipt["job"]["clock"] == "override"
    assert receipt["job"]["slot"] == "2026-03-02T00:05:00Z"
    assert 7_000 <= receipt["job"]["late_ms"] < 30_000
    assert receipt["started_at"][:16] == "2026-03-02T00:05"
    assert jobs.effects == "got:"
    assert tick(jobs, "soon").document["error"]["code"] == "clock_override_invalid"


def test_30_11_a_pause_is_one_line_when_it_ends_and_nothing_is_caught_up(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    jobs.run_ctl(
        "jobs", "pause", "export", "--reason", "moving", env={"PLATFORMSTATE_NOW": FIRST}, check=True
    )
    for minute in ("05", "10", "15"):
        assert tick(jobs, f"2026-03-02T00:{minute}:01Z").document["data"]["recorded"] == []
    history = jobs.jobs("history", "export").document["data"]["items"]
    assert [(row["status"], row["count"]) for row in history if row.get("open")] == [("skipped_paused", 3)]
    jobs.run_ctl("jobs", "resume", "export", env={"PLATFORMSTATE_NOW": "2026-03-02T00:16:00Z"}, check=True)
    assert tick(jobs, "2026-03-02T00:16:30Z").document["data"]["started"] == []
    assert ranges(jobs, "export") == [
        ("skipped_paused", None, "2026-03-02T00:05:00Z", "2026-03-02T00:15:00Z", 3)
    ]
    assert [run["slot"] for run in tick(jobs, "2026-03-02T00:20:01Z").document["data"]["started"]] == [
        "2026-03-02T00:20:00Z"
    ]


def test_30_11_a_pause_that_no_tick_saw_is_recorded_and_not_caught_up(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    until_ = "2026-03-02T00:17:00Z"
    jobs.run_ctl(
        "jobs", "pause", "export", "--reason", "night", "--until", until_,
        env={"PLATFORMSTATE_NOW": FIRST}, check=True,
    )  # fmt: skip
    data = tick(jobs, "2026-03-02T00:20:01Z").document["data"]
    assert [(row["status"], row["count"]) for row in data["recorded"]] == [("skipped_paused", 3)]
    assert [run["slot"] for run in data["started"]] == ["2026-03-02T00:20:00Z"]


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [("disabled", "skipped_disabled", None), ("unapproved", "denied", "job_approval_required")],
)
def test_30_11_disabled_and_unapproved_are_one_line_each_when_the_state_ends(
    jobs: JobScene, state: str, status: str, reason: str | None
) -> None:
    cron_job(jobs, "export", enabled=state != "disabled")
    jobs.land()
    if state == "disabled":
        jobs.approve()
    tick(jobs, FIRST)
    for minute in ("05", "10", "15"):
        assert tick(jobs, f"2026-03-02T00:{minute}:01Z").document["data"]["started"] == []
    assert jobs.ledger("export") == []
    cron_job(jobs, "export")
    jobs.ready()
    data = tick(jobs, "2026-03-02T00:15:30Z").document["data"]
    assert data["started"] == []
    assert ranges(jobs, "export") == [(status, reason, "2026-03-02T00:05:00Z", "2026-03-02T00:15:00Z", 3)]


def test_an_open_range_is_written_at_the_first_tick_of_a_new_day(jobs: JobScene) -> None:
    cron_job(jobs, "export", enabled=False)
    jobs.ready()
    tick(jobs, "2026-03-02T23:50:00Z")
    tick(jobs, "2026-03-02T23:56:00Z")
    assert jobs.ledger("export") == []
    tick(jobs, "2026-03-03T00:00:30Z")
    assert ranges(jobs, "export") == [
        ("skipped_disabled", None, "2026-03-02T23:55:00Z", "2026-03-02T23:55:00Z", 1)
    ]


def test_a_broken_job_is_a_problem_and_the_others_go_on(jobs: JobScene) -> None:
    cron_job(jobs, "good")
    cron_job(jobs, "vague", retry={"max": 21})
    cron_job(jobs, "torn")
    jobs.ready("good")
    jobs.repo.write("state/jobs/torn/ledger/2026-03.aaaaaaaa.jsonl", "no JSON\n")
    tick(jobs, FIRST)
    ran = tick(jobs, "2026-03-02T00:05:01Z")
    data = ran.document["data"]
    assert (ran.status, ran.document["error"]["code"]) == (1, "job_runs_failed")
    assert [(row["job"], row["code"]) for row in data["problems"]] == [
        ("torn", "state_invalid"),
        ("vague", "job_invalid_spec"),
    ]
    assert [(run["job"], run["status"]) for run in data["started"]] == [("good", "succeeded")]
    cron_job(jobs, "vague")
    jobs.ready("vague")
    tick(jobs, "2026-03-02T00:06:00Z")
    assert ranges(jobs, "vague") == [
        ("invalid", "job_invalid_spec", "2026-03-02T00:05:00Z", "2026-03-02T00:05:00Z", 1)
    ]


def test_a_dry_tick_says_what_it_would_do_and_does_nothing(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    data = tick(jobs, LATER, "--dry-run").document["data"]
    assert [(run["slot"], run["status"]) for run in data["started"]] == [("2026-03-05T00:00:00Z", None)]
    assert [row["count"] for row in data["recorded"]] == [863]
    assert jobs.ledger("export") == []
    assert not (jobs.common / "claims/jobs/export").exists()
    assert not jobs.effects


def test_ticks_name_their_jobs_and_refuse_others(jobs: JobScene) -> None:
    cron_job(jobs, "one")
    cron_job(jobs, "other")
    begun(jobs)
    data = tick(jobs, "2026-03-02T00:05:01Z", "--job", "one").document["data"]
    assert [run["job"] for run in data["started"]] == ["one"]
    assert tick(jobs, LATER, "--job", "none").document["error"]["code"] == "job_not_found"
    assert tick(jobs, LATER, "--job", "o").document["error"]["code"] == "id_ambiguous"


def test_30_08_a_due_slot_under_skip_is_recorded_by_the_holders_name(jobs: JobScene) -> None:
    gate = jobs.repo.root.parent / "gate"
    cron_job(jobs, "export", f"echo in >> {jobs.effects_file}; while [ ! -e {gate} ]; do sleep 0.01; done")
    begun(jobs)
    by_hand = jobs.begin("jobs", "run", "export", "--json")
    jobs.wait_for("in")
    data = tick(jobs, "2026-03-02T00:05:01Z").document["data"]
    holder = json.loads((jobs.common / "locks/overlap/export.0").read_text())["run"]
    assert data["started"] == []
    assert [(row["status"], row["reason"], row["by"]) for row in data["recorded"]] == [
        ("skipped_overlap", "overlap", holder)
    ]
    gate.touch()
    assert by_hand.wait().status == 0
    assert holder == f"export/{runs(jobs, 'export')[0]}"


def test_30_08_slots_of_one_group_that_queue_do_not_intersect(jobs: JobScene) -> None:
    overlap = {"policy": "queue", "group": "database", "queue_max": 2}
    for name in ("a", "b", "c"):
        cron_job(jobs, name, f"echo +{name} >> {jobs.effects_file}; sleep 0.1; echo -{name} >> {jobs.effects_file}", overlap=overlap)  # fmt: skip
    begun(jobs)
    data = tick(jobs, "2026-03-02T00:05:01Z", "--parallel", "1").document["data"]
    assert sorted(run["job"] for run in data["started"]) == ["a", "b", "c"]
    words = jobs.effects.split()
    assert all(words[n][1] == words[n + 1][1] and words[n][0] + words[n + 1][0] == "+-" for n in (0, 2, 4))


def test_a_slot_that_waits_too_long_is_recorded_as_queue_timeout(jobs: JobScene) -> None:
    gate = jobs.repo.root.parent / "gate"
    script = f"echo in >> {jobs.effects_file}; while [ ! -e {gate} ]; do sleep 0.01; done"
    cron_job(jobs, "export", script, overlap={"policy": "queue"}, misfire={"window": "1s"})
    begun(jobs)
    by_hand = jobs.begin("jobs", "run", "export", "--json")
    jobs.wait_for("in")
    data = tick(jobs, "2026-03-02T00:05:00Z").document["data"]
    assert [(row["status"], row["reason"]) for row in data["recorded"]] == [
        ("skipped_overlap", "queue_timeout")
    ]
    gate.touch()
    by_hand.wait()
    after = tick(jobs, "2026-03-02T00:05:30Z").document["data"]
    assert after["started"] == after["recorded"] == []


def test_30_12_a_run_that_came_with_a_commit_is_left_alone(jobs: JobScene) -> None:
    gate = jobs.repo.root.parent / "gate"
    cron_job(jobs, "export", f"echo in >> {jobs.effects_file}; while [ ! -e {gate} ]; do sleep 0.01; done")
    begun(jobs)
    running = jobs.begin("jobs", "run", "export", "--json")
    jobs.wait_for("in")
    running.kill("all")
    folder = next((jobs.repo.root / "state/jobs/export/runs").iterdir())
    for path in (jobs.common / "leases").glob("export.*"):
        path.unlink()  # as in a clone that only received the commit
    jobs.repo.git("add", "-f", str(folder))
    jobs.repo.git("commit", "-qm", "a run of elsewhere")
    before = (folder / "events.jsonl").read_bytes()
    gate.touch()
    data = tick(jobs, "2026-03-02T00:05:01Z").document["data"]
    assert data["reconciled"] == data["waiting"] == []
    assert [run["slot"] for run in data["started"]] == ["2026-03-02T00:05:00Z"]
    assert (folder / "events.jsonl").read_bytes() == before
    assert jobs.effects.split() == ["in", "in"]  # the killed run, and the slot's


def test_30_12_a_long_run_delays_no_other_jobs_slot_under_serve(jobs: JobScene) -> None:
    gate = jobs.repo.root.parent / "gate"
    cron_job(jobs, "long", f"while [ ! -e {gate} ]; do sleep 0.02; done")
    cron_job(jobs, "short", trigger={**EVERY_5, "cron": "* * * * *"})
    begun(jobs)
    serving = jobs.begin(
        "jobs", "serve", "--json", "--drain", "1s", env={"PLATFORMSTATE_NOW": "2026-03-02T00:05:58Z"}
    )
    until(lambda: len(jobs.effects.split()) >= 2, f"the next minute never came: {jobs.effects}")
    os.kill(serving.pid, signal.SIGTERM)
    began = time.monotonic()
    ended = serving.wait()
    assert ended.status == 0
    assert time.monotonic() - began < 15
    assert jobs.effects.split()[:2] == ["2026-03-02T00:05:00Z", "2026-03-02T00:06:00Z"]
    documents = [json.loads(line) for line in ended.stdout.splitlines()]
    rows = [run for document in documents for run in document["started"]]
    assert [(run["status"], run["reason"]) for run in rows if run["job"] == "long"] == [
        ("aborted", "job_cancelled")
    ]


def test_lines_are_committed_when_a_run_failed_when_asked_and_when_they_are_old(jobs: JobScene) -> None:
    cron_job(jobs, "export", 'test "$PLATFORMSTATE_SLOT" != 2026-03-02T00:10:00Z')
    begun(jobs)
    ledgers = [tick(jobs, "2026-03-02T00:05:01Z").document["data"]["ledger"]]
    ledgers += [tick(jobs, "2026-03-02T00:10:01Z").document["data"]["ledger"]]
    ledgers += [tick(jobs, "2026-03-02T00:15:01Z").document["data"]["ledger"]]
    assert [(row["committed"], row["pending"]) for row in ledgers] == [(False, 1), (True, 0), (False, 1)]
    assert jobs.jobs("status", "export").document["data"]["jobs"][0]["pending_lines"] == 1
    assert tick(jobs, "2026-03-02T00:16:00Z", "--commit").document["data"]["ledger"]["committed"]
    tick(jobs, "2026-03-02T00:20:01Z")
    assert not tick(jobs, "2026-03-02T00:34:00Z", "--job", "export", "--dry-run").document["data"]["ledger"][
        "committed"
    ]
    assert tick(jobs, "2026-03-02T00:35:30Z").document["data"]["ledger"]["committed"]
    assert jobs.repo.git("status", "--porcelain") == ""


def test_a_tick_that_is_asked_to_commit_tells_what_it_could_not(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, "2026-03-02T00:05:01Z")
    jobs.repo.git("checkout", "-q", "--detach")
    ran = tick(jobs, "2026-03-02T00:06:00Z", "--commit")
    assert ran.status == 6
    assert [row["code"] for row in ran.document["warnings"]] == ["commit_pending"]
    assert ran.document["data"]["ledger"]["pending"] == 1
    jobs.repo.git("checkout", "-q", "main")
    assert tick(jobs, "2026-03-02T00:07:00Z", "--commit").status == 0
