"""Wrapped runs in a test: begun and ended as a library, with real commands; and what they leave."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.agent_task import StartRequest, start_run
from platformstate.actions.agent_task_end import end_run
from platformstate.actions.agent_task_wrap import WrapRequest, wrap_command
from platformstate.actions.answer import Answer
from tests.memory.conftest import START, Memory

PLAN = ["a=Write the schemas", "b=Write the reader", "c=Write the docs"]
PROGRAM = f"{sys.executable} -m platformstate"
WITHIN_S = 30.0


@pytest.fixture(autouse=True)
def same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that are processes of their own live on the day of the library's clock."""
    monkeypatch.setenv("PLATFORMSTATE_NOW", f"{START:%Y-%m-%dT%H:%M:%SZ}")


def start(memory: Memory, actor: str = "codex", **wanted: Any) -> dict[str, Any]:
    """Begin a run without a command and return the answer's data."""
    return start_run(memory.store(actor), StartRequest("gh-460", **wanted)).data


def end(memory: Memory, outcome: str = "succeeded", actor: str = "codex", **more: Any) -> dict[str, Any]:
    """End the actor's run and return the answer's data."""
    return end_run(memory.store(actor), "gh-460", outcome, **more).data


def wrap(
    memory: Memory, script: str, *, pin: bool = True, idempotency_key: str | None = None, **more: Any
) -> Answer:
    """Wrap a shell script, which begins in the repository."""
    command = ("sh", "-c", script)
    asked = StartRequest("gh-460", pin=pin, command=command, idempotency_key=idempotency_key)
    return wrap_command(memory.store, WrapRequest(asked, memory.repo.root, **more))


def argv(*command: str, actor: str = "codex", task: str = "gh-460") -> list[str]:
    """Return the command line of a wrapper that is a process of its own."""
    own = [sys.executable, "-m", "platformstate", "agent-task", "--agent", actor, "start", "--task", task]
    return [*own, "--durability", "fast", "--", *command]


def journal(memory: Memory, run: str, task: str = "gh-460") -> list[dict[str, Any]]:
    """Return the events of a run."""
    text = memory.text(f"state/tasks/{task}/runs/{run}/events.jsonl")
    return [json.loads(line) for line in text.splitlines()]


def types(memory: Memory, run: str) -> list[str]:
    """Return the types of a run's events."""
    return [event["type"] for event in journal(memory, run)]


def commits(memory: Memory, since: str) -> list[str]:
    """Return the subjects of the commits since another, oldest first."""
    return memory.repo.git("log", "--reverse", "--format=%s", f"{since}..HEAD").splitlines()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


def number_in(path: Path) -> int:
    """Return the number that a process writes to a file, once it stands there whole."""
    until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def is_alive(pid: int) -> bool:
    """Say whether a process lives; one that is dead and not yet buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X") and os.path.exists(f"/proc/{pid}")
