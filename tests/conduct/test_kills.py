"""Killed at every failpoint, a conduct goes on: no second effect, no step left out, every record valid."""

from __future__ import annotations

import json

import pytest

from tests.conduct.scenes import Scene, wait_for

BEFORE_THE_RUN = ("conduct.pin-temp", "conduct.pin-renamed")
MIDDLE = (
    "conduct.started",
    *(
        f"conduct.{name}@{index}"
        for name in ("marker", "receipt", "outcome-torn", "outcome")
        for index in (0, 2)
    ),
    "conduct.spawned@2",
    "conduct.all-done",
)
AT_THE_END = ("conduct.terminal", "conduct.receipt-written")


def write(scene: Scene) -> None:
    steps = [
        scene.command("a"),
        scene.step("check", "ok", run="true"),
        scene.command("c"),
        scene.step("checkpoint", "cp", summary="c is done"),
    ]
    scene.procedure("demo", *steps, scene.command("e"))


@pytest.mark.parametrize("point", BEFORE_THE_RUN)
def test_before_the_run_exists_the_next_conduct_starts_afresh(scene: Scene, point: str) -> None:
    write(scene)
    scene.conduct(point=point)
    assert scene.effects == ""
    assert scene.run_ctl("run", "list", "--json").document["data"]["runs"] == []
    assert scene.conduct().status == 0
    assert scene.effects == "a c e"
    assert not list((scene.repo.root / "state").rglob(".ps-*"))


@pytest.mark.parametrize("point", MIDDLE)
def test_in_the_middle_a_resume_goes_on(scene: Scene, point: str) -> None:
    write(scene)
    scene.conduct(point=point)
    wait_for(lambda: not scene.standing()["locked"])
    ran = scene.resume()
    assert ran.status == 0, ran.stdout
    assert scene.effects == "a c e"
    finished(scene)


@pytest.mark.parametrize("point", AT_THE_END)
def test_at_the_end_nothing_runs_and_the_rest_is_written(scene: Scene, point: str) -> None:
    write(scene)
    scene.conduct(point=point)
    journal = scene.journal
    ran = scene.resume()
    assert (ran.status, ran.document["data"]["executed"]) == (0, [])
    assert (scene.effects, scene.journal) == ("a c e", journal)
    finished(scene)


def finished(scene: Scene) -> None:
    assert scene.types[-1] == "RunSucceeded"
    assert {
        event["step_index"]
        for event in scene.events
        if event["type"] in ("StepSucceeded", "CheckpointRecorded")
    } == set(range(5))
    checkpoints = list((scene.folder / "checkpoints").iterdir())
    assert len(checkpoints) == 1
    assert json.loads((scene.folder / "run_receipt.json").read_text())["status"] == "succeeded"
    validated = scene.run_ctl("validate")
    assert validated.status == 0, validated.stdout
    verified = scene.run_ctl("run", "verify", scene.run, "--json")
    assert verified.status == 0, verified.stdout
    assert verified.document["data"]["committed"]["ok"] is True
    assert scene.repo.git("status", "--porcelain") == ""
    leases = scene.repo.root / ".git/platformstate/leases"
    assert sorted(path.suffix for path in leases.iterdir()) == [".json", ".lock"]


def test_an_unknown_failpoint_is_refused(scene: Scene) -> None:
    write(scene)
    ran = scene.run_ctl("procedure", "conduct", "demo", env={"PLATFORMSTATE_FAILPOINT": "conduct.nowhere"})
    assert (ran.status, "failpoint_unknown" in ran.stderr) == (2, True)


def test_a_failpoint_of_another_step_is_not_reached(scene: Scene) -> None:
    write(scene)
    ran = scene.run_ctl("procedure", "conduct", "demo", env={"PLATFORMSTATE_FAILPOINT": "conduct.marker@9"})
    assert ran.status == 0
