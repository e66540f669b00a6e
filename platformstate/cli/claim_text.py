"""Claims, releases and what is ready, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from platformstate.cli.task_text import claim_text, list_text

_STATES = {
    "committed": "committed",
    "pending": "durable, its commit is pending",
    "files_only": "written, not committed",
    "unchanged": "nothing to commit",
    "planned": "dry run, nothing written",
}


def claimed_text(data: dict[str, Any]) -> str:
    """Return who works on a task now, and in whose place."""
    done = "renewed" if data["renewed"] else "claimed"
    lines = [f"{done} {data['task']} {claim_text(data['claim'])}"]
    if data["replaced"]:
        lines.append(f"in place of run {data['replaced']['run']} ({data['replaced']['proof']})")
    if data.get("skipped"):
        lines.append(f"skipped: {', '.join(data['skipped'])}")
    return "\n".join([*lines, _written(data)])


def released_text(data: dict[str, Any]) -> str:
    """Return which run ended and how."""
    return f"released {data['task']}: run {data['run']} {data['outcome']}\n{_written(data)}"


def ready_text(data: dict[str, Any]) -> str:
    """Return the tasks that are ready, the reasons of one, or what was claimed."""
    if "claim" in data:
        return claimed_text(data)
    if "reasons" not in data:
        return list_text(data) if data["tasks"] else "no task is ready"
    if data["ready"]:
        return f"{data['task']} is ready"
    reasons = (f"{reason['code'].replace('_', ' ')} ({reason['task']})" for reason in data["reasons"])
    return f"{data['task']} is not ready: {', '.join(reasons)}"


def _written(data: Mapping[str, Any]) -> str:
    commit = f" {data['commit'][:12]}" if data["commit"] else ""
    return f"{_STATES[data['write']['state']]}{commit}"
