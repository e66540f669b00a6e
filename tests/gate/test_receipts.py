"""A receipt says what its journal says: one that was made up beside a journal is told."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from platformstate.codec.journal import ZERO_HASH, encode
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


@pytest.mark.parametrize(
    "name, changes",
    [
        ("steps", {"succeeded": 0, "failed": 2}),
        ("references", {"source_blob": "0" * 40}),
        ("references", {"base_commit": "0" * 40}),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_a_receipt_tells_of_its_steps_is_counted_again(
    state: State, name: str, changes: dict[str, Any]
) -> None:
    state.git("update-ref", "-d", "HEAD")
    told = json.loads(state.text(f"{CONDUCT}/run_receipt.json"))[name]
    rewrite(state, CONDUCT, **{name: {**told, **changes}})
    assert [(p["code"], p["pointer"]) for p in state.data()["problems"]] == [
        ("run_header_differs", f"/{name}")
    ]


def test_a_receipt_beside_other_steps_than_the_recorded_ones_is_judged_without_them(state: State) -> None:
    state.replace(f"{CONDUCT}/resolved_steps.json", '"index":1,', '"index":7,')
    assert state.found(paths=(f"{CONDUCT}/run_receipt.json",)) == []


def test_a_receipt_of_a_run_that_pinned_nothing_counts_no_steps_beside_it(state: State) -> None:
    state.write(f"{RUN}/resolved_steps.json", state.text(f"{CONDUCT}/resolved_steps.json").encode())
    assert state.found(paths=(RECEIPT,)) == []


def with_artifact(state: State, text: str) -> str:
    """Let a run that has ended have kept an artifact, and return its path."""
    journal, path = f"{RUN}/events.jsonl", f"{RUN}/artifacts/report.txt"
    *rows, end = (json.loads(line) for line in state.text(journal).splitlines())
    kept = {"path": "artifacts/report.txt", "bytes": len(text), "sha256": sha256(text.encode()).hexdigest()}
    state.write(
        journal,
        encode([*rows, {"type": "ArtifactRecorded", "at": end["at"], **kept}, end], seq=0, h=ZERO_HASH),
    )
    data = state.text(journal).encode()
    last = json.loads(data.splitlines()[-1])
    seal = {"events": len(rows) + 2, "bytes": len(data), "sha256": sha256(data).hexdigest(), "h": last["h"]}
    rewrite(state, RUN, artifacts=[kept], journal=seal)
    state.write(path, text.encode())
    return path


def test_an_artifact_is_the_one_that_the_journal_recorded(state: State) -> None:
    state.git("update-ref", "-d", "HEAD")
    path = with_artifact(state, "12 rows\n")
    assert state.found() == []
    state.write(path, b"13 rows\n")
    assert state.found() == [f"{path}:1:1: run_header_differs"]
    state.git("add", "-A")
    assert state.found(staged=True) == [f"{path}:1:1: run_header_differs"]
    state.remove(path)
    assert state.found() == []
