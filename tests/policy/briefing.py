"""Records as values, from which the tests of briefs are made."""

from __future__ import annotations

from typing import Any

from platformstate.entities.checkpoint import SECTIONS
from platformstate.policy.brief import Known, brief_of, last_sign_of_life
from platformstate.policy.brief_sections import Signs
from platformstate.policy.brief_text import brief_text
from platformstate.policy.chain import CheckpointFacts, RunFacts, chain_of
from platformstate.policy.ground_truth import Found

RUN = "20261120t101130z-3k9xma"
COMMIT = "77c0" * 10
HEADINGS = [
    "## State",
    "## Goal and limits",
    "## Acceptance",
    "## Next",
    "## Ground truth",
    "## Tried and failed",
    "## Decisions",
    "## Blockers and questions",
    "## Recent checkpoints",
    "## Files",
    "## History",
]


def task(**more: Any) -> dict[str, Any]:
    return {
        "schema": "task/1",
        "id": "gh-460",
        "title": "task_run records",
        "status": "implementation",
        **more,
    }


def criterion(name: str, text: str = "Contract written", **more: Any) -> dict[str, Any]:
    return {"id": name, "text": text, "proof": "doc", "state": "open", **more}


def run(name: str = RUN, **more: Any) -> RunFacts:
    header = {"id": name, "actor": "codex", "attempt": 1, "status": "running", "coupling": "none"}
    header["started_at"] = "2026-11-20T10:11:30Z"
    return RunFacts({**header, **more}, header["started_at"])


def checkpoint(number: int = 0, /, **more: Any) -> CheckpointFacts:
    """Make a checkpoint; lists named like body sections go into its body."""
    body = {section: more.pop(section, []) for section in SECTIONS}
    name = f"20261120t10{11 + number // 60:02}{number % 60:02}z-7fq2ka"
    meta: dict[str, Any] = {
        "schema": "checkpoint/1",
        "id": name,
        "task": "gh-460",
        "run": RUN,
        "kind": "progress",
        "at": f"2026-11-20T10:{11 + number // 60:02}:{number % 60:02}Z",
        "author": "codex",
        "basis": "self_report",
        "confidence": "claimed",
        "git": {"commit": COMMIT, "branch": "codex/460", "dirty": 2, "ahead": 1},
        **more,
    }
    return CheckpointFacts(meta, body, f"state/tasks/gh-460/runs/{meta['run']}/checkpoints/{meta['id']}.md")


def known(
    *said: CheckpointFacts,
    meta: dict[str, Any] | None = None,
    runs: tuple[RunFacts, ...] | None = None,
    wanted: str | None = None,
    found: Found | None = None,
    sections: dict[str, str] | None = None,
    **more: Any,
) -> Known:
    at = (run(),) if runs is None else runs
    parts = {"depends_on": {}, "sources": ("worktree main",), **more}
    return Known(
        task=meta or task(),
        sections=sections or {},
        rev="9ae1" * 10,
        runs=at,
        checkpoints=said,
        chain=chain_of(at, said, wanted),
        found=found or Found(),
        **parts,
    )


def text_of(what: Known, limit: int = 2000, now: str | None = None) -> tuple[str, dict[str, Any]]:
    signs = Signs(last_sign_of_life(what.chain), now, tuple(sorted(what.chain.superseded_by.items())))
    return brief_text(brief_of(what), signs, limit)


def outside_the_fence(text: str) -> list[str]:
    """Return the lines that stand outside the data markers."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith(("<data-", "</data-")):
            inside = line.startswith("<data-")
        elif not inside:
            lines.append(line)
    return lines
