"""Several processes at once: one run is opened, one request is done, nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from .conftest import Memory

AT_ONCE = 4


def together(
    memory: Memory, *argv: str, actors: tuple[str, ...] = ("codex",), refused: str | None = None
) -> list[dict[str, Any]]:
    """Start the same command several times at once and return what each one answered that was not refused."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "platformstate", *argv, "--json", "--actor", actors[n % len(actors)]],
            cwd=memory.repo.root,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(AT_ONCE)
    ]
    answers = [json.loads(child.communicate()[0]) for child in started]
    codes = {answer["error"]["code"] for answer in answers if not answer["ok"]}
    assert codes == ({refused} if refused else set()), answers
    return [answer["data"] for answer in answers if answer["ok"]]


def test_first_checkpoints_at_once_of_two_actors_open_one_run(memory: Memory) -> None:
    memory.create()
    argv = ("memory", "checkpoint", "create", "--task", "gh-460", "--kind", "progress", "--done", "x")
    told = together(memory, *argv, actors=("codex", "claude"), refused="claim_held")
    assert [answer["run_opened"] for answer in told].count(True) == 1
    shown = memory.show()
    [run] = shown["runs"]
    assert (run["checkpoints"], run["attempt"], run["fence"]) == (2, 1, 1)
    assert {answer["run"] for answer in told} == {shown["claim"]["run"]}
    assert shown["task"]["status"] == "implementation"
    assert memory.repo.git("status", "--porcelain") == ""


def test_the_same_request_at_once_is_done_once(memory: Memory) -> None:
    told = together(memory, "task", "create", "--title", "Once", "--accept", "x", "--idempotency-key", "k")
    assert sum(answer["created"] for answer in told) == 1
    assert len({answer["task"]["id"] for answer in told}) == 1
    [task] = {answer["task"]["id"] for answer in told}
    argv = ("memory", "checkpoint", "create", "--task", task, "--kind", "progress", "--done", "x")
    said = together(memory, *argv, "--idempotency-key", "k")
    assert sum(answer["created"] for answer in said) == 1
    assert len({answer["checkpoint"]["id"] for answer in said}) == 1
