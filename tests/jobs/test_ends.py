"""The end of a job's run, wherever its conductor is killed, and whatever it leaves behind."""

from __future__ import annotations

import json
from shlex import quote

import pytest

from tests.jobs.scenes import JobScene
from tests.policy.test_secrets import CANARIES

POINTS = (
    "conduct.started", "conduct.marker", "conduct.receipt", "conduct.outcome",
    "conduct.all-done", "conduct.terminal", "conduct.receipt-written", "jobs.ledger-torn", "jobs.ledger",
)  # fmt: skip


def test_a_conductor_killed_anywhere_leaves_one_line_after_a_tick(jobs: JobScene) -> None:
    script = (
        'echo "{\\"n\\": 1}" > "$PLATFORMSTATE_PAYLOAD_FILE"; echo art > "$PLATFORMSTATE_ARTIFACTS_DIR/a"'
    )
    for number, _ in enumerate(POINTS):
        jobs.shell(f"job-{number}", f"{jobs.append(f'e{number}')}; {script}")
    jobs.ready()
    for number, point in enumerate(POINTS):
        killed = jobs.run_ctl("jobs", "run", f"job-{number}", env={"PLATFORMSTATE_FAILPOINT": point})
        assert killed.status == -9, (point, killed.stdout, killed.stderr)
    ticked = jobs.jobs("tick", "--commit")
    assert ticked.status == 0, ticked.stdout
    assert jobs.jobs("tick").document["data"]["reconciled"] == []
    for number, point in enumerate(POINTS):
        lines = jobs.ledger(f"job-{number}")
        assert [line["status"] for line in lines] == ["succeeded"], point
        receipt = jobs.receipt({"job_id": f"job-{number}", "run_id": lines[0]["run"]})
        assert receipt["payload"] == {"n": 1}, point
        assert [row["path"] for row in receipt["artifacts"]] == ["artifacts/a"], point
    assert sorted(jobs.effects.split()) == sorted(f"e{number}" for number, _ in enumerate(POINTS))
    assert jobs.repo.git("status", "--porcelain") == ""
    assert jobs.run_ctl("validate").status == 0


def test_the_first_three_of_a_streak_of_like_failures_are_kept(jobs: JobScene) -> None:
    jobs.shell("bad", 'exit "$P_code"', bindings={"code": 3})
    jobs.ready()
    kept = [
        jobs.run_job("bad", "--set", f"code={code}", "--no-commit")["kept"] for code in (3, 3, 3, 3, 0, 3)
    ]
    assert kept == [True, True, True, False, False, True]
    assert [line["kept"] for line in jobs.ledger("bad")] == kept


def test_a_timeout_is_retried_where_the_spec_says_so(jobs: JobScene) -> None:
    script = 'test "$STEP_ATTEMPT" = 2 || sleep 20'
    backoff = {"initial": "1ms"}
    for name, when in (("again", ["timeout"]), ("once", ["exit"])):
        retry = {"max": 1, "when": when, "backoff": backoff}
        jobs.shell(name, script, runtime={"timeout": "1s", "grace": "1s"}, retry=retry)
    jobs.ready()
    run = jobs.run_job("again")
    assert [row["outcome"] for row in run["attempts"]] == ["timed_out", "succeeded"]
    assert jobs.run_job("once")["reason"] == "job_timed_out"


def test_a_code_decides_what_is_tried_again(jobs: JobScene) -> None:
    backoff = {"initial": "1ms"}
    cases = {
        "any": ({"max": 2}, 1, 3),
        "listed": ({"max": 2, "exit_codes": [5]}, 5, 3),
        "unlisted": ({"max": 2, "exit_codes": [5]}, 6, 1),
        "never": ({"max": 2, "never_exit_codes": [5]}, 5, 1),
        "not-found": ({"max": 2}, 127, 1),
        "signal": ({"max": 2, "when": ["exit"]}, 143, 1),
    }
    for name, (retry, code, _) in cases.items():
        jobs.shell(name, f"exit {code}", retry={**retry, "backoff": backoff})
    jobs.shell("fine", "exit 4", success_exit_codes=[0, 4])
    jobs.ready()
    for name, (_, code, count) in cases.items():
        run = jobs.run_job(name, "--no-commit")
        assert (name, len(run["attempts"]), run["exit_code"]) == (name, count, code)
    assert jobs.run_job("fine")["status"] == "succeeded"


@pytest.mark.parametrize("keep", ["full", "none"])
def test_a_secret_in_an_artifact_stays_out_of_every_commit(jobs: JobScene, keep: str) -> None:
    fake = "ghp_" + "a1B2" * 9
    jobs.shell(
        "leak", f'echo ghp_"{fake[4:]}" > "$PLATFORMSTATE_ARTIFACTS_DIR/a"; echo ok', output={"keep": keep}
    )
    jobs.ready()
    ran = jobs.jobs("run", "leak")
    assert ran.document["data"]["run"]["run_id"], ran.stdout
    assert [line["status"] for line in jobs.ledger("leak")][-1] in ("succeeded", "failed")
    assert fake not in jobs.repo.git("log", "-p", "--", "state/jobs/leak/runs")
    again = jobs.jobs("run", "leak")
    assert again.document["data"]["run"]["run_id"], again.stdout
    assert jobs.repo.git("status", "--porcelain", "--", "state/jobs/leak/ledger") == ""


def test_each_fake_secret_printed_in_pieces_is_nowhere(jobs: JobScene) -> None:
    wanted = {rule: text for rule, text in CANARIES.items() if rule != "pem"}  # alone it hides what follows
    lines = "".join(
        f"printf %s {quote(text[:9])}; sleep 0.02; echo {quote(text[9:])}\n" for text in wanted.values()
    )
    jobs.repo.write("leak.sh", lines)
    jobs.job("leak", target={"kind": "command", "argv": ["sh", "leak.sh"]}, output={"keep": "full"})
    jobs.ready()
    ran = jobs.run_ctl("jobs", "run", "leak", "-f", "--json")
    log = jobs.log(ran.document["data"]["run"])
    assert log.count("[redacted:") >= len(wanted)
    texts = [log, ran.stdout, ran.stderr, json.dumps(jobs.ledger("leak"))]
    texts += [
        path.read_text() for path in jobs.folder_of(ran.document["data"]["run"]).rglob("*") if path.is_file()
    ]
    for text in wanted.values():
        assert not any(text in shown for shown in texts)
