"""A receipt says what its journal says: one that was made up beside a journal is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from platformstate.codec.json_text import pretty_json
from tests.gate.conftest import RUN, State

RECEIPT = f"{RUN}/run_receipt.json"
CONDUCT = "state/procedures/release-hotfix/runs/20261120t101130z-7fq2ka"


def rewrite(state: State, folder: str, **changes: Any) -> None:
    path = f"{folder}/run_receipt.json"
    state.write(path, pretty_json({**json.loads(state.text(path)), **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"actor": "codex"},
        {"ended_at": "2026-11-20T23:59:59Z"},
        {"approvals_requested": [{"step_index": 0, "answer": "approved", "actor": "ann", "at": None}]},
        {"journal": {"events": 1, "bytes": 1, "sha256": "0" * 64, "h": "0" * 32}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_receipt_that_says_otherwise_than_its_journal_is_told(
    state: State, changes: dict[str, Any]
) -> None:
    state.git("update-ref", "-d", "HEAD")  # a new receipt, compared with nothing before
    rewrite(state, CONDUCT, **changes)
    problems = state.data()["problems"]
    assert ("run_header_differs", f"/{next(iter(changes))}") in {(p["code"], p["pointer"]) for p in problems}


def test_a_receipt_without_its_journal_proves_nothing(state: State) -> None:
    state.remove(f"{RUN}/events.jsonl", f"{RUN}/run.md", f"{RUN}/checkpoints")
    state.git("update-ref", "-d", "HEAD")
    told = {row.partition(" ")[2] for row in state.found() if row.startswith(RECEIPT)}
    assert "run_header_differs" in told


def test_a_receipt_that_comes_before_the_end_is_told_in_every_mode(state: State) -> None:
    journal = f"{RUN}/events.jsonl"
    lines = state.text(journal).splitlines(keepends=True)
    state.write(journal, "".join(lines[:-1]))
    end = 'ended_at: "2026-11-20T10:40:00Z"\nexit_code: 0\n'
    state.replace(f"{RUN}/run.md", end, "")
    state.replace(f"{RUN}/run.md", "status: succeeded", "status: running")
    state.git("update-ref", "-d", "HEAD")
    told = [row for row in state.found() if row.startswith(RECEIPT)]
    assert [row.partition(" ")[2] for row in told] == ["run_header_differs"]
    state.git("add", "-A")
    assert told == [row for row in state.found(staged=True) if row.startswith(RECEIPT)]


def test_a_run_without_its_header_is_told(state: State) -> None:
    state.remove(f"{CONDUCT}/run.md")
    state.git("update-ref", "-d", "HEAD")
    assert state.found() == [f"{CONDUCT}/run_receipt.json:3:10: reference_kind_wrong"]
