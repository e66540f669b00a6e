"""The demo keeps its word, works without a terminal, fails loudly, and cleans up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from platformstate.actions.demo import Demo
from platformstate.errors import StateError
from tests.conftest import Platformctl


def test_the_demo_runs_every_step_and_removes_its_folder(platformctl: Platformctl, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    ran = platformctl("demo", cwd=tmp_path, env={"TMPDIR": str(place), "GIT_CONFIG_GLOBAL": "/dev/null"})
    assert ran.status == 0, ran.stdout + ran.stderr
    assert "$ platformctl codex-task start --task retry-exporter -- ../agent" in ran.stdout
    assert "$ platformctl memory rescue --actor claude --task retry-exporter" in ran.stdout
    assert "✓ the task is done, and proven" in ran.stdout
    assert "PLATFORMSTATE_FAILPOINT=store.file-temp platformctl memory checkpoint create" in ran.stdout
    assert "PLATFORMSTATE_FAILPOINT=conduct.spawned@1 platformctl procedure conduct" in ran.stdout
    assert "✓ every effect happened once" in ran.stdout
    assert "✓ a second tick starts it no second time" in ran.stdout
    assert ran.stdout.count("✓") >= 30
    assert "every promise held" in ran.stdout
    assert os.listdir(place) == []
    assert "\x1b" not in ran.stdout + ran.stderr


def test_the_demo_answers_in_one_document(platformctl: Platformctl, tmp_path: Path) -> None:
    document = platformctl("demo", "--json", cwd=tmp_path).document
    assert document["ok"] is True
    steps = document["data"]["steps"]
    assert [step["step"] for step in steps] == list(range(1, 14))
    exits = {each["exit"] for step in steps for each in step["commands"]}
    assert exits == {0, 1, 4, 5, 6, 137}


def test_a_broken_promise_ends_the_walk_with_what_happened(tmp_path: Path) -> None:
    told: list[str] = []
    demo = Demo(tmp_path, told.append)
    demo.say("A step.")
    with pytest.raises(StateError, match="exit 0 was promised, it was 3; it printed: no") as error:
        demo.run("sh", "-c", "echo no; exit 3")
    assert error.value.exit_status == 70
    with pytest.raises(StateError, match="does not hold: the sky is green"):
        demo.check("the sky is green", False)
    assert "   $ sh -c 'echo no; exit 3'\n" in told
