"""Short ways to write a record with one thing wrong in it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

TASK_TEXT = """---
schema: task/1
id: {id}

title: {title}

status: ready

labels: []

depends_on: []

acceptance: []

created_at: "2026-11-20T10:11:30Z"
created_by: operator
{more}---
{body}"""

RUN_TEXT = """---
schema: run/1
id: {run}

subject: task/gh-460
status: running

actor: codex
attempt: 9
coupling: none
fence: null

started_at: "2026-11-20T10:11:30Z"
---
"""


class Hostile(NamedTuple):
    """One hostile file: its name, why it is hostile, its bytes, and the codes that it has to get.

    `path` is where it stands; one that is empty stands for a task of its own. `codes` are all codes
    that are found about it.
    """

    name: str
    reason: str
    data: bytes
    codes: frozenset[str]
    path: str = ""

    @property
    def place(self) -> str:
        """The path of the file in a store."""
        return self.path or f"state/tasks/{self.name}/task.md"


def task(
    name: str,
    reason: str,
    *codes: str,
    title: str = "Hostile",
    more: str = "",
    body: str = "",
    swap: tuple[str, str] = ("", ""),
) -> Hostile:
    """Return a task with some text put in, or swapped for another."""
    text = TASK_TEXT.format(id=name, title=title, more=more, body=body)
    assert swap[0] in text
    changed = text.replace(*swap, 1) if swap[0] else text
    return Hostile(name, reason, changed.encode("utf-8", "surrogatepass"), frozenset(codes))


def raw(name: str, reason: str, data: bytes, *codes: str, path: str = "") -> Hostile:
    """Return a file of exactly these bytes."""
    return Hostile(name, reason, data, frozenset(codes), path)


def yaml_of(name: str, reason: str, yaml: str, *codes: str) -> Hostile:
    """Return a task whose front matter is this text."""
    return raw(name, reason, f"---\n{yaml}\n---\n".encode(), *codes)


def evidence(name: str, reason: str, text: str | dict[str, Any], *codes: str) -> Hostile:
    """Return a recorded proof of this text."""
    path = f"state/evidence/operator-20261120t110000z-{name}.json"
    text = json.dumps(text) + "\n" if isinstance(text, dict) else text
    return raw(name, reason, text.encode("utf-8", "surrogatepass"), *codes, path=path)


def journal(name: str, reason: str, data: bytes, *codes: str) -> Hostile:
    """Return the journal of a run of its own."""
    folder = f"state/tasks/gh-460/runs/20261120t120000z-{name}"
    return raw(name, reason, data, *codes, path=f"{folder}/events.jsonl")
