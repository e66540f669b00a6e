"""What is told of jobs: validate, doctor, tail, status and history, and the schedule ahead."""

from __future__ import annotations

import json
import subprocess
import time
from hashlib import sha256

import pytest

from platformstate.policy.due import MAX_OVERDUE
from tests.jobs.scenes import JobScene, until
from tests.jobs.test_schedule import EVERY_5, FIRST, begun, cron_job, tick
from tests.policy.test_slots import Row, published

DUE = "2026-03-02T00:05:01Z"
TRUST = "git config platformstate.trustedRef refs/heads/main"


def problems(jobs: JobScene, *argv: str) -> list[tuple[str, str, str]]:
    found = jobs.run_ctl("validate", *argv, "--json").document
    rows = found["data"]["problems"] if found["ok"] else found["error"]["problems"]
    return [(row["code"], row["path"], row["severity"]) for row in rows]


def test_validate_and_the_hook_refuse_what_is_wrong_with_a_spec(jobs: JobScene) -> None:
    jobs.shell("odd", "true", trigger={**EVERY_5, "cron": "0 0 */2 * mon"})
    jobs.shell("zone", "true", trigger={**EVERY_5, "timezone": "CEST"})
    jobs.shell("path", "true", runtime={"env": {"set": {"PATH": "/"}}})
    jobs.shell("short", "true", runtime={"timeout": "2h", "deadline": "1h"})
    expected = [
        ("job_policy_denied", "state/jobs/path/job.md", "error"),
        ("job_invalid_spec", "state/jobs/short/job.md", "error"),
        ("job_trigger_invalid", "state/jobs/zone/job.md", "error"),
    ]
    assert problems(jobs) == expected
    odd = "state/jobs/odd/job.md"
    assert problems(jobs, odd) == [("job_cron_ambiguous_day", odd, "warning")]
    jobs.repo.git("add", "-A")
    staged = jobs.run_ctl("validate", "--staged", "--json").document["error"]["problems"]
    assert [row["code"] for row in staged if row["severity"] == "error"] == [code for code, _, _ in expected]


def test_validate_tells_of_slots_that_ran_twice_and_of_lines_that_differ(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    begun(jobs)
    tick(jobs, DUE, "--commit")
    jobs.run_job("export", env={"PLATFORMSTATE_NOW": "2026-03-02T00:06:00Z"})
    jobs.run_ctl("jobs", "pause", "export", "--reason", "x", check=True)
    ledger = next((jobs.repo.root / "state/jobs/export/ledger").glob("2026-03*"))
    slot, by_hand = (json.loads(line) for line in ledger.read_text().splitlines()[:2])
    other = f"state/jobs/export/ledger/{ledger.stem.split('.')[0]}.zzzzzzzz.jsonl"
    lines = [{**slot, "receipt_sha256": "0" * 64}, {**by_hand, "actor": "eve"}]
    jobs.repo.write(
        other, "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)
    )
    codes = [row[:2] for row in problems(jobs)]
    assert ("run_duplicate_slot", other) in codes
    assert ("ledger_conflict", other) in codes
    jobs.repo.git("add", other)
    assert "run_duplicate_slot" in [row[0] for row in problems(jobs, "--staged")]
    (jobs.repo.root / other).rename(ledger.parent / "2026-3.zzzzzzzz.jsonl")
    assert ("path_unexpected", f"{other.rpartition('/')[0]}/2026-3.zzzzzzzz.jsonl", "error") in problems(jobs)


def test_a_kept_run_whose_receipt_was_changed_is_told(jobs: JobScene) -> None:
    jobs.shell("export", "exit 3")
    jobs.ready()
    run = jobs.run_job("export")
    assert run["kept"]
    assert problems(jobs) == []
    path = jobs.folder_of(run) / "run_receipt.json"
    line = jobs.ledger("export")[0]
    assert line["receipt_sha256"] == sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes().replace(b"system", b"override"))
    assert "ledger_conflict" in [row[0] for row in problems(jobs)]


def test_doctor_tells_of_an_approval_of_what_is_no_longer_trusted(jobs: JobScene) -> None:
    jobs.shell("export", "true")
    jobs.ready()
    jobs.shell("export", "true", body="Only the text changed.\n")
    jobs.land()

    def stale() -> list[str]:
        document = jobs.run_ctl("doctor", "--json").document
        data = document["data"] if document["ok"] else document["error"]["data"]
        assert data["trust"]["approvals"] == 1
        return [row["path"] for row in data["checks"] if row["code"] == "approval_stale"]

    assert stale() == []
    jobs.shell("export", "false")
    jobs.land()
    assert stale() == ["state/jobs/export/job.md"]
    jobs.approve()
    assert stale() == []


def test_job_runs_stay_out_of_git_until_they_are_kept(jobs: JobScene) -> None:
    jobs.shell("export", "echo hi")
    jobs.ready()
    run = jobs.run_job("export")
    assert jobs.repo.git("status", "--porcelain", "-uall") == ""
    tracked = jobs.repo.git("ls-files", "state/jobs").split()
    assert [path for path in tracked if "/runs/" in path] == []
    jobs.run_ctl("jobs", "keep", f"export/{run['run_id']}", check=True)
    tracked = jobs.repo.git("ls-files", "state/jobs").split()
    assert f"{run['files']['dir']}/run_receipt.json" in tracked
    assert jobs.run_ctl("validate").status == 0


def test_tail_follows_a_run_line_by_line_to_its_end(jobs: JobScene) -> None:
    gate = jobs.repo.root.parent / "gate"
    jobs.shell("export", f"echo one; while [ ! -e {gate} ]; do sleep 0.02; done; echo two")
    jobs.ready()
    following = jobs.begin("jobs", "tail", "export", "-f", "--log", "--json")
    running = jobs.begin("jobs", "run", "export", "--json")
    until(lambda: '"log":"one"' in printed(following), "the first line never came")
    gate.touch()
    assert running.wait().status == 0
    rows = [json.loads(line) for line in following.wait().stdout.splitlines()]
    assert [row["log"] for row in rows if "log" in row] == ["one", "two"]
    events = [row for row in rows if "type" in row]
    journal = next((jobs.repo.root / "state/jobs/export/runs").glob("*/events.jsonl"))
    assert events == [json.loads(line) for line in journal.read_text().splitlines()]
    assert events[-1]["type"] == "RunSucceeded"
    newest = jobs.run_ctl(
        "jobs", "tail", "export", "--since", "2", "--limit", "2", "--json"
    ).stdout.splitlines()
    assert [json.loads(line)["seq"] for line in newest] == [len(events) - 2, len(events) - 1]


def printed(command: object) -> str:
    return (getattr(command, "_out") / "stdout").read_text()  # noqa: B009  # what it has printed so far


def test_tail_with_all_goes_on_with_the_next_run(jobs: JobScene) -> None:
    jobs.shell("export", "true")
    jobs.ready()
    jobs.run_job("export")
    following = jobs.begin("jobs", "tail", "export", "-f", "--all", "--json")
    for _ in range(2):
        jobs.run_job("export")
    until(lambda: printed(following).count("RunSucceeded") == 2, "the second run never came")
    following.kill("alone")
    following.wait()
    assert printed(following).count("RunDefined") == 2


def test_60_11_tail_and_list_print_no_control_character_of_a_job(jobs: JobScene) -> None:
    jobs.shell("export", r"printf 'a\033[31mred\033]0;title\007b\302\233c\342\200\256d\n'; exit 1")
    jobs.ready()
    jobs.run_job("export")
    for argv in (("tail", "export", "--log"), ("history", "export"), ("list",), ("status",)):
        ran = jobs.run_ctl("jobs", *argv)
        for stream in (ran.stdout, ran.stderr):
            assert not [sign for sign in stream if sign < " " and sign not in "\n\r\t"]
            assert not [sign for sign in stream if "\x7f" <= sign <= "\x9f" or sign in "\u202e\u2066"]
    assert "red" in jobs.run_ctl("jobs", "tail", "export", "--log").stdout


def test_tail_of_a_job_without_a_run_and_of_no_job_is_refused(jobs: JobScene) -> None:
    jobs.shell("export", "true")
    jobs.ready()
    assert jobs.jobs("tail", "export").document["error"]["code"] == "run_not_found"
    assert jobs.jobs("tail", "nothing").document["error"]["code"] == "run_not_found"


def test_status_shows_what_runs_what_died_and_what_is_overdue(jobs: JobScene) -> None:
    gate = jobs.repo.root.parent / "gate"
    cron_job(jobs, "export", f"echo in >> {jobs.effects_file}; while [ ! -e {gate} ]; do sleep 0.02; done")
    begun(jobs)
    running = jobs.begin("jobs", "run", "export", "--json")
    jobs.wait_for("in")

    def status() -> dict[str, object]:
        rows = jobs.jobs("status", "export", env={"PLATFORMSTATE_NOW": DUE}).document["data"]["jobs"]
        found: dict[str, object] = rows[0]
        return found

    now = status()
    assert (len(now["running"]), now["crashed"], now["overdue"]) == (1, [], 1)  # type: ignore[arg-type]
    assert now["next_at"] == "2026-03-02T00:10:00Z"
    running.kill("alone")
    running.wait()
    assert len(status()["running"]) == 1  # type: ignore[arg-type]  # its child lives
    gate.touch()
    until(lambda: status()["running"] == [], "the child never ended")
    assert len(status()["crashed"]) == 1  # type: ignore[arg-type]
    tick(jobs, FIRST)
    assert (status()["crashed"], status()["streak"]) == ([], {"status": "succeeded", "count": 1})


@pytest.mark.parametrize("row", list(published())[::12], ids=lambda row: f"{row.expr} {row.zone}")
def test_30_01_jobs_next_prints_the_published_table(jobs: JobScene, row: Row) -> None:
    after = row.after.strftime("%Y-%m-%dT%H:%M:%SZ")
    argv = ("--expr", row.expr, "--tz", row.zone, "--after", after, "-n", str(len(row.fires)))
    answers = [
        jobs.jobs("next", *argv, env={} if zone is None else {"TZ": zone}).document["data"]
        for zone in (None, "America/New_York")
    ]
    assert answers[0] == answers[1]
    wanted = [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at, _ in row.fires]
    assert [fire["at"] for fire in answers[0]["fires"]] == wanted
    assert all(
        fire["note"] == note for fire, (_, note) in zip(answers[0]["fires"], row.fires, strict=True) if note
    )


def test_every_row_of_the_table_through_next_of(jobs: JobScene, monkeypatch: pytest.MonkeyPatch) -> None:
    from platformstate.actions.jobs_next import next_of

    for name in (None, "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham"):
        monkeypatch.delenv("TZ", raising=False) if name is None else monkeypatch.setenv("TZ", name)
        time.tzset()
        for row in published():
            wanted = [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at, _ in row.fires]
            after = row.after.strftime("%Y-%m-%dT%H:%M:%SZ")
            data = next_of(row.expr, row.zone, after, len(wanted)).data
            assert [fire["at"] for fire in data["fires"]] == wanted
            for place, at in enumerate(wanted[:-1]):
                again = next_of(row.expr, row.zone, at, len(wanted) - place - 1).data
                assert [fire["at"] for fire in again["fires"]] == wanted[place + 1 :]
    monkeypatch.undo()
    time.tzset()


def test_status_says_what_keeps_a_job_from_starting_and_what_to_do(jobs: JobScene) -> None:
    cron_job(jobs, "export")
    jobs.repo.git("config", "platformstate.trustedRef", "refs/heads/trunk")
    row = jobs.jobs("status").document
    assert (row["data"]["jobs"][0]["refusal"], row["next"]) == ("trust_ref_unset", [TRUST])
    shown = jobs.run_ctl("jobs", "status").stdout
    assert "no trusted ref" in shown
    assert "not enabled" not in shown
    jobs.repo.git("config", "--unset", "platformstate.trustedRef")
    jobs.land()
    cron_job(jobs, "later", enabled=False)
    jobs.shell("export", "false")
    jobs.land()
    jobs.repo.git("checkout", "-q", "-b", "side")
    cron_job(jobs, "fresh")
    rows = {row["id"]: row for row in jobs.jobs("status").document["data"]["jobs"]}
    assert [(name, row["enabled"], row["refusal"]) for name, row in rows.items()] == [
        ("export", True, "job_approval_required"),
        ("fresh", True, "job_not_found"),
        ("later", False, "job_disabled"),
    ]
    lines = jobs.run_ctl("jobs", "status").stdout.splitlines()
    assert "not landed" in lines[1]
    assert "not enabled" in lines[2]


def test_status_counts_overdue_slots_up_to_a_bound(jobs: JobScene) -> None:
    cron_job(jobs, "export", trigger={**EVERY_5, "cron": "* * * * *"})
    begun(jobs)
    later = {"PLATFORMSTATE_NOW": "2026-09-02T00:00:30Z"}
    assert jobs.jobs("status", env=later).document["data"]["jobs"][0]["overdue"] == MAX_OVERDUE
    assert f"{MAX_OVERDUE} or more overdue" in jobs.run_ctl("jobs", "status", env=later).stdout


def test_what_validate_says_of_a_renamed_folder_brings_the_job_back(jobs: JobScene) -> None:
    jobs.shell("old", "exit 3")
    jobs.ready()
    assert jobs.run_job("old")["kept"]
    jobs.repo.git("mv", "state/jobs/old", "state/jobs/new")
    spec = jobs.repo.root / "state/jobs/new/job.md"
    spec.write_text(spec.read_text().replace('id: "old"', 'id: "new"'))
    found = jobs.run_ctl("validate", "--json").document["error"]["problems"]
    moved = [row for row in found if row["code"] == "path_mismatch"]
    assert {row["path"].split("/")[3] for row in moved} == {"runs", "ledger"}
    assert all("write" not in row["fix"] for row in moved)
    commands = dict.fromkeys(
        row["fix"].partition(";")[0] for row in found if row["code"] != "reference_dangling"
    )
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=jobs.repo.root)
    jobs.repo.git("add", "-A")
    assert problems(jobs) == []
    assert problems(jobs, "--staged") == []
    assert [line["job"] for line in jobs.ledger("old")] == ["old"]
    assert jobs.ledger("new") == []
