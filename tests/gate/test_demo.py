"""The demo keeps its word, works without a terminal, fails loudly, and cleans up."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from platformstate.actions.demo import Demo, run_demo
from platformstate.errors import StateError


@pytest.mark.slow
def test_the_demo_runs_every_step_tells_of_it_and_removes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    told: list[str] = []
    data = run_demo(told.append).data
    text = "".join(told)
    assert "$ platformctl codex-task start --task retry-exporter -- ../agent" in text
    assert "$ platformctl memory rescue --actor claude --task retry-exporter" in text
    assert "✓ the task is done, and proven" in text
    assert "PLATFORMSTATE_FAILPOINT=store.file-temp platformctl memory checkpoint create" in text
    assert "PLATFORMSTATE_FAILPOINT=conduct.spawned@1 platformctl procedure conduct" in text
    assert "✓ every effect happened once" in text
    assert "✓ a second tick starts it no second time" in text
    assert text.count("✓") >= 30
    assert "\x1b" not in text
    assert os.listdir(place) == []
    steps = data["steps"]
    assert [step["step"] for step in steps] == list(range(1, 15))
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
