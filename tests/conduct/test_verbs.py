"""The verbs around a conduct: guards, secrets, captures, retries, hands, holds, supersedes, repeats."""

from __future__ import annotations

import json
import os
import shutil
import signal
from hashlib import sha256

import pytest

from tests.conduct.scenes import Scene, wait_for


def code(ran: object) -> str:
    return str(ran.document["error"]["code"])  # type: ignore[attr-defined]


def test_a_failing_guard_makes_no_run_and_later_appends_nothing(scene: Scene) -> None:
    flag = scene.repo.root.parent / "flag"
    top = f'\nrequires:\n  - {{key: flag, run: "test ! -e {flag}"}}\n'
    scene.procedure(
        "demo", scene.command("a"), scene.step("gate", "go", prompt="?"), scene.command("b"), top=top
    )
    flag.touch()
    refused = scene.conduct()
    assert (refused.status, code(refused), scene.runs) == (1, "procedure_guard_failed", [])
    flag.unlink()
    assert scene.conduct().status == 6
    scene.ctl("approve")
    flag.touch()
    journal = scene.journal
    refused = scene.resume()
    assert (refused.status, code(refused), scene.journal) == (1, "run_guard_failed", journal)


def test_a_secret_must_be_set_and_is_never_written(scene: Scene) -> None:
    scene.procedure(
        "demo", scene.command("a", run="echo got $DEPLOY_KEY; exit 3"), top="\nsecrets:\n  - DEPLOY_KEY\n"
    )
    refused = scene.conduct()
    assert (refused.status, code(refused), scene.runs) == (7, "procedure_secret_missing", [])
    value = "correct-horse-battery"
    ran = scene.conduct(env={"DEPLOY_KEY": value})
    assert code(ran) == "run_step_failed"
    log = (scene.repo.root / ran.document["data"]["failure"]["log"]).read_text()
    assert "got [redacted:" in log
    assert not [path for path in scene.folder.rglob("*") if path.is_file() and value in path.read_text()]


def test_a_secret_is_not_pinned_as_a_param(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), top="\nparams:\n  token: {type: string}\n")
    ran = scene.conduct("demo", "--param", "token=ghp_" + "a1B2c3D4e5" * 3 + "F6g7h8")
    assert (ran.status, code(ran), scene.effects) == (4, "secret_found", "")
    assert not any((folder / "events.jsonl").exists() for folder in scene.runs)


def test_params_and_captures_reach_later_steps(scene: Scene) -> None:
    top = "\nparams:\n  version: {type: string, format: semver}\n"
    steps = [
        scene.command("a", run="echo $P_version; echo noise >&2", capture="seen"),
        scene.command(
            "b", run=f"echo $C_seen/$STEP_KEY/$STEP_ATTEMPT/$PLATFORMSTATE_ACTOR >> {scene.effects_file}"
        ),
    ]
    scene.procedure("demo", *steps, top=top)
    assert scene.conduct("demo", "--param", "version=1.4.2").status == 0
    assert scene.effects == "1.4.2/b/1/operator"
    assert scene.conduct().document["error"]["code"] == "procedure_param_invalid"
    assert scene.conduct("demo", "--param", "version").status == 2


def test_params_may_come_from_a_file(scene: Scene) -> None:
    top = "\nparams:\n  count: {type: integer}\n  loud: {type: boolean, default: true}\n"
    scene.procedure("demo", scene.command("a", run=f"echo $P_count.$P_loud >> {scene.effects_file}"), top=top)
    scene.repo.write("params.json", '{"count": 3}')
    assert scene.conduct("demo", "--params-file", "params.json", "--param", "loud=false").status == 0
    assert scene.effects == "3.false"
    scene.repo.write("params.json", "[1]")
    assert (
        scene.conduct("demo", "--params-file", "params.json").document["error"]["code"]
        == "procedure_param_invalid"
    )


def test_an_idempotent_step_is_retried_within_the_conduct(scene: Scene) -> None:
    run = f"{scene.append('a')}; test $STEP_ATTEMPT = 2"
    scene.procedure("demo", scene.command("a", run=run, idempotent=True, retries=1, retry_delay=0))
    assert scene.conduct().status == 0
    assert scene.effects == "a a"
    assert scene.types.count("RetryScheduled") == 1


def test_a_side_effecting_step_is_not_retried_unless_its_code_promises(scene: Scene) -> None:
    run = f"{scene.append('a')}; test $STEP_ATTEMPT = 2 || exit 75"
    scene.procedure("demo", scene.command("a", run=run, retries=3, retry_delay=0))
    assert code(scene.conduct()) == "run_step_failed"
    assert scene.effects == "a"
    assert code(scene.resume()) == "run_decision_required"
    scene.procedure("other", scene.command("a", run=run, retries=3, retry_delay=0, retry_safe_rc="[75]"))
    assert scene.conduct("other").status == 0
    assert scene.effects == "a a a"


def test_a_step_out_of_time_is_ended_with_its_group(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a", run="sleep 60 & sleep 60", timeout=1, grace=1))
    ran = scene.conduct()
    assert (ran.status, code(ran)) == (8, "run_step_timed_out")
    assert "StepTimedOut" in scene.types
    assert scene.repo.git("status", "--porcelain") == ""
    assert [path.name for path in (scene.folder / "logs").iterdir()] == ["0.1.log"]


def test_a_check_says_what_it_expected(scene: Scene) -> None:
    scene.procedure("demo", scene.step("check", "live", run="echo bad", expect='{stdout: "ok"}'))
    ran = scene.conduct()
    assert (ran.status, code(ran)) == (1, "run_check_failed")
    assert ran.document["data"]["failure"]["message"] == 'live printed "bad", "ok" was expected'


def test_a_capture_that_no_record_may_hold_fails_the_step(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a", run=r"printf '\033[0m'", capture="x"))
    ran = scene.conduct()
    assert ran.document["data"]["failure"]["code"] == "capture_invalid"


def test_a_manual_step_is_begun_and_ended_by_hand(scene: Scene) -> None:
    step = scene.step(
        "manual", "notes", instruct="write them", evidence="required", verify="{run: test -e NOTES}"
    )
    scene.procedure("demo", scene.command("a"), step, scene.command("b"))
    ran = scene.conduct()
    assert (ran.status, code(ran), ran.document["data"]["next_action"]) == (
        6,
        "run_manual_waiting",
        "begin_step",
    )
    journal = scene.journal
    assert scene.resume().status == 6
    assert scene.journal == journal
    end = ("step", "end", scene.run, "--json", "--outcome", "succeeded")
    assert code(scene.run_ctl("run", *end)) == "step_not_open"
    assert (
        code(scene.run_ctl("run", "step", "begin", scene.run, "--step", "2", "--json")) == "step_out_of_order"
    )
    assert code(scene.run_ctl("run", "step", "begin", scene.run, "--step", "9", "--json")) == "step_not_found"
    begun = scene.run_ctl("run", "step", "begin", scene.run, "--json")
    assert (begun.status, begun.document["data"]["next_action"]) == (0, "end_step"), begun.stdout
    assert code(scene.run_ctl("run", "step", "begin", scene.run, "--json")) == "run_decision_required"
    assert scene.resume().status == 6
    assert code(scene.run_ctl("run", *end)) == "evidence_required"
    assert code(scene.run_ctl("run", *end, "--evidence", "commit:HEAD")) == "step_verify_failed"
    scene.repo.write("NOTES", "done\n")
    ended = scene.run_ctl("run", *end, "--evidence", "commit:HEAD")
    assert ended.status == 0, ended.stdout
    assert scene.standing()["status"] == "suspended"
    assert scene.resume().status == 0
    assert scene.effects == "a b"
    assert scene.run_ctl("validate").status == 0


def test_a_manual_step_may_be_left_out_by_an_operator(scene: Scene) -> None:
    scene.procedure("demo", scene.step("manual", "notes", instruct="write them"))
    scene.conduct()
    scene.run_ctl("run", "step", "begin", scene.run, check=True)
    end = ("run", "step", "end", scene.run, "--outcome", "skipped", "--json")
    assert code(scene.run_ctl(*end)) == "usage_invalid"
    assert code(scene.run_ctl("--actor", "codex", *end, "--reason", "no")) == "operator_required"
    assert scene.run_ctl(*end, "--reason", "not needed").status == 0
    assert scene.resume().status == 0
    assert json.loads((scene.folder / "run_receipt.json").read_text())["steps"]["skipped"] == 1


def test_an_agents_run_walks_the_plan_of_its_task(scene: Scene) -> None:
    scene.run_ctl("task", "create", "--id", "gh-1", "--title", "T", "--accept", "it works::test", check=True)
    task = scene.repo.root / "state/tasks/gh-1/task.md"
    plan = (
        "plan:\n  - {key: test, text: write the test, verify: pytest}\n  - {key: fix, text: make it pass}\n\n"
    )
    task.write_text(task.read_text().replace("created_at:", plan + "created_at:", 1))
    scene.repo.commit("plan")
    made = scene.run_ctl(
        "memory",
        "checkpoint",
        "create",
        "--task",
        "gh-1",
        "--kind",
        "progress",
        "--done",
        "x",
        "--json",
        check=True,
    )
    run = made.document["data"]["run"]
    begun = scene.run_ctl("run", "step", "begin", run, "--json")
    assert begun.status == 0, begun.stdout
    assert (begun.document["data"]["key"], begun.document["data"]["verify_text"]) == ("test", "pytest")
    ended = scene.run_ctl("run", "step", "end", run, "--outcome", "succeeded", "--json")
    assert ended.document["data"]["next_action"] == "begin_step", ended.stdout
    assert scene.run_ctl("run", "step", "begin", run).status == 0
    assert (
        code(scene.run_ctl("--actor", "codex", "run", "step", "end", run, "--outcome", "failed", "--json"))
        == "actor_mismatch"
    )
    validated = scene.run_ctl("validate")
    assert validated.status == 0, validated.stdout
    assert code(scene.run_ctl("run", "resume", run, "--json")) == "run_transition_refused"


def slow(scene: Scene) -> None:
    scene.procedure(
        "demo", scene.command("a", run=f"touch {scene.repo.root.parent}/in-a; sleep 3"), scene.command("b")
    )


@pytest.mark.parametrize("now", [False, True])
def test_a_living_conductor_is_held(scene: Scene, now: bool) -> None:
    slow(scene)
    process = scene.start("procedure", "conduct", "demo", "--json")
    wait_for((scene.repo.root.parent / "in-a").exists)
    held = scene.ctl("hold", *(["--now"] if now else []))
    out, _ = process.communicate()
    assert (held.status, held.document["data"]["status"]) == (0, "suspended"), held.stdout
    answer = json.loads(out)
    assert (process.returncode, answer["error"]["code"]) == (6, "run_held")
    assert scene.outcomes(0) == (["cancelled"] if now else ["succeeded"])
    assert scene.events[-1]["reason"] == "held"
    if not now:
        assert scene.resume().status == 0
        assert scene.effects == "b"


def test_a_living_conductor_is_aborted(scene: Scene) -> None:
    slow(scene)
    process = scene.start("procedure", "conduct", "demo", "--json")
    wait_for((scene.repo.root.parent / "in-a").exists)
    assert code(scene.ctl("abort", "--reason", "no", actor="codex")) == "operator_required"
    aborted = scene.ctl("abort", "--reason", "no")
    process.communicate()
    assert (aborted.status, aborted.document["data"]["status"]) == (0, "aborted"), aborted.stdout
    assert (scene.effects, scene.types[-1]) == ("", "RunAborted")
    assert scene.run_ctl("validate").status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_suspends_and_never_aborts(scene: Scene, number: int) -> None:
    slow(scene)
    process = scene.start("procedure", "conduct", "demo", "--json")
    wait_for((scene.repo.root.parent / "in-a").exists)
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode == 128 + number
    assert scene.outcomes(0) == ["cancelled"]
    assert (scene.events[-1]["type"], scene.events[-1]["reason"]) == ("RunSuspended", "signal")


def test_a_crashed_run_is_held_and_aborted(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.command("b"))
    scene.conduct(point="conduct.marker@1")
    held = scene.ctl("hold")
    assert (held.status, held.document["data"]["status"]) == (0, "suspended"), held.stdout
    aborted = scene.ctl("abort", "--reason", "no")
    assert (aborted.status, aborted.document["data"]["status"]) == (0, "aborted"), aborted.stdout
    assert code(scene.ctl("hold")) == "run_transition_refused"
    assert scene.run_ctl("validate").status == 0


def test_a_new_run_carries_what_the_old_one_did(scene: Scene) -> None:
    first = scene.command("a", run=f"{scene.append('a')}; echo A", capture="x")
    scene.procedure("demo", first, scene.command("b", run="exit 1", on_fail="fail"))
    scene.conduct()
    old = scene.run
    fixed = scene.command("b", run=f"echo b-$C_x >> {scene.effects_file}")
    scene.procedure("demo", first, fixed)
    planned = scene.conduct("demo", "--supersedes", old, "--dry-run")
    assert planned.document["data"]["carried"] == [{"step_index": 0, "from_index": 0}]
    ran = scene.conduct("demo", "--supersedes", old)
    assert ran.status == 0, ran.stdout
    assert scene.effects == "a b-A"
    assert "StepCarried" in scene.types
    assert scene.run_ctl("validate").status == 0


def test_a_new_order_is_refused_unless_it_is_allowed(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="?"))
    scene.conduct()
    old = scene.run
    scene.procedure("demo", scene.command("x"), scene.command("a"), scene.step("gate", "go", prompt="?"))
    refused = scene.conduct("demo", "--supersedes", old)
    assert (refused.status, code(refused)) == (4, "procedure_order_changed")
    assert scene.conduct("demo", "--supersedes", old, "--allow-reorder").status == 6
    assert scene.effects == "a x"
    old_run = scene.run_ctl("run", "show", old, "--json").document["data"]["run"]
    assert (old_run["status"], old_run["reason"]) == ("aborted", "superseded")
    assert scene.run_ctl("validate").status == 0


def test_the_same_request_with_the_same_key_runs_once(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), top="\nparams:\n  size: {type: integer, default: 1}\n")
    first = scene.conduct("demo", "--idempotency-key", "k").document["data"]
    again = scene.conduct("demo", "--idempotency-key", "k").document["data"]
    assert (again["run"], again["executed"], scene.effects) == (first["run"], [], "a")
    other = scene.conduct("demo", "--idempotency-key", "k", "--param", "size=2")
    assert (other.status, code(other)) == (5, "idempotency_conflict")


def test_a_resumed_run_that_dies_is_valid_as_it_stands(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="?"), scene.command("b"))
    scene.conduct()
    scene.ctl("approve")
    died = scene.run_ctl("run", "resume", scene.run, env={"PLATFORMSTATE_FAILPOINT": "conduct.outcome@2"})
    assert died.status == -signal.SIGKILL
    assert scene.run_ctl("validate").status == 0
    assert scene.run_ctl("doctor", "--fix").status == 0
    assert scene.run_ctl("validate", "--rev", "HEAD").status == 0
    assert scene.resume().status == 0
    assert scene.effects == "a b"


def test_the_task_of_the_environment_is_served_when_it_is_here(scene: Scene) -> None:
    scene.run_ctl("task", "create", "--id", "gh-1", "--title", "T", "--accept", "it works::test", check=True)
    scene.procedure("demo", scene.command("a"))
    assert scene.conduct(env={"PLATFORMSTATE_TASK": "gh-1"}).status == 0
    assert scene.events[0]["task"] == "gh-1"
    assert scene.conduct(env={"PLATFORMSTATE_TASK": "gh-2"}).status == 0
    assert "task" not in scene.events[0]
    assert code(scene.conduct("demo", "--task", "gh-3")) == "task_not_found"
    assert scene.run_ctl("validate").status == 0


def test_a_dry_run_leaves_no_trace(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), top="\nrequires:\n  - {key: never, run: exit 1}\n")
    ran = scene.conduct("demo", "--dry-run")
    assert (ran.status, scene.runs, len(ran.document["data"]["steps"])) == (0, [], 1)
    assert scene.repo.git("status", "--porcelain") == ""


def test_a_dry_run_of_resume_says_what_it_would_do(scene: Scene) -> None:
    scene.procedure(
        "demo",
        scene.command("a"),
        scene.step("check", "ok", run="true"),
        scene.command("c"),
        scene.step("gate", "go", prompt="?"),
    )
    scene.conduct(point="conduct.receipt@2")
    journal = scene.journal
    plan = scene.resume("--dry-run").document["data"]["plan"]
    assert [row["action"] for row in plan] == ["skip", "recheck", "adopt", "run"]
    assert scene.journal == journal


def test_a_merge_in_progress_makes_the_commit_wait(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"))
    (scene.repo.root / ".git/MERGE_HEAD").write_text(scene.repo.git("rev-parse", "HEAD"))
    ran = scene.conduct()
    assert (ran.status, ran.document["ok"], scene.effects) == (6, True, "a")
    assert [note["code"] for note in ran.document["warnings"]] == ["commit_pending"]
    assert "CommitDeferred" in scene.types
    (scene.repo.root / ".git/MERGE_HEAD").unlink()
    assert scene.run_ctl("doctor", "--fix").status == 0
    assert scene.repo.git("status", "--porcelain") == ""


def test_without_commits_the_files_are_left(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"))
    before = scene.repo.git("rev-parse", "HEAD")
    ran = scene.conduct("demo", "--no-commit")
    assert (ran.status, scene.repo.git("rev-parse", "HEAD")) == (0, before)
    assert (scene.folder / "run_receipt.json").exists()
    scene.repo.commit("mine")
    assert scene.run_ctl("validate").status == 0


def test_runs_are_listed_newest_first_and_tailed(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="?"))
    scene.conduct()
    scene.conduct("demo", "--new")
    rows = scene.run_ctl("run", "list", "--json").document["data"]["runs"]
    assert len(rows) == 2
    assert rows == sorted(rows, key=lambda row: (row["started_at"], row["run"]), reverse=True)
    assert scene.run_ctl("run", "list", "--status", "failed", "--json").document["data"]["runs"] == []
    tail = scene.run_ctl("run", "tail", scene.run, "--json")
    assert tail.stdout.encode() == scene.journal
    last = scene.run_ctl("run", "tail", scene.run, "--json", "--since", "1", "--limit", "1")
    assert json.loads(last.stdout)["type"] == scene.types[-1]


def test_procedures_are_listed_and_shown(scene: Scene) -> None:
    top = "\nparams:\n  version: {type: string}\n"
    scene.procedure("demo", scene.command("a"), top=top)
    (row,) = scene.run_ctl("procedure", "list", "--json").document["data"]["procedures"]
    blob = scene.repo.git("rev-parse", "HEAD:state/procedures/demo/procedure.md").strip()
    assert (row["id"], row["steps"], row["blob"]) == ("demo", 1, blob)
    shown = scene.run_ctl("procedure", "show", "dem", "--json").document["data"]
    assert (shown["params"][0]["name"], shown["steps"][0]["key"]) == ("version", "a")
    assert scene.run_ctl("procedure", "lint", "demo").status == 0
    scene.procedure("demo", scene.step("gate", "go", prompt="{gone}"))
    linted = scene.run_ctl("procedure", "lint", "demo", "--json")
    assert (linted.status, linted.document["data"]["problems"][0]["line"]) == (1, 8)


def test_lint_twice_finds_a_step_that_is_not_idempotent(scene: Scene) -> None:
    scene.procedure(
        "demo",
        scene.command("a", run="echo x >> grows", idempotent=True),
        scene.command("b", run="touch same", idempotent=True),
    )
    ran = scene.run_ctl("procedure", "lint", "demo", "--twice", "--json")
    problems = ran.document["data"]["problems"]
    assert [(row["code"], row["line"]) for row in problems] == [("procedure_not_idempotent", 8)], ran.stdout
    assert not (scene.repo.root / "grows").exists()


def test_the_digest_of_a_pin_does_not_depend_on_when_and_where(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"))
    shas = set()
    for _ in range(2):
        scene.conduct("demo", "--new")
        shas.add(sha256((scene.folder / "resolved_steps.json").read_bytes()).hexdigest())
    shas.add(scene.conduct("demo", "--dry-run").document["data"]["steps_sha256"])
    assert len(shas) == 1


def begin_without_commits(scene: Scene) -> None:
    steps = (
        scene.command("a"),
        scene.command("b", run="test -e ../calm", idempotent=True),
        scene.command("c"),
    )
    scene.procedure("demo", *steps)
    assert scene.conduct("demo", "--no-commit").status == 1
    assert "?? state/procedures/demo/runs/" in scene.repo.git("status", "--porcelain")
    assert scene.resume("--no-commit").status == 1
    (scene.repo.root.parent / "calm").touch()


def test_a_run_that_began_without_commits_is_committed_whole_when_it_goes_on_with_them(scene: Scene) -> None:
    begin_without_commits(scene)
    ran = scene.resume()
    assert (ran.status, ran.document["data"]["pending"], scene.effects) == (0, False, "a c"), ran.stdout
    assert "CommitDeferred" not in scene.types
    assert "\nstatus: succeeded\n" in scene.repo.git(
        "show", f"HEAD:state/procedures/demo/runs/{scene.run}/run.md"
    )
    assert scene.repo.git("status", "--porcelain") == ""
    for argv in (("validate",), ("run", "verify", scene.run)):
        assert scene.run_ctl(*argv).status == 0


def test_a_run_that_goes_on_without_commits_in_between_is_committed_at_the_end(scene: Scene) -> None:
    steps = (scene.step("manual", "m", instruct="do it"), scene.command("c"))
    scene.procedure("demo", *steps)
    assert scene.conduct().status == 6
    scene.run_ctl("run", "step", "begin", scene.run, "--no-commit", check=True)
    scene.run_ctl("run", "step", "end", scene.run, "--outcome", "succeeded", "--no-commit", check=True)
    assert scene.resume().status == 0
    assert scene.repo.git("status", "--porcelain") == ""
    assert scene.run_ctl("validate").status == 0


def test_a_header_that_a_person_changed_is_left_alone_and_told(scene: Scene) -> None:
    begin_without_commits(scene)
    header = scene.folder / "run.md"
    header.write_text(header.read_text().replace("worktree: main", "worktree: other"))
    ran = scene.resume()
    assert (ran.status, ran.document["data"]["pending"], scene.effects) == (6, True, "a c"), ran.stdout
    assert "worktree: other" in header.read_text()


def test_a_checkpoint_of_a_step_is_the_one_that_the_journal_recorded(scene: Scene) -> None:
    scene.procedure("demo", scene.step("checkpoint", "told", summary="half way"), scene.command("a"))
    assert scene.conduct().status == 0
    assert scene.run_ctl("validate").status == 0
    (said,) = (scene.folder / "checkpoints").iterdir()
    said.write_text(said.read_text().replace("half way", "all the way"))
    problems = scene.run_ctl("validate", "--json").document["error"]["problems"]
    told = [one["path"] for one in problems if one["code"] == "run_header_differs"]
    assert told == [str(said.relative_to(scene.repo.root))]


VERBS = (
    ("run", "list"),
    *(("run", verb, "{}") for verb in ("show", "steps", "tail", "verify", "resume", "hold", "approve")),
    *(("run", verb, "{}", "--reason", "no") for verb in ("reject", "abort")),
    ("run", "step", "begin", "{}"),
    ("procedure", "conduct", "demo", "--new"),
)


@pytest.mark.parametrize("name", ["platformstate", "platformstate/leases"])
def test_a_file_where_the_clone_keeps_its_own_is_told(scene: Scene, name: str) -> None:
    scene.procedure("demo", scene.step("gate", "go", prompt="?"), scene.command("a"))
    assert scene.conduct().status == 6
    place = scene.repo.root / ".git" / name
    shutil.rmtree(place)
    place.write_text("not a folder")
    journal = scene.journal
    for verb in VERBS:
        ran = scene.run_ctl(*(word.format(scene.run) for word in verb), "--json")
        assert ran.status in (0, 4, 6), (verb, ran.document["error"])
        if ran.status == 4:
            assert code(ran) == "path_symlink"
            assert f".git/{name}" in ran.document["error"]["path"]
    assert (scene.journal, place.read_text()) == (journal, "not a folder")
