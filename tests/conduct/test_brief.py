"""The brief of a task shows where the procedures stand that are conducted for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conduct.scenes import Scene
from tests.forking import Ran


@pytest.fixture
def task(scene: Scene) -> Scene:
    """A scene with the task gh-460."""
    scene.run_ctl("task", "create", "--id", "gh-460", "--title", "Release", "--accept", "out", check=True)
    return scene


def brief(scene: Scene, *argv: str) -> Ran:
    return scene.run_ctl("memory", "brief", "--task", "gh-460", *argv)


def conducts(scene: Scene, *argv: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = brief(scene, "--json", *argv).document["data"]["conducts"]
    return found


def test_a_killed_conduct_stands_in_the_brief_as_in_run_show(task: Scene) -> None:
    task.procedure("demo", task.command("a"), task.command("b"), task.command("c"))
    task.conduct("demo", "--task", "gh-460", point="conduct.marker@1")
    assert conducts(task) == [task.standing()]
    stood = conducts(task)[0]
    assert (stood["condition"], stood["steps_done"], stood["steps_total"]) == ("crashed", 1, 3)
    assert (stood["stopped_at"]["step_index"], stood["stopped_at"]["outcome"]) == (1, "in_flight")
    text = brief(task).stdout
    assert f"conduct {task.run} of procedure/demo: crashed, 1 of 3 steps done" in text
    assert "  stands at step 1, b, a side-effecting command: attempt 1 in_flight" in text
    assert f"    platformctl run resume {task.run}" in text


def test_only_runs_for_the_task_are_shown_and_ended_ones_are_counted(task: Scene) -> None:
    task.procedure("demo", task.command("a"), task.step("gate", "go", prompt="Go on?"))
    task.conduct("demo", "--task", "gh-460")
    waiting = task.run
    task.procedure("other", task.command("x"))
    task.conduct("other")
    task.conduct("other", env={"PLATFORMSTATE_TASK": "gh-460"})
    found = conducts(task)
    assert {stood["subject"]: stood["status"] for stood in found} == {
        "procedure/other": "succeeded",
        "procedure/demo": "suspended",
    }
    ended = next(stood for stood in found if stood["status"] == "succeeded")
    assert ended["committed_to_seq"] == ended["chain_verified_to_seq"]
    assert len(found) == 2
    text = brief(task).stdout
    assert f"conduct {waiting} of procedure/demo: suspended (gate), 1 of 2 steps done" in text
    assert f"    platformctl run approve {waiting}" in text
    assert "conducts that ended: 1 succeeded" in text


def test_at_a_commit_no_lock_and_no_host_is_looked_at(task: Scene) -> None:
    task.procedure("demo", task.command("a"), task.command("b"))
    task.conduct("demo", "--task", "gh-460", point="conduct.marker@1")
    stood = conducts(task, "--at", "HEAD")[0]
    assert (stood["status"], stood["condition"], stood["locked"]) == ("running", None, False)
    assert stood["steps_done"] == 0
    assert conducts(task, "--ref", "HEAD")[0]["steps_done"] == 1
    task.repo.git("checkout", "-q", "--orphan", "empty")
    task.repo.git("rm", "-rqf", "--cached", ".")
    assert conducts(task, "--at", "main") == [stood]


def test_a_conduct_that_cannot_be_read_makes_the_brief_partial(task: Scene) -> None:
    task.procedure("demo", task.command("a"), task.step("gate", "go", prompt="Go on?"))
    task.conduct("demo", "--task", "gh-460")
    journal = task.folder / "events.jsonl"
    journal.write_bytes(task.journal.replace(b'"exit_code":0', b'"exit_code":1', 1))
    ran = brief(task, "--json")
    assert ran.status == 1
    assert ran.document["error"]["problems"][0]["code"] == "run_journal_corrupt"
    assert ran.document["data"]["conducts"] == []
