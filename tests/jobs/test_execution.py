"""One run of a job: what its child gets, what it leaves, and why it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.scenes import JobScene

R0 = [
    "run_id", "job_id", "status", "reason", "exit_code", "trigger", "slot", "started_at", "ended_at",
    "duration_ms", "target", "attempts", "artifacts", "approvals_requested", "references", "payload",
    "files", "kept", "committed",
]  # fmt: skip
REFERENCES = [
    "spec_path",
    "spec_blob",
    "commit",
    "trusted_ref",
    "digest",
    "steps_sha256",
    "replay_of",
    "root_run",
]


def test_a_run_has_the_keys_of_the_run_contract_and_a_valid_receipt(jobs: JobScene) -> None:
    jobs.shell("hello", 'echo hi; echo \'{"n": 1}\' > "$PLATFORMSTATE_PAYLOAD_FILE"')
    jobs.ready()
    ran = jobs.jobs("run", "hello")
    run = ran.document["data"]["run"]
    assert ran.status == 0
    assert list(run) == R0
    assert list(run["references"]) == REFERENCES
    assert list(run["files"]) == ["dir", "receipt", "summary", "events"]
    receipt = jobs.receipt(run)
    assert receipt["payload"] == run["payload"] == {"n": 1}
    assert {"cronsim", "tzdata"} <= set(receipt["tool"])
    assert receipt["job"]["source"]["kind"] == "tree"
    assert jobs.log(run) == "hi\n"
    assert [line["run"] for line in jobs.ledger("hello")] == [run["run_id"]]
    assert not run["kept"]
    assert jobs.repo.git("status", "--porcelain") == ""
    assert jobs.run_ctl("validate").status == 0


def test_a_child_gets_few_names_of_the_caller_and_all_of_its_run(jobs: JobScene) -> None:
    jobs.shell(
        "env", "env", bindings={"day": "2026-11-20", "deep": {"a": [1]}, "many": 3, "on": True},
        runtime={"env": {"pass": ["EXPORT_NAME"], "set": {"MODE": "dry"}}},
    )  # fmt: skip
    jobs.ready()
    given = {"EXPORT_NAME": "tables", "TMOUT": "1", "PYTHONPATH": "/nowhere", "GIT_AUTHOR_NAME": "x"}
    run = jobs.run_job("env", env=given)
    seen = dict(line.partition("=")[::2] for line in jobs.log(run).splitlines())
    for name in ("PATH", "HOME", "LC_ALL"):
        assert name in seen
    assert (seen["EXPORT_NAME"], seen["MODE"]) == ("tables", "dry")
    assert not {"TMOUT", "PYTHONPATH", "GIT_AUTHOR_NAME", "NO_COLOR"} & set(seen)
    assert (seen["P_day"], seen["P_many"], seen["P_on"]) == ("2026-11-20", "3", "true")
    assert "P_deep" not in seen
    assert seen["PLATFORMSTATE_RUN"] == f"env/{run['run_id']}"
    assert (seen["PLATFORMSTATE_JOB"], seen["PLATFORMSTATE_SLOT"]) == ("env", "")
    assert seen["PLATFORMSTATE_TRIGGER"] == "manual"
    assert seen["PLATFORMSTATE_ROOT"] == str(jobs.repo.root)
    assert (seen["STEP_KEY"], seen["STEP_ATTEMPT"]) == ("main", "1")


def test_bindings_reach_the_child_in_a_file_that_goes_with_the_run(jobs: JobScene) -> None:
    jobs.shell("bound", 'cat "$PLATFORMSTATE_BINDINGS_FILE"', bindings={"a": 1, "b": {"c": [True]}})
    jobs.ready()
    assert json.loads(jobs.log(jobs.run_job("bound"))) == {"a": 1, "b": {"c": [True]}}
    assert json.loads(jobs.log(jobs.run_job("bound", "--set", "a=2", "--set", "d=x"))) == {
        "a": 2, "b": {"c": [True]}, "d": "x",
    }  # fmt: skip
    replaced = jobs.run_job("bound", "--bindings", '{"e": 5}', "--set", "a=null")
    assert json.loads(jobs.log(replaced)) == {"a": None, "e": 5}
    left = sorted(path.suffix for path in (jobs.common / "leases").iterdir())
    assert set(left) == {".json", ".lock"}


@pytest.mark.parametrize("given", ["[1]", "nothing", "@absent"])
def test_bindings_that_are_no_object_are_refused(jobs: JobScene, given: str) -> None:
    jobs.shell("bound", "true")
    jobs.ready()
    refused = jobs.jobs("run", "bound", "--bindings", given)
    code = "usage_invalid" if given == "@absent" else "job_bindings_invalid"
    assert refused.document["error"]["code"] == code
    assert not (jobs.repo.root / "state/jobs/bound/runs").exists()


Spec = dict[str, Any]
REASONS: list[tuple[str, str, Spec, int]] = [
    ("job_execution_failed", "exit 3", {}, 1),
    ("job_execution_failed", "kill -9 $$", {}, 1),
    ("job_execution_failed", "exit 152", {}, 1),
    ("job_resource_exceeded", "while :; do :; done", {"runtime": {"limits": {"cpu_seconds": 1}}}, 1),
    ("job_resource_exceeded", "exec dd if=/dev/zero of=big bs=1024 count=64 2>/dev/null",
     {"runtime": {"limits": {"file_size": "16KiB"}}}, 1),
    ("job_resource_exceeded", "head -c 100000 /dev/zero | tr '\\0' a", {"runtime": {"limits": {"output": "64KiB"}}}, 1),
    ("job_execution_failed", "exec python3 -c 'x = bytearray(1 << 30)'",
     {"runtime": {"limits": {"memory": "256MiB"}}}, 1),
    ("job_execution_failed", "exec 3<. 4<. 5<. 6<. 7<. 8<. 9<.", {"runtime": {"limits": {"open_files": 6}}}, 1),
    ("job_output_invalid", 'echo "[1]" > "$PLATFORMSTATE_PAYLOAD_FILE"', {}, 1),
    ("job_output_invalid", 'echo "{1}" > "$PLATFORMSTATE_PAYLOAD_FILE"', {}, 1),
    ("job_output_invalid", 'mkfifo "$PLATFORMSTATE_PAYLOAD_FILE"', {}, 1),
    ("job_output_invalid", 'echo "{\\"a\\": 1, \\"a\\": 2}" > "$PLATFORMSTATE_PAYLOAD_FILE"', {}, 1),
    ("job_output_invalid", "true", {"output": {"artifacts": ["out/*!"]}}, 1),
    ("job_output_invalid", "mkdir out; head -c 2000 /dev/zero > out/a",
     {"output": {"artifacts": ["out/*"], "max_bytes": 1000}}, 1),
    ("job_deadline_exceeded", "sleep 5", {"runtime": {"timeout": "1s", "deadline": "1s", "grace": "1s"}}, 8),
    ("job_deadline_exceeded", "exit 1", {
        "runtime": {"timeout": 2, "deadline": 2}, "retry": {"max": 1, "backoff": {"initial": "10s", "jitter": "none"}},
    }, 8),
]  # fmt: skip


@pytest.mark.slow
def test_each_run_fails_for_the_reason_that_is_proven(jobs: JobScene) -> None:
    for number, (_, script, spec, _) in enumerate(REASONS):
        jobs.shell(f"failing-{number}", script, **{"output": {"artifacts": []}, **spec})
    jobs.ready()
    for number, (reason, script, _, status) in enumerate(REASONS):
        ran = jobs.jobs("run", f"failing-{number}", "--no-commit")
        document = ran.document
        run = document["data"]["run"]
        said = (document["error"]["code"], run["reason"], run["status"], ran.status)
        assert said == (reason, reason, "failed", status), (script, ran.stdout)
        assert jobs.receipt(run)["reason"] == reason
        assert (run["artifacts"], run["kept"], run["committed"]) == ([], True, False)
        assert jobs.ledger(run["job_id"])[-1]["reason"] == reason
    assert jobs.run_ctl("validate").status == 0


def test_a_run_keeps_the_artifacts_that_its_globs_and_it_name(jobs: JobScene) -> None:
    jobs.shell(
        "art",
        'mkdir -p out/deep other; echo 1 > out/a.json; echo 2 > out/deep/b.json; echo 3 > other/c.json;'
        ' echo 4 > "$PLATFORMSTATE_ARTIFACTS_DIR/own.txt"; ln -s /etc/passwd out/link.json',
        output={"artifacts": ["out/**/*.json!", "missing/*"], "keep": "full"},
    )  # fmt: skip
    with (jobs.repo.root / ".gitignore").open("a") as ignored:
        ignored.write("/out\n/other\n")
    jobs.ready()
    run = jobs.run_job("art")
    assert run["status"] == "succeeded", run
    assert [row["path"] for row in run["artifacts"]] == [
        "artifacts/out/a.json", "artifacts/out/deep/b.json", "artifacts/own.txt",
    ]  # fmt: skip
    assert (jobs.folder_of(run) / "artifacts/out/deep/b.json").read_text() == "2\n"
    assert run["kept"]
    assert jobs.repo.git("status", "--porcelain") == ""
    tracked = jobs.repo.git("ls-files", str(jobs.folder_of(run))).split()
    assert f"{run['files']['dir']}/artifacts/own.txt" in tracked


def test_what_is_passed_on_is_hidden_wherever_it_is_printed(jobs: JobScene) -> None:
    script = (
        'printf %s "${API_TOKEN%????}"; sleep 0.15; printf "%s\\n" "${API_TOKEN#????????????}";'
        ' echo "{\\"said\\": \\"$API_TOKEN\\"}" > "$PLATFORMSTATE_PAYLOAD_FILE"; exit ${CODE:-0}'
    )
    jobs.shell("quiet", script, runtime={"env": {"pass": ["API_TOKEN", "CODE"]}})
    jobs.ready()
    value = "zq7-Pk2m-Xw9t-Lr"
    for code in ("0", "4"):
        ran = jobs.run_ctl("jobs", "run", "quiet", "-f", "--json", env={"API_TOKEN": value, "CODE": code})
        run = ran.document["data"]["run"]
        assert "[redacted:environment_value]" in jobs.log(run)
        assert "[redacted:environment_value]" in ran.stderr
        assert value not in ran.stdout + ran.stderr
        if code == "0":
            assert run["payload"] == {"said": "[redacted:environment_value]"}
    for path in [*(jobs.repo.root / "state").rglob("*"), *jobs.common.rglob("*")]:
        assert not path.is_file() or value.encode() not in path.read_bytes(), path


def test_follow_prints_each_line_on_stderr_while_the_run_goes_on(jobs: JobScene) -> None:
    jobs.shell("chatty", f"echo one; {jobs.append('go')}; sleep 0.4; printf two")
    jobs.ready()
    command = jobs.begin("jobs", "run", "chatty", "-f", "--json")
    jobs.wait_for("go")
    ran = command.wait()
    assert ran.stderr.splitlines()[:2] == ["one", "two"]
    assert ran.document["data"]["run"]["status"] == "succeeded"


def test_a_copy_of_the_trusted_commit_is_what_a_run_works_in(jobs: JobScene) -> None:
    jobs.repo.write("tool.sh", "#!/bin/sh\necho trusted\n").chmod(0o755)
    jobs.job("copy", target={"kind": "command", "argv": ["./tool.sh"]}, runtime={"source": "trusted"})
    jobs.shell("where", "pwd; ls -ld tool.sh", runtime={"source": "trusted"})
    jobs.ready()
    commits = [jobs.repo.git("rev-parse", "HEAD").strip()]
    jobs.repo.write("tool.sh", "#!/bin/sh\necho edited\n")
    jobs.repo.git("checkout", "-q", "-b", "side")
    jobs.repo.write("src.py", "1\n")
    jobs.repo.git("add", "src.py")
    jobs.repo.git("commit", "-q", "-m", "beyond")
    run = jobs.run_job("copy")
    assert jobs.log(run) == "trusted\n"
    assert jobs.receipt(run)["job"]["source"] == {
        "kind": "trusted", "commit": commits[0], "dirty": False, "allowed": False,
    }  # fmt: skip
    place, listed = jobs.log(jobs.run_job("where")).splitlines()
    assert Path(place) == jobs.common / "source" / commits[0]
    assert listed.startswith("-r-xr-xr-x")


@pytest.mark.soak
def test_the_last_two_copies_are_kept_and_one_that_a_run_holds(jobs: JobScene) -> None:
    jobs.shell("slow", f"{jobs.append('in')}; sleep 30", runtime={"source": "trusted", "grace": "1s"})
    jobs.shell("fast", "true", runtime={"source": "trusted"})
    jobs.ready()
    commits = [jobs.repo.git("rev-parse", "HEAD").strip()]
    slow = jobs.begin("jobs", "run", "slow", "--json")
    jobs.wait_for("in")
    for number in range(3):
        jobs.repo.write("file", f"{number}\n")
        commits.append(jobs.land())
        assert jobs.run_job("fast")["status"] == "succeeded"
    found = {path.name for path in (jobs.common / "source").iterdir() if path.is_dir()}
    assert found == {commits[0], *commits[-2:]}
    slow.kill("group")
    slow.wait()
    jobs.repo.write("file", "last\n")
    commits.append(jobs.land())
    jobs.run_job("fast")
    found = {path.name for path in (jobs.common / "source").iterdir() if path.is_dir()}
    assert found == set(commits[-2:])
