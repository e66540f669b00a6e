"""The acceptance scenarios of a conduct, with real processes and real kills."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from tests.conduct.scenes import Scene, wait_for

TRIO = ("a", "b", "c")
QUARTET = ("a", "b", "c", "d")


def four(scene: Scene, **of_c: object) -> None:
    """Write a, b, c, d, of which c marks that it is in its effect and then hangs, once."""
    hang = f"{scene.append('c')}; touch {scene.repo.root.parent}/in-c; test -e {scene.repo.root.parent}/calm || sleep 60"
    steps = [scene.command("a"), scene.command("b"), scene.command("c", run=hang, **of_c), scene.command("d")]
    scene.procedure("demo", *steps)


def killed_in_c(scene: Scene, **of_c: object) -> None:
    four(scene, **of_c)
    scene.kill_inside(scene.repo.root.parent / "in-c")
    (scene.repo.root.parent / "calm").touch()


def test_20_01_pin_once(scene: Scene) -> None:
    scene.procedure("demo", *map(scene.command, TRIO))
    ran = scene.conduct()
    assert ran.status == 0, ran.stdout
    assert scene.types == [
        *("RunDefined", "ResolvedStepsRecorded", "RunStarted"),
        *3 * ("StepStarted", "StepSucceeded"),
        "RunSucceeded",
    ]
    pin = (scene.folder / "resolved_steps.json").read_bytes()
    recorded = scene.events[1]
    assert (recorded["step_count"], recorded["steps_sha256"]) == (3, sha256(pin).hexdigest())
    assert [event["step_index"] for event in scene.events[3:9]] == [0, 0, 1, 1, 2, 2]
    data = ran.document["data"]
    assert (data["status"], data["executed"], data["failure"], data["next_action"]) == (
        "succeeded",
        [0, 1, 2],
        None,
        "none",
    )
    assert scene.effects == "a b c"
    journal = scene.journal
    refused = scene.resume()
    assert (refused.status, refused.document["error"]["code"]) == (4, "run_transition_refused")
    assert scene.journal == journal
    assert scene.run_ctl("validate").status == 0
    assert scene.run_ctl("run", "verify", scene.run).status == 0
    receipt = json.loads((scene.folder / "run_receipt.json").read_text())
    assert receipt["references"]["trusted_ref"] == "refs/heads/main"
    assert scene.repo.git("status", "--porcelain") == ""


def test_20_02_an_edit_of_the_procedure_is_ignored(scene: Scene) -> None:
    scene.procedure("demo", *map(scene.command, QUARTET))
    scene.conduct(point="conduct.marker@2")
    scene.procedure("demo", *map(scene.command, ("a", "x", "b", "c", "d")))
    ran = scene.resume()
    assert (ran.status, scene.effects) == (0, "a b c d")
    assert ran.document["data"]["drift"] is True
    assert scene.outcomes(2) == ["not_started", "succeeded"]


def test_20_03_no_silent_duplicate(scene: Scene) -> None:
    killed_in_c(scene)
    stood = scene.standing()
    assert (stood["condition"], stood["next_action"], stood["locked"]) == ("crashed", "decide", False)
    at = stood["stopped_at"]
    assert (at["step_index"], at["key"], at["attempt"], at["outcome"]) == (2, "c", 1, "in_flight")
    assert (at["side_effecting"], at["receipt"]) == (True, False)
    first = scene.resume()
    assert (first.status, first.document["error"]["code"]) == (6, "run_decision_required")
    assert scene.effects == "a b c"
    journal = scene.journal
    again = scene.resume()
    assert (again.status, scene.journal) == (6, journal)
    codex = scene.ctl("decide", "redo", "--reason", "looked", actor="codex")
    assert (codex.status, codex.document["error"]["code"]) == (4, "operator_required")
    assert scene.journal == journal
    assert scene.ctl("decide", "redo", "--reason", "looked").status == 0
    done = scene.resume()
    assert (done.status, scene.effects) == (0, "a b c c d")
    assert scene.outcomes(2) == ["unknown", "succeeded"]
    assert scene.run_ctl("validate").status == 0


def test_20_03_done_needs_evidence_and_then_nothing_is_repeated(scene: Scene) -> None:
    killed_in_c(scene)
    refused = scene.ctl("decide", "done", "--reason", "seen")
    assert (refused.status, refused.document["error"]["code"]) == (4, "evidence_required")
    said = scene.ctl("decide", "done", "--reason", "seen", "--evidence", "commit:HEAD")
    assert said.status == 0, said.stdout
    assert scene.resume().status == 0
    assert scene.effects == "a b c d"


@pytest.mark.parametrize("answer,status", [("skip", "suspended"), ("abort", "aborted")])
def test_a_step_may_be_left_out_or_the_run_ended(scene: Scene, answer: str, status: str) -> None:
    killed_in_c(scene)
    said = scene.ctl("decide", answer, "--reason", "not wanted")
    assert (said.status, said.document["data"]["status"]) == (0, status), said.stdout
    assert scene.resume().status == (0 if answer == "skip" else 4)
    assert scene.effects == ("a b c d" if answer == "skip" else "a b c")
    assert scene.run_ctl("validate").status == 0


def test_20_04_a_receipt_is_adopted(scene: Scene) -> None:
    slow = f"sleep 2; {scene.append('c')}"
    scene.procedure(
        "demo", scene.command("a"), scene.command("b"), scene.command("c", run=slow), scene.command("d")
    )
    scene.conduct(point="conduct.spawned@2")
    locked = scene.resume()
    assert (locked.status, locked.document["error"]["code"]) == (5, "run_locked")
    wait_for(lambda: scene.effects == "a b c")
    wait_for(lambda: not scene.standing()["locked"])
    ran = scene.resume()
    assert (ran.status, scene.effects) == (0, "a b c d")
    closing = next(e for e in scene.events if e["type"] == "StepSucceeded" and e["step_index"] == 2)
    assert (closing["by"], closing["attempt"]) == ("receipt", 1)


@pytest.mark.parametrize(
    "exit_code,status,effects,outcomes",
    [
        (0, 0, "a b c d", ["succeeded"]),
        (1, 0, "a b c c d", ["failed", "succeeded"]),
        (127, 6, "a b c", ["unknown"]),
    ],
)
def test_20_05_a_probe_is_asked(
    scene: Scene, exit_code: int, status: int, effects: str, outcomes: list[str]
) -> None:
    killed_in_c(scene, done_when=f"{{run: exit {exit_code}}}")
    ran = scene.resume()
    assert (ran.status, scene.effects, scene.outcomes(2)) == (status, effects, outcomes)
    if exit_code == 0:
        closing = [e for e in scene.events if e.get("step_index") == 2][-1]
        assert closing["by"] == "probe"
    if exit_code == 1:
        assert [e["code"] for e in scene.events if e["type"] == "StepFailed"] == ["effect_absent"]


def test_20_06_an_idempotent_step_is_done_again(scene: Scene) -> None:
    killed_in_c(scene, idempotent=True)
    assert scene.standing()["next_action"] == "resume"
    assert scene.resume().status == 0
    assert (scene.effects, scene.outcomes(2)) == ("a b c c d", ["unknown", "succeeded"])


def test_20_07_a_changed_pin_is_refused(scene: Scene) -> None:
    scene.procedure("demo", *map(scene.command, TRIO))
    scene.conduct(point="conduct.marker@1")
    pin = scene.folder / "resolved_steps.json"
    pin.write_bytes(pin.read_bytes().replace(b'"grace":10', b'"grace":11', 1))
    journal = scene.journal
    ran = scene.resume()
    assert (ran.status, ran.document["error"]["code"]) == (1, "run_steps_mismatch")
    assert (scene.effects, scene.journal) == ("a", journal)
    assert scene.run_ctl("validate").status == 1
    assert scene.run_ctl("run", "verify", scene.run).status == 1


def test_20_07_a_changed_line_is_refused(scene: Scene) -> None:
    scene.procedure("demo", *map(scene.command, TRIO))
    scene.conduct(point="conduct.marker@1")
    path = scene.folder / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"exit_code":0', b'"exit_code":1', 1))
    journal = path.read_bytes()
    ran = scene.run_ctl("run", "resume", scene.run, "--json")
    assert (ran.status, ran.document["error"]["code"], ran.document["error"]["line"]) == (
        1,
        "run_journal_corrupt",
        5,
    )
    assert path.read_bytes() == journal
    assert scene.run_ctl("validate").status == 1


def test_20_07_a_torn_last_line_is_repaired(scene: Scene) -> None:
    scene.procedure("demo", *map(scene.command, TRIO))
    scene.conduct(point="conduct.outcome-torn@1")
    assert not (scene.folder / "events.jsonl").read_bytes().endswith(b"\n")
    ran = scene.resume()
    assert (ran.status, scene.effects) == (0, "a b c")
    assert "JournalRepaired" in scene.types
    assert scene.outcomes(1) == ["succeeded"]
    assert scene.run_ctl("validate").status == 0


def test_20_08_trailing_checks_must_still_hold(scene: Scene) -> None:
    flag = scene.repo.root.parent / "flag"
    flag.touch()
    check = scene.step("check", "still", run=f"echo made >> {flag}; test -e {flag}.ok || test ! -e {flag}.no")
    scene.procedure(
        "demo",
        scene.step("check", "first", run=scene.append("first")),
        scene.command("a"),
        check,
        scene.command("c"),
    )
    scene.conduct(point="conduct.marker@3")
    (flag.parent / "flag.no").touch()
    ran = scene.resume()
    assert (ran.status, ran.document["error"]["code"]) == (1, "run_check_failed")
    assert ran.document["data"]["failure"]["step_index"] == 2
    assert ran.document["data"]["next_action"] == "fix"
    assert scene.effects == "first a"
    (flag.parent / "flag.ok").touch()
    assert scene.resume().status == 0
    assert scene.effects == "first a c"


def test_20_09_a_gate_waits_for_its_approver(scene: Scene) -> None:
    gate = scene.step("gate", "go", prompt="Go on?", approvers="[ann]")
    scene.procedure("demo", scene.command("a"), gate, scene.command("b"))
    scene.repo.git("config", "--add", "platformstate.operator", "ann")
    ran = scene.conduct()
    assert (ran.status, ran.document["error"]["code"]) == (6, "run_gate_waiting")
    journal = scene.journal
    for _ in range(3):
        assert scene.resume().status == 6
    assert scene.journal == journal
    assert scene.types.count("GateWaiting") == 1
    refused = scene.ctl("approve")
    assert (refused.status, refused.document["error"]["code"]) == (4, "run_approval_refused")
    assert scene.journal == journal
    assert scene.ctl("approve", actor="ann").status == 0
    assert scene.resume().status == 0
    assert scene.effects == "a b"


def test_20_09_an_approver_who_is_no_operator_is_refused(scene: Scene) -> None:
    scene.procedure("demo", scene.step("gate", "go", prompt="Go on?", approvers="[bob]"))
    scene.conduct()
    refused = scene.ctl("approve", actor="bob")
    assert (refused.status, refused.document["error"]["code"]) == (4, "operator_required")


def test_20_09_a_rejected_gate_fails_the_run(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="Go on?"), scene.command("b"))
    scene.conduct()
    said = scene.ctl("reject", "--reason", "not today")
    assert (said.status, said.document["data"]["status"]) == (0, "failed")
    assert scene.resume().status == 4
    assert scene.effects == "a"
    assert json.loads((scene.folder / "run_receipt.json").read_text())["reason"] == "gate_rejected"
    assert scene.run_ctl("validate").status == 0


def test_20_10_a_crash_inside_a_call_goes_on_at_its_index(scene: Scene) -> None:
    scene.procedure("inner", scene.command("x"), scene.command("build"))
    scene.procedure("middle", scene.step("call", "deep", procedure="inner"))
    call = scene.step("call", "roll", procedure="middle")
    skipped = scene.command("left-out", when="{param: env, in: [prod]}")
    top = "\nparams:\n  env: {type: string, default: staging}\n"
    scene.procedure("demo", scene.command("a"), skipped, call, scene.command("z"), top=top)
    scene.conduct(point="conduct.marker@3")
    assert scene.resume().status == 0
    assert scene.effects == "a x build z"
    steps = scene.run_ctl("run", "steps", scene.run, "--json").document["data"]["steps"]
    assert [step["key"] for step in steps] == ["a", "left-out", "roll/deep/x", "roll/deep/build", "z"]
    assert [step["outcome"] for step in steps][1] == "skipped"


def test_20_10_a_cycle_makes_no_run(scene: Scene) -> None:
    scene.procedure("demo", scene.step("call", "x", procedure="other"))
    scene.procedure("other", scene.step("call", "yy", procedure="demo"))
    ran = scene.conduct()
    assert (ran.status, ran.document["error"]["code"]) == (1, "procedure_cycle")
    assert scene.runs == []


def test_20_12_a_second_conduct_of_an_open_run_is_refused(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a"), scene.step("gate", "go", prompt="Go on?"))
    scene.conduct()
    refused = scene.conduct()
    assert (refused.status, refused.document["error"]["code"]) == (5, "procedure_run_open")
    assert scene.conduct("demo", "--new").status == 6
    assert scene.effects == "a a"


def test_20_12_twenty_steps_with_a_gate_are_few_commits_and_staged_work_stays(scene: Scene) -> None:
    steps = [scene.command(f"s{n}") for n in range(19)]
    scene.procedure("demo", *steps[:10], scene.step("gate", "go", prompt="Go on?"), *steps[10:])
    scene.repo.write("mine.txt", "staged\n")
    scene.repo.git("add", "mine.txt")
    staged = scene.repo.git("ls-files", "-s", "mine.txt")
    before = int(scene.repo.git("rev-list", "--count", "HEAD"))
    assert scene.conduct().status == 6
    scene.ctl("approve")
    assert scene.resume().status == 0
    assert int(scene.repo.git("rev-list", "--count", "HEAD")) - before <= 6
    assert scene.repo.git("ls-files", "-s", "mine.txt") == staged
    assert scene.repo.git("diff", "--cached", "--name-only").split() == ["mine.txt"]


def test_20_13_a_terminal_run_never_gets_a_pin(scene: Scene) -> None:
    scene.procedure("demo", scene.command("a", run="exit 3", on_fail="fail"))
    ran = scene.conduct()
    assert (ran.status, ran.document["error"]["code"]) == (1, "run_failed")
    failure = ran.document["data"]["failure"]
    assert (failure["step_index"], failure["exit_code"], failure["code"]) == (0, 3, "run_failed")
    journal = scene.journal
    assert scene.resume().status == 4
    assert scene.journal == journal
    assert scene.types.count("ResolvedStepsRecorded") == 1
