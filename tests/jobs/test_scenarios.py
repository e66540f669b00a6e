"""The page's scenarios of one run and of what follows it, with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from platformstate.policy.retry import Backoff
from tests.conftest import Repo
from tests.jobs.scenes import JobScene, is_alive, until

HOSTILE = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    print("grandchild", os.getpid(), file=open(sys.argv[1], "a"), flush=True)
    time.sleep(60)
print("child", os.getpid(), file=open(sys.argv[1], "a"), flush=True)
time.sleep(60)
"""


def test_30_04_a_timed_out_tree_leaves_no_process(jobs: JobScene) -> None:
    jobs.repo.write("hostile.py", HOSTILE)
    argv = ["python3", "hostile.py", str(jobs.effects_file)]
    jobs.job("hostile", target={"kind": "command", "argv": argv}, runtime={"timeout": "1s", "grace": "1s"})
    jobs.ready()
    began = time.monotonic()
    ran = jobs.jobs("run", "hostile")
    assert ran.status == 8
    run = ran.document["data"]["run"]
    assert (run["reason"], run["attempts"][0]["outcome"]) == ("job_timed_out", "timed_out")
    assert run["duration_ms"] < 4000
    assert time.monotonic() - began < 60  # the child sleeps a minute
    words = jobs.effects.split()
    pids = {name: int(pid) for name, pid in zip(words[::2], words[1::2], strict=True)}
    assert set(pids) == {"child", "grandchild"}
    assert not any(map(is_alive, pids.values()))
    assert jobs.receipt(run)["job"]["leftovers"] >= 1


def test_30_05_a_tick_adopts_what_a_dead_conductor_left(jobs: JobScene) -> None:
    jobs.shell("slow", f"{jobs.append('in')}; sleep 1; {jobs.append('out')}")
    jobs.ready()
    command = jobs.begin("jobs", "run", "slow")
    jobs.wait_for("in")
    command.kill("alone")
    command.wait()
    status = jobs.jobs("status", "slow").document["data"]["jobs"][0]
    assert len(status["running"]) == 1
    until(lambda: jobs.effects == "in out", "the child never ended")
    until(lambda: jobs.jobs("status", "slow").document["data"]["jobs"][0]["crashed"], "its lock stayed")
    ticked = jobs.jobs("tick").document["data"]
    settled = [(row["status"], row["by"]) for row in ticked["reconciled"]]
    assert settled == [("succeeded", "receipt")]
    assert jobs.effects == "in out"
    assert [line["status"] for line in jobs.ledger("slow")] == ["succeeded"]
    assert not jobs.ledger("slow")[0]["kept"]
    assert jobs.run_ctl("validate").status == 0


def test_30_05_an_effect_that_nobody_knows_of_is_lost_unless_it_may_be_repeated(jobs: JobScene) -> None:
    jobs.shell("once", f"{jobs.append('once')}; sleep 30")
    again = f'{jobs.append("again")}; test "$STEP_ATTEMPT" = 2 || sleep 30'
    jobs.shell(
        "again", again, policy={"side_effects": "none"}, retry={"max": 1, "backoff": {"initial": "10ms"}}
    )
    jobs.ready()
    for name in ("once", "again"):
        command = jobs.begin("jobs", "run", name)
        jobs.wait_for(name)
        command.kill("group")
        command.wait()
    ticked = jobs.jobs("tick")
    assert ticked.document["error"]["code"] == "job_runs_failed"
    rows = {row["job"]: (row["status"], row["reason"]) for row in ticked.document["data"]["reconciled"]}
    assert rows == {"once": ("failed", "job_lost"), "again": ("succeeded", None)}
    assert jobs.effects == "once again again"
    receipt = jobs.receipt({"job_id": "again", "run_id": jobs.ledger("again")[0]["run"]})
    assert [row["outcome"] for row in receipt["job"]["attempts"]] == ["unknown", "succeeded"]
    assert jobs.run_ctl("validate").status == 0


def test_30_06_a_replay_runs_the_spec_that_its_run_had(jobs: JobScene) -> None:
    jobs.shell("print", "echo one")
    jobs.ready()
    first = jobs.run_job("print")
    jobs.shell("print", "echo two")
    jobs.ready()
    named = f"print/{first['run_id']}"
    refused = jobs.jobs("replay", named)
    assert (refused.status, refused.document["error"]["code"]) == (4, "job_policy_denied")

    def replay(run: str, *argv: str) -> dict[str, Any]:
        data = jobs.jobs("replay", run, "--allow-side-effects", *argv).document["data"]
        return {**data["run"], "diff": data["diff"]}

    second = replay(named)
    third = replay(f"print/{second['run_id']}")
    today = replay(named, "--current-spec")
    assert [jobs.log(run) for run in (second, third, today)] == ["one\n", "one\n", "two\n"]
    blob = first["references"]["spec_blob"]
    assert [run["references"]["spec_blob"] == blob for run in (second, third, today)] == [True, True, False]
    assert today["diff"] == [
        {"pointer": "/target/argv", "old": ["sh", "-c", "echo one"], "new": ["sh", "-c", "echo two"]}
    ]
    assert second["diff"] == []
    assert (third["references"]["replay_of"], third["references"]["root_run"]) == (
        second["run_id"],
        first["run_id"],
    )
    assert third["trigger"] == "replay"
    jobs.jobs("prune", "--before", "2100-01-01T00:00:00Z")
    assert not (jobs.repo.root / "state/jobs/print/runs").exists() or not list(
        (jobs.repo.root / "state/jobs/print/runs").iterdir()
    )
    fourth, fifth = replay(named), replay(f"print/{third['run_id']}")
    assert [jobs.log(run) for run in (fourth, fifth)] == ["one\n", "one\n"]
    assert fifth["references"]["root_run"] == first["run_id"]
    assert jobs.run_ctl("validate").status == 0


def test_a_replay_never_takes_another_spec_for_one_that_is_gone(jobs: JobScene) -> None:
    jobs.shell("print", "echo one")
    jobs.ready()
    run = jobs.run_job("print")
    ledger = next((jobs.repo.root / "state/jobs/print/ledger").iterdir())
    ledger.write_text(ledger.read_text().replace(run["references"]["spec_blob"], "ab" * 20))
    for argv in ((), ("--allow-side-effects",)):
        refused = jobs.jobs("replay", f"print/{run['run_id']}", *argv)
        assert (refused.status, refused.document["error"]["code"]) == (3, "replay_spec_unavailable")
    jobs.repo.git("checkout", "--", ".")
    today = jobs.jobs("replay", f"print/{run['run_id']}", "--allow-side-effects", "--current-spec")
    assert today.status == 0
    assert jobs.jobs("replay", "print/2020").document["error"]["code"] == "run_not_found"


def test_30_07_only_what_is_landed_and_approved_runs(jobs: JobScene) -> None:
    cron = {"kind": "cron", "cron": "*/5 * * * *", "timezone": "UTC"}
    jobs.shell("say", "echo trusted", trigger=cron)
    jobs.ready()
    jobs.run_ctl("jobs", "tick", env={"PLATFORMSTATE_NOW": "2026-11-20T10:00:30Z"})
    jobs.shell("say", "echo edited", trigger=cron)
    refused = jobs.jobs("run", "say")
    assert (refused.status, refused.document["error"]["code"]) == (4, "job_untrusted")
    planned = jobs.jobs("run", "say", "--dry-run").document["data"]
    assert (planned["would_run"], planned["reasons"]) == (False, ["job_untrusted", "job_approval_required"])
    assert planned["plan"]["steps"][0]["argv"] == ["sh", "-c", "echo edited"]
    assert jobs.log(jobs.run_job("say", "--at-trusted")) == "trusted\n"
    ticked = jobs.jobs("tick", env={"PLATFORMSTATE_NOW": "2026-11-20T10:05:30Z"}).document["data"]
    assert [row["slot"] for row in ticked["started"]] == ["2026-11-20T10:05:00Z"]
    assert jobs.log({"job_id": "say", "run_id": "20261120t100500z"}) == "trusted\n"
    jobs.land()
    refused = jobs.jobs("run", "say")
    assert (refused.status, refused.document["error"]["code"]) == (4, "job_approval_required")
    jobs.approve("say")
    assert jobs.log(jobs.run_job("say")) == "edited\n"
    jobs.shell("say", "echo edited", trigger=cron, title="Another title", body="\nRead the log.\n")
    jobs.land()
    assert jobs.log(jobs.run_job("say")) == "edited\n"
    jobs.jobs("approve", "say", "--revoke")
    assert jobs.jobs("run", "say").document["error"]["code"] == "job_approval_required"


def test_a_job_that_only_one_side_has_is_untrusted(jobs: JobScene) -> None:
    jobs.shell("gone", "echo here")
    jobs.ready()
    jobs.repo.git("checkout", "-q", "-b", "side")
    (jobs.repo.root / "state/jobs/gone/job.md").unlink()
    jobs.shell("fresh", "true")
    for name in ("gone", "fresh"):
        refused = jobs.jobs("run", name)
        assert (refused.status, refused.document["error"]["code"]) == (4, "job_untrusted"), name
    assert jobs.jobs("run", "absent").document["error"]["code"] == "job_not_found"
    assert jobs.log(jobs.run_job("gone", "--at-trusted")) == "here\n"


def test_the_index_and_the_working_tree_have_to_be_landed(jobs: JobScene) -> None:
    jobs.shell("say", "echo trusted")
    jobs.ready()
    jobs.shell("say", "echo staged")
    jobs.repo.git("add", "-A")
    jobs.shell("say", "echo trusted")
    assert jobs.jobs("run", "say").document["error"]["code"] == "job_untrusted"
    jobs.repo.git("reset", "-q", "--hard")
    jobs.repo.git("checkout", "-q", "-b", "side")
    jobs.repo.write("src/main.py", "1\n")
    jobs.land()
    refused = jobs.jobs("run", "say")
    assert (refused.status, refused.document["error"]["code"]) == (4, "job_worktree_untrusted")
    run = jobs.run_job("say", "--allow-tree")
    assert jobs.receipt(run)["job"]["source"]["allowed"] is True


def test_a_disabled_job_does_not_run(jobs: JobScene) -> None:
    jobs.shell("off", "true", enabled=False)
    jobs.ready()
    refused = jobs.jobs("run", "off")
    assert (refused.status, refused.document["error"]["code"]) == (4, "job_disabled")


def _spans(jobs: JobScene) -> list[tuple[str, int]]:
    words = jobs.effects.split()
    return [(word[0], int(word[1:])) for word in words]


def test_30_08_overlap_skips_queues_and_replaces(jobs: JobScene) -> None:
    stamp = "echo {}$(date +%s%N) >> " + str(jobs.effects_file)
    gate = jobs.repo.root.parent / "gate"
    waits = {
        "skip": f"while [ ! -e {gate} ]; do sleep 0.02; done",
        "queue": "sleep 0.3",
        "replace": f"! mkdir {gate}.first || sleep 20",
    }
    script = {name: f"{stamp.format('b')}; {wait}; {stamp.format('e')}" for name, wait in waits.items()}
    cron = {"kind": "cron", "cron": "*/5 * * * *", "timezone": "UTC"}
    jobs.shell("skip", script["skip"], trigger=cron)
    jobs.shell("queue", script["queue"], overlap={"policy": "queue"})
    jobs.shell("replace", script["replace"], overlap={"policy": "replace"}, runtime={"grace": "1s"})
    jobs.ready()
    jobs.run_ctl("jobs", "tick", env={"PLATFORMSTATE_NOW": "2026-11-20T10:00:30Z"})

    def two(name: str) -> tuple[Any, Any]:
        jobs.effects_file.unlink(missing_ok=True)
        command = jobs.begin("jobs", "run", name, "--json")
        until(lambda: jobs.effects.startswith("b"), "the first never began")
        second = jobs.jobs("run", name)
        if name == "skip":
            now = {"PLATFORMSTATE_NOW": "2026-11-20T10:05:30Z"}
            ticked.append(jobs.jobs("tick", env=now).document["data"])
            gate.touch()
        return command.wait(), second

    ticked: list[dict[str, Any]] = []
    first, second = two("skip")
    run = first.document["data"]["run"]
    assert (second.status, second.document["error"]["code"]) == (5, "job_overlap_skipped")
    assert second.document["data"]["by"] == f"skip/{run['run_id']}"
    skipped = [(row["status"], row["slot"], row["by"]) for row in ticked[0]["recorded"]]
    assert skipped == [("skipped_overlap", "2026-11-20T10:05:00Z", f"skip/{run['run_id']}")]
    assert len(list((jobs.repo.root / "state/jobs/skip/runs").iterdir())) == 1

    first, second = two("queue")
    assert (first.status, second.status) == (0, 0)
    assert [name for name, _ in _spans(jobs)] == ["b", "e", "b", "e"]
    assert [at for _, at in _spans(jobs)] == sorted(at for _, at in _spans(jobs))

    first, second = two("replace")
    assert (first.document["error"]["code"], second.status) == ("job_replaced", 0)
    run = first.document["data"]["run"]
    assert (run["status"], run["reason"]) == ("aborted", "job_replaced")
    assert [name for name, _ in _spans(jobs)] == ["b", "b", "e"]
    assert jobs.run_ctl("validate").status == 0


def test_30_09_a_slots_waits_are_the_formulas_on_every_host(
    jobs: JobScene, begun: Path, tmp_path: Path
) -> None:
    retry = {"max": 3, "backoff": {"initial": "40ms", "factor": 2, "max": "100ms", "jitter": "full"}}
    cron = {"kind": "cron", "cron": "*/5 * * * *", "timezone": "UTC"}
    wanted = [Backoff(40, 2, 100, "full").wait_ms("flaky.20260302t000500z", n) for n in (1, 2, 3)]
    seen = []
    other = Repo(Path(shutil.copytree(begun, tmp_path / "second")))
    for scene in (jobs, JobScene(other, jobs.forks)):
        scene.shell("flaky", "exit 1", trigger=cron, retry=retry)
        scene.ready()
        scene.run_ctl("jobs", "tick", env={"PLATFORMSTATE_NOW": "2026-03-02T00:04:00Z"})
        ticked = scene.jobs("tick", env={"PLATFORMSTATE_NOW": "2026-03-02T00:05:01Z"}).document["data"]
        assert [row["reason"] for row in ticked["started"]] == ["job_execution_failed"]
        receipt = scene.receipt({"job_id": "flaky", "run_id": "20260302t000500z"})
        seen.append([row["backoff_ms"] for row in receipt["job"]["attempts"]])
        assert receipt["job"]["clock"] == "override"
    assert seen == [[0, *wanted]] * 2


def test_30_10_prune_leaves_what_goes_on_what_is_pinned_and_what_is_cited(jobs: JobScene) -> None:
    cron = {"kind": "cron", "cron": "*/5 * * * *", "timezone": "UTC"}
    jobs.shell("due", f"{jobs.append('due')}", trigger=cron)
    jobs.shell("slow", f"{jobs.append('slow')}; sleep 1")
    jobs.ready()
    at = "2026-11-20T10:{}Z".format
    for minute in ("00:30", "05:30", "10:30", "15:30"):
        jobs.run_ctl("jobs", "tick", env={"PLATFORMSTATE_NOW": at(minute)})
    assert jobs.effects == "due due due"
    pinned, cited, gone = (f"due/20261120t10{minute}00z" for minute in ("05", "10", "15"))
    kept = jobs.jobs("keep", pinned, "--reason", "the audit asks for it")
    assert kept.status == 0, kept.stdout
    jobs.run_ctl(
        "task", "create", "--id", "gh-1", "--title", "Export", "--accept", "it ran::live", check=True
    )
    closed = jobs.run_ctl("task", "close", "gh-1", "--evidence", f"ac1=receipt:{cited}", "--json")
    command = jobs.begin("jobs", "run", "slow", "--json")
    jobs.wait_for("slow")
    pruned = jobs.jobs("prune", "--before", "2100-01-01T00:00:00Z").document["data"]
    assert command.wait().document["data"]["run"]["status"] == "succeeded"
    reasons = {f"{row['job']}/{row['run']}": row["reason"] for row in pruned["skipped"]}
    active = next(name for name in reasons if name.startswith("slow/"))
    assert closed.status == 0, closed.stdout
    assert reasons == {pinned: "pinned", cited: "evidence", active: "running"}
    assert [f"{row['job']}/{row['run']}" for row in pruned["removed"]] == [gone]
    for now in (at("16:30"), at("17:30")):
        assert jobs.jobs("tick", env={"PLATFORMSTATE_NOW": now}).document["data"]["started"] == []
        jobs.repo.git("clean", "-fdxq")
    assert jobs.effects.count("due") == 3
    assert jobs.repo.git("status", "--porcelain") == ""


def test_a_kept_run_is_in_head_and_undo_lets_go_of_it(jobs: JobScene) -> None:
    jobs.shell("print", "echo one", output={"keep": "none"})
    jobs.ready()
    run = jobs.run_job("print")
    named, folder = f"print/{run['run_id']}", run["files"]["dir"]
    assert (run["kept"], run["committed"]) == (False, False)
    kept = jobs.jobs("keep", named, "--reason", "audit").document["data"]
    assert (kept["run"], kept["kept"], bool(kept["commit"])) == (named, True, True)
    assert jobs.repo.git("show", f"HEAD:{folder}/run.md") == (jobs.folder_of(run) / "run.md").read_text()
    assert "x-keep: audit" in jobs.repo.git("show", f"HEAD:{folder}/run.md")
    assert jobs.jobs("keep", named, "--reason", "audit").document["ok"]
    undone = jobs.jobs("keep", named, "--undo").document["data"]
    assert undone["kept"] is False
    pruned = jobs.jobs("prune", "--before", "2100-01-01T00:00:00Z").document["data"]
    assert [row["run"] for row in pruned["removed"]] == [run["run_id"]]
    line = jobs.ledger("print")[-1]
    assert (line["status"], line["count"]) == ("pruned", 1)
    assert line["from"] == line["to"] == run["ended_at"]
    assert jobs.repo.git("ls-files", folder) == ""
    assert jobs.run_ctl("validate").status == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_cancels_a_run_of_one_step(jobs: JobScene, number: int, status: int) -> None:
    jobs.shell("slow", f"{jobs.append('in')}; sleep 30; {jobs.append('out')}", runtime={"grace": "1s"})
    jobs.ready()
    command = jobs.begin("jobs", "run", "slow", "--json")
    jobs.wait_for("in")
    os.kill(command.pid, number)
    ran = command.wait()
    assert ran.status == status
    assert ran.document["error"]["code"] == "job_cancelled"
    run = ran.document["data"]["run"]
    assert (run["status"], run["reason"]) == ("aborted", "job_cancelled")
    assert run["attempts"][0]["outcome"] == "cancelled"
    assert jobs.receipt(run)["status"] == "aborted"
    assert jobs.ledger("slow")[-1]["status"] == "aborted"
    assert jobs.effects == "in"


def test_a_signal_suspends_a_run_of_a_procedure_and_a_tick_goes_on_with_it(jobs: JobScene) -> None:
    jobs.procedure(
        "ship",
        jobs.command("a", idempotent=True),
        jobs.command("b", run=f'{jobs.append("b")}; test -e "$HOME/go" || sleep 30', idempotent=True),
        commit=False,
    )
    jobs.job("ship", target={"kind": "procedure", "procedure": "ship"}, output={"keep": "none"})
    jobs.ready()
    command = jobs.begin("jobs", "run", "ship", "--json")
    jobs.wait_for("b")
    os.kill(command.pid, signal.SIGTERM)
    ran = command.wait()
    assert ran.status == 143
    run = ran.document["data"]["run"]
    assert (run["status"], run["reason"], run["committed"]) == ("suspended", "signal", True)
    assert jobs.ledger("ship") == []
    go = Path(os.environ["HOME"], "go")
    go.touch()
    try:
        ticked = jobs.jobs("tick", "--commit").document["data"]
    finally:
        go.unlink()
    assert [(row["status"], row["run"]) for row in ticked["reconciled"]] == [("succeeded", run["run_id"])]
    assert jobs.ledger("ship")[-1]["kept"] is True
    assert jobs.effects == "a b b"
    assert jobs.repo.git("status", "--porcelain") == ""
    assert jobs.run_ctl("validate").status == 0


def test_a_procedure_as_a_target_has_its_steps_own_retries_and_fails_at_a_failed_step(jobs: JobScene) -> None:
    jobs.procedure(
        "ship",
        jobs.command("a", run=f'{jobs.append("a")}; test "$STEP_ATTEMPT" = 2', idempotent=True, retries=1, retry_delay=1),
        jobs.step("check", "b", run="test $P_env = prod"),
        jobs.command("c"),
        top="params:\n  env: {type: string}",
        commit=False,
    )  # fmt: skip
    jobs.job("ship", target={"kind": "procedure", "procedure": "ship"}, bindings={"env": "prod"})
    jobs.ready()
    run = jobs.run_job("ship")
    assert run["status"] == "succeeded"
    assert [(row["key"], row["outcome"]) for row in run["attempts"]] == [
        ("a", "failed"), ("a", "succeeded"), ("b", "succeeded"), ("c", "succeeded"),
    ]  # fmt: skip
    failed = jobs.jobs("run", "ship", "--set", "env=dev")
    assert failed.document["error"]["code"] == "job_execution_failed"
    assert failed.document["data"]["run"]["status"] == "failed"
    assert jobs.receipt(failed.document["data"]["run"])["reason"] == "job_execution_failed"
    assert jobs.effects == "a a c a a"
    assert jobs.run_ctl("validate").status == 0


def test_a_run_that_waits_for_a_person_is_kept_and_ends_once_approved(jobs: JobScene) -> None:
    jobs.procedure(
        "ship", jobs.command("a"), jobs.step("gate", "go", prompt="Ship?"), jobs.command("b"), commit=False
    )
    jobs.job("ship", target={"kind": "procedure", "procedure": "ship"}, output={"keep": "none"})
    jobs.ready()
    ran = jobs.jobs("run", "ship")
    assert (ran.status, ran.document["error"]["code"]) == (6, "run_gate_waiting")
    run = ran.document["data"]["run"]
    assert (run["status"], run["kept"], run["committed"]) == ("suspended", True, True)
    assert run["approvals_requested"][0]["answer"] is None
    named = f"ship/{run['run_id']}"
    skipped = jobs.jobs("run", "ship")
    assert skipped.document["error"]["code"] == "job_overlap_skipped"
    waiting = jobs.jobs("tick")
    assert (waiting.status, waiting.document["data"]["waiting"][0]["reason"]) == (6, "gate")
    assert jobs.run_ctl("run", "approve", named, "--json").status == 0
    jobs.jobs("approve", "ship", "--revoke")
    refused = jobs.run_ctl("run", "resume", named, "--json")
    assert refused.document["error"]["code"] == "job_approval_required"
    jobs.approve("ship")
    jobs.run_ctl("run", "resume", named, "--json", check=True)
    assert jobs.effects == "a b"
    assert [(line["status"], line["kept"]) for line in jobs.ledger("ship")] == [("succeeded", True)]
    assert jobs.receipt(run)["job"]["attempts"][-1]["key"] == "b"
    assert jobs.repo.git("status", "--porcelain") == ""
    assert jobs.run_ctl("validate").status == 0


def test_a_rejected_run_ends_with_its_line_and_a_receipt(jobs: JobScene) -> None:
    jobs.procedure("ship", jobs.step("gate", "go", prompt="Ship?"), jobs.command("b"), commit=False)
    jobs.job("ship", target={"kind": "procedure", "procedure": "ship"})
    jobs.ready()
    for verb, status, reason in (
        ("reject", "failed", "gate_rejected"),
        ("abort", "aborted", "job_cancelled"),
    ):
        run = jobs.run_job("ship")
        jobs.run_ctl("run", verb, f"ship/{run['run_id']}", "--reason", "not now", "--json", check=True)
        assert jobs.receipt(run)["status"] == status
        line = jobs.ledger("ship")[-1]
        assert (line["status"], line["reason"], line["kept"]) == (status, reason, True)
        assert jobs.repo.git("status", "--porcelain") == ""
    assert jobs.effects == ""
    assert jobs.run_ctl("validate").status == 0


def test_backfill_fires_each_slot_once_and_replays_failed_ones_on_request(jobs: JobScene) -> None:
    cron = {"kind": "cron", "cron": "*/10 * * * *", "timezone": "UTC"}
    script = f'echo "$PLATFORMSTATE_SLOT" >> {jobs.effects_file}; test "$PLATFORMSTATE_SLOT" != 2026-11-01T00:10:00Z'
    jobs.shell("fill", script, trigger=cron)
    jobs.ready()
    stretch = ("fill", "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-01T00:20:00Z")
    assert jobs.jobs("backfill", *stretch, "--limit", "2").document["error"]["code"] == "backfill_too_large"
    planned = jobs.jobs("backfill", *stretch, "--dry-run").document["data"]
    assert [row["status"] for row in planned["slots"]] == [None] * 3
    assert jobs.effects == ""
    filled = jobs.jobs("backfill", *stretch).document
    assert filled["error"]["code"] == "job_runs_failed"
    slots = [f"2026-11-01T00:{minute}:00Z" for minute in ("00", "10", "20")]
    assert jobs.effects.split() == slots
    assert [row["status"] for row in filled["data"]["slots"]] == ["succeeded", "failed", "succeeded"]
    again = jobs.jobs("backfill", *stretch)
    assert (again.status, again.document["data"]["skipped"], jobs.effects.split()) == (0, 3, slots)
    redone = jobs.jobs("backfill", *stretch, "--rerun-failed").document["data"]
    assert [row["action"] for row in redone["slots"]] == ["skip", "replay", "skip"]
    assert jobs.effects.split() == [*slots, slots[1]]
    line = jobs.ledger("fill")[-1]
    assert (line["trigger"], line["root_run"], line["slot"]) == ("replay", "20261101t001000z", slots[1])
    assert jobs.run_ctl("validate").status == 0
