"""Runs of agents at tasks as people read them."""

from __future__ import annotations

from typing import Any

from platformstate.cli.task_text import written_text
from platformstate.core.places import run_folder


def started_text(data: dict[str, Any]) -> str:
    """Return who holds what, and the lines that tell a shell of it."""
    claim, steps = data["claim"], data["steps"]
    pinned = f", {steps['count']} steps pinned" if steps else ""
    lines = [f"run {data['run']} at {data['task']}{pinned}"]
    if claim is not None:
        lines.append(f"claimed by {claim['actor']} until {claim['expires_at']}, fence {claim['fence']}")
    lines += [f"export {name}={value}" for name, value in data["env"].items()]
    return "\n".join([*lines, _written(data)])


def ended_text(data: dict[str, Any]) -> str:
    """Return how a run has ended."""
    code = "" if data["exit_code"] is None else f", exit code {data['exit_code']}"
    noun = "checkpoint" if data["checkpoints"] == 1 else "checkpoints"
    how = f"{data['status']}{code}, {data['checkpoints']} {noun}"
    return f"run {data['run']} at {data['task']} {how}\n{_written(data)}"


def _written(data: dict[str, Any]) -> str:
    return written_text({**data, "path": run_folder(f"task/{data['task']}", data["run"])})
