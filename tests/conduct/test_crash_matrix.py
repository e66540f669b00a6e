"""The crash matrix, row by row: a conduct is killed by SIGKILL at a point, then resumed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from platformstate.codec import journal
from platformstate.runner import Lease, Position
from tests.conduct.killing import KillScene
from tests.conduct.scenes import wait_for
from tests.forking import Ran

STARTED_ENDED = 2  # commits: after the pin, at the end; a resumption is no boundary
C = 2


def write(scene: KillScene, **of_c: Any) -> None:
    """Write a, a check, c, a checkpoint, e."""
    steps = [
        scene.command("a"),
        scene.step("check", "ok", run="true"),
        scene.command("c", **of_c),
        scene.step("checkpoint", "cp", summary="c is done"),
    ]
    scene.procedure("demo", *steps, scene.command("e"))


def resumed(scene: KillScene, effects: str = "a c e") -> Ran:
    """Resume, to the end."""
    ran = scene.resume()
    assert ran.status == 0, ran.stdout + ran.stderr
    assert scene.effects == effects
    scene.require_sound(commits=STARTED_ENDED)
    return ran


@pytest.mark.parametrize("point", ["conduct.pin-temp", "conduct.pin-renamed"])
def test_before_the_run_exists_the_next_conduct_starts_afresh(killing: KillScene, point: str) -> None:
    write(killing)
    killing.conduct(point=point)
    assert (killing.effects, len(killing.runs)) == ("", 1)
    assert killing.run_ctl("run", "list", "--json").document["data"]["runs"] == []
    assert killing.conduct().status == 0
    assert killing.effects == "a c e"
    killing.run_ctl("doctor", "--fix", check=True)
    assert [folder.name for folder in killing.runs] == [killing.run]
    killing.require_sound(commits=2)


def test_a_journal_without_a_byte_is_no_run(killing: KillScene) -> None:
    """Whoever made journals in place could have died between making the file and writing it."""
    write(killing)
    killing.conduct(point="conduct.pin-renamed")
    (killing.runs[0] / "events.jsonl").touch()
    ran = killing.conduct()
    assert (ran.status, killing.effects) == (0, "a c e"), ran.stdout


def test_started_runs_from_0_whatever_is_edited_later(killing: KillScene) -> None:
    write(killing)
    killing.conduct(point="conduct.started")
    assert killing.types == ["RunDefined", "ResolvedStepsRecorded", "RunStarted"]
    killing.procedure("demo", killing.command("x"))
    ran = resumed(killing)
    assert ran.document["data"]["drift"] is True


@pytest.mark.parametrize("index", [0, C])
def test_a_marker_alone_proves_that_the_step_never_began(killing: KillScene, index: int) -> None:
    write(killing)
    killing.conduct(point=f"conduct.marker@{index}")
    assert killing.events[-1]["type"] == "StepStarted"
    resumed(killing)
    assert killing.events_of(index) == [
        ("StepStarted", 1, None),
        ("StepNotStarted", 1, "proof"),
        ("StepStarted", 2, None),
        ("StepSucceeded", 2, "conductor"),
    ]


def test_a_child_that_lives_keeps_the_run_locked_then_its_receipt_is_adopted(killing: KillScene) -> None:
    go_on = killing.repo.root.parent / "go-on"
    write(killing, run=f"{killing.append('c')}; until test -e {go_on}; do sleep 0.02; done")
    killing.conduct(point=f"conduct.spawned@{C}")
    wait_for(lambda: killing.effects == "a c")
    journal_before = killing.journal
    refused = killing.resume()
    assert (refused.status, refused.document["error"]["code"]) == (5, "run_locked")
    assert killing.journal == journal_before
    go_on.touch()
    wait_for(lambda: not killing.standing()["locked"])
    resumed(killing)
    assert killing.events_of(C) == [("StepStarted", 1, None), ("StepSucceeded", 1, "receipt")]


def killed_within_c(scene: KillScene, **of_c: Any) -> None:
    """Kill conductor and child group while c, whose effect is there, has not ended; it does not hang again."""
    calm = scene.repo.root.parent / "calm"
    write(scene, run=f"{scene.append('c')}; test -e {calm} || sleep 30", **of_c)
    command = scene.begin("procedure", "conduct", "demo", "--json")
    wait_for(lambda: scene.effects == "a c")
    command.kill("group")
    assert command.wait().status == -signal.SIGKILL
    calm.touch()
    wait_for(lambda: not scene.standing()["locked"])


def test_where_nothing_proves_a_person_decides(killing: KillScene) -> None:
    killed_within_c(killing)
    stopped = killing.standing()["stopped_at"]
    assert (stopped["step_index"], stopped["outcome"], stopped["receipt"]) == (C, "in_flight", False)
    asked = killing.resume()
    assert (asked.status, asked.document["error"]["code"]) == (6, "run_decision_required")
    journal_before = killing.journal
    assert killing.resume().status == 6
    assert killing.journal == journal_before
    assert killing.effects == "a c"
    assert killing.ctl("decide", "redo", "--reason", "looked").status == 0
    assert killing.resume().status == 0
    assert killing.effects == "a c c e"
    assert [row[0] for row in killing.events_of(C)] == [
        "StepStarted",
        "StepUnknown",
        "StepStarted",
        "StepSucceeded",
    ]
    killing.require_sound(commits=4)  # start, suspend, decide, end


def test_where_nothing_proves_an_idempotent_step_is_run_again(killing: KillScene) -> None:
    killed_within_c(killing, idempotent=True)
    resumed(killing, "a c c e")


def test_where_nothing_proves_a_probe_does(killing: KillScene) -> None:
    probe = f"{{run: 'grep -qx c {killing.effects_file}'}}"
    killed_within_c(killing, done_when=probe)
    resumed(killing)
    assert killing.events_of(C) == [("StepStarted", 1, None), ("StepSucceeded", 1, "probe")]


@pytest.mark.parametrize("index", [0, C])
def test_a_receipt_is_adopted(killing: KillScene, index: int) -> None:
    write(killing)
    killing.conduct(point=f"conduct.receipt@{index}")
    assert killing.events[-1]["type"] == "StepStarted"
    resumed(killing)
    assert killing.events_of(index) == [("StepStarted", 1, None), ("StepSucceeded", 1, "receipt")]


@pytest.mark.parametrize("index", [0, C])
def test_half_an_outcome_line_is_repaired_and_the_receipt_adopted(killing: KillScene, index: int) -> None:
    write(killing)
    killing.conduct(point=f"conduct.outcome-torn@{index}")
    torn = killing.journal.rpartition(b"\n")[2]
    assert torn
    resumed(killing)
    repaired = next(event for event in killing.events if event["type"] == "JournalRepaired")
    assert repaired["bytes"] == len(torn)
    kept = killing.repo.root / f".git/platformstate/torn/{killing.run}.{repaired['seq']}"
    assert kept.read_bytes() == torn
    assert killing.events_of(index) == [("StepStarted", 1, None), ("StepSucceeded", 1, "receipt")]


@pytest.mark.parametrize("index", range(4), ids=["command", "check", "command-2", "checkpoint"])
def test_an_outcome_that_is_written_counts(killing: KillScene, index: int) -> None:
    """Only the check after a is made again: what it found must hold before c."""
    write(killing)
    killing.conduct(point=f"conduct.outcome@{index}")
    ran = resumed(killing)
    assert (index in ran.document["data"]["executed"]) is (index == 1)
    assert len(list((killing.folder / "checkpoints").iterdir())) == 1


@pytest.mark.parametrize("index", [1, 3], ids=["check", "checkpoint"])
def test_half_a_line_of_a_step_without_marker_is_repaired_and_it_is_done_again(
    killing: KillScene, index: int
) -> None:
    write(killing)
    killing.conduct(point=f"conduct.outcome-torn@{index}")
    resumed(killing)
    assert "JournalRepaired" in killing.types
    assert len(list((killing.folder / "checkpoints").iterdir())) == 1


def test_a_gate_that_is_asked_is_asked_once(killing: KillScene) -> None:
    gate = killing.step("gate", "go", prompt="Go on?", approvers="[operator]")
    killing.procedure("demo", killing.command("a"), gate, killing.command("c"))
    killing.conduct(point="conduct.outcome@1")
    waited = killing.resume()
    assert (waited.status, waited.document["error"]["code"]) == (6, "run_gate_waiting")
    assert killing.types.count("GateWaiting") == 1
    assert killing.ctl("approve").status == 0
    assert killing.resume().status == 0
    assert killing.effects == "a c"
    killing.require_sound(commits=4)


def test_a_resume_that_is_killed_before_its_first_commit_is_told_by_the_journal(killing: KillScene) -> None:
    calm = killing.repo.root.parent / "calm"
    steps = (
        killing.command("a", run=f"test -e {calm}", idempotent=True),
        killing.command("c"),
        killing.command("e"),
    )
    killing.procedure("demo", *steps)
    assert killing.run_ctl("procedure", "conduct", "demo").status == 1
    calm.touch()
    for point in ("conduct.marker@1", "conduct.receipt@1"):
        killed = killing.run_ctl("run", "resume", killing.run, env={"PLATFORMSTATE_FAILPOINT": point})
        assert killed.status == -signal.SIGKILL
        assert "\nstatus: suspended\nreason: step_failed\n" in (killing.folder / "run.md").read_text()
        stood = killing.standing()
        assert (stood["status"], stood["condition"], stood["steps_done"]) == ("running", "crashed", 1)
        for argv in (("validate",), ("run", "verify", killing.run), ("validate", "--rev", "HEAD")):
            judged = killing.run_ctl(*argv)
            assert judged.status == 0, judged.stdout
    killing.repo.git("commit", "-q", "-m", "whatever is there", "--", "state")
    assert killing.run_ctl("validate", "--range", "HEAD~1..HEAD").status == 0
    assert killing.resume().status == 0
    assert killing.effects == "c e"
    killing.require_sound(commits=3)  # start, suspend, end


def test_when_all_is_done_trailing_checks_are_made_again_and_the_run_ends(killing: KillScene) -> None:
    check = killing.step("check", "ok", run=f"echo ok >> {killing.effects_file}")
    killing.procedure("demo", killing.command("a"), check)
    killing.conduct(point="conduct.all-done")
    assert killing.resume().status == 0
    assert killing.effects == "a ok ok"
    assert killing.types[-2:] == ["StepSucceeded", "RunSucceeded"]
    killing.require_sound(commits=STARTED_ENDED)


@pytest.mark.parametrize("point", ["conduct.terminal", "conduct.receipt-written"])
def test_after_the_terminal_event_nothing_runs_and_the_rest_is_written(
    killing: KillScene, point: str
) -> None:
    write(killing)
    killing.conduct(point=point)
    journal_before = killing.journal
    ran = resumed(killing)
    assert (ran.document["data"]["executed"], killing.journal) == ([], journal_before)
    again = killing.resume()
    assert (again.status, again.document["error"]["code"]) == (4, "run_transition_refused")


def reboot(scene: KillScene) -> None:
    """Make the run one of an earlier boot, in what is committed of it too."""
    kept = [{k: v for k, v in event.items() if k not in ("seq", "h")} for event in scene.events]
    for event in kept:
        if "holder" in event:
            event["holder"] = {**event["holder"], "boot_id": "0" * 16}
    data = journal.encode(kept, seq=0, h=journal.ZERO_HASH)
    path = scene.folder / "events.jsonl"
    path.write_bytes(data)
    scene.repo.git("commit", "-q", "--amend", "--no-verify", "--no-edit", "--", str(path))
    lease = Lease(scene.repo.root / ".git", scene.run)
    position = lease.position()
    assert position is not None
    last = json.loads(data.splitlines()[-1])
    lease.write_position(Position(position.steps_sha256, len(kept) - 1, last["h"]))
    for mark in scene.leases.glob("*.start"):
        mark.write_text(json.dumps({**json.loads(mark.read_text()), "boot_id": "0" * 16}))


def test_after_a_power_loss_a_whole_receipt_is_adopted(killing: KillScene) -> None:
    write(killing)
    killing.conduct(point=f"conduct.receipt@{C}")
    reboot(killing)
    ran = killing.resume()
    assert (ran.status, killing.effects) == (0, "a c e"), ran.stdout
    assert killing.events_of(C)[-1] == ("StepSucceeded", 1, "receipt")
    killing.require_sound()


@pytest.mark.parametrize("point", ["marker", "receipt"])
def test_after_a_power_loss_without_a_receipt_a_person_decides(killing: KillScene, point: str) -> None:
    """Neither a start mark nor its absence counts on another boot; a torn receipt is none."""
    write(killing)
    killing.conduct(point=f"conduct.{point}@{C}")
    for receipt in killing.leases.glob("*.receipt"):
        os.truncate(receipt, 20)
    before = killing.effects
    reboot(killing)
    ran = killing.resume()
    assert (ran.status, ran.document["error"]["code"]) == (6, "run_decision_required")
    assert killing.effects == before
    assert killing.events_of(C)[-1][0] == "StepUnknown"
    unknown = next(event for event in killing.events if event["type"] == "StepUnknown")
    assert unknown["why"] == "other_boot"


def test_an_unknown_failpoint_is_refused(killing: KillScene) -> None:
    write(killing)
    ran = killing.run_ctl("procedure", "conduct", "demo", env={"PLATFORMSTATE_FAILPOINT": "conduct.nowhere"})
    assert (ran.status, "failpoint_unknown" in ran.stderr) == (2, True)


def test_a_failpoint_of_another_step_is_not_reached(killing: KillScene) -> None:
    write(killing)
    ran = killing.run_ctl("procedure", "conduct", "demo", env={"PLATFORMSTATE_FAILPOINT": "conduct.marker@9"})
    assert (ran.status, killing.effects) == (0, "a c e")


def test_every_failpoint_of_a_conduct_is_named_here(killing: KillScene) -> None:
    known = killing.run_ctl("doctor", "--list-failpoints", "--json").document["data"]["failpoints"]
    text = Path(__file__).read_text()
    names = [name for name in map(str, known) if name.startswith("conduct.")]
    assert len(names) == 11
    assert [name for name in names if name not in text] == []
