"""A job's ledger: names of its files, streaks, what is kept, and what its lines must not say."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from platformstate.policy.ledger import (
    MAX_FILE_BYTES,
    failures_like,
    file_name,
    is_kept,
    is_ledger_name,
    line_text,
    streak,
    writer_name,
)
from platformstate.policy.ledger_rules import Placed, ledger_problems, receipt_problems

AT = "2026-03-02T00:05:10Z"
SLOT = "2026-03-02T00:05:00Z"
DIGEST = "a" * 64


def row(**said: Any) -> dict[str, Any]:
    line = {"schema": "ledger/1", "at": AT, "job": "export", "run": "20260302t000500z", "slot": SLOT}
    return {**line, "status": "succeeded", "reason": None, "exit_code": 0, "receipt_sha256": DIGEST, **said}


def placed(path: str, *rows: dict[str, Any]) -> list[Placed]:
    return [Placed(path, number, each) for number, each in enumerate(rows, 1)]


@given(sizes=some.lists(some.integers(0, 2 * MAX_FILE_BYTES), max_size=5))
def test_a_line_goes_to_the_first_file_that_is_not_full(sizes: list[int]) -> None:
    names = [f"2026-03.abcdefgh{'' if number == 1 else f'.{number}'}" for number in range(1, len(sizes) + 1)]
    chosen = file_name(AT, "abcdefgh", dict(zip(names, sizes, strict=True)))
    assert is_ledger_name(chosen)
    number = int(chosen.split(".")[2]) if chosen.count(".") == 2 else 1
    assert all(size >= MAX_FILE_BYTES for size in sizes[: number - 1])
    assert number > len(sizes) or sizes[number - 1] < MAX_FILE_BYTES


@given(clone=some.text(), worktree=some.text(), branch=some.none() | some.text())
def test_a_writers_name_is_eight_digits_and_that_of_its_branch(
    clone: str, worktree: str, branch: str | None
) -> None:
    name = writer_name(clone, worktree, branch)
    assert is_ledger_name(f"2026-03.{name}")
    assert name == writer_name(clone, worktree, branch)
    assert name != writer_name(clone, worktree, f"{branch or ''}x")


@given(some.lists(some.sampled_from(["succeeded", "failed", "aborted", "missed", "paused", "coalesced"])))
def test_a_streak_counts_back_to_the_last_run_that_ended_otherwise(statuses: list[str]) -> None:
    lines = [row(status=status) for status in statuses]
    ran = [status for status in statuses if status in ("succeeded", "failed", "aborted")]
    expected = 0
    for status in reversed(ran):
        if status != ran[-1]:
            break
        expected += 1
    assert streak(lines) == expected


@pytest.mark.parametrize(
    ("keep", "status", "before", "pinned", "suspended", "kept"),
    [
        ("full", "succeeded", 0, False, False, True),
        ("failed", "succeeded", 0, False, False, False),
        ("failed", "failed", 2, False, False, True),
        ("failed", "failed", 3, False, False, False),
        ("failed", "aborted", 0, False, False, False),
        ("none", "failed", 0, False, False, False),
        ("none", "failed", 9, True, False, True),
        ("none", "succeeded", 0, False, True, True),
    ],
)
def test_what_is_kept(keep: str, status: str, before: int, pinned: bool, suspended: bool, kept: bool) -> None:
    assert is_kept(keep, status, before, pinned=pinned, was_suspended=suspended) is kept


def test_failures_are_alike_by_reason_and_code_whatever_stands_between_the_runs() -> None:
    failed = row(status="failed", reason="job_execution_failed", exit_code=2)
    lines = [row(), failed, row(status="missed"), failed]
    assert failures_like(lines, "job_execution_failed", 2) == 2
    assert failures_like(lines, "job_execution_failed", 3) == 0
    assert failures_like([*lines, row()], "job_execution_failed", 2) == 0


def test_a_line_is_one_line_of_json() -> None:
    assert line_text(row(reason="a\nb")).count(b"\n") == 1


def test_one_slot_run_by_two_clones_is_run_duplicate_slot() -> None:
    lines = placed("a.jsonl", row()) + placed("b.jsonl", row(), row(receipt_sha256="b" * 64, actor="eve"))
    assert [(found.code, found.path, found.line) for found in ledger_problems(lines)] == [
        ("run_duplicate_slot", "b.jsonl", 2)
    ]


def test_one_run_told_in_two_ways_is_ledger_conflict() -> None:
    by_hand = {"run": "20260302t000700z-abcdef", "slot": None}
    lines = [
        *placed("a.jsonl", row(), row(**by_hand)),
        *placed("b.jsonl", row(exit_code=3), row(**by_hand, receipt_sha256="b" * 64)),
    ]
    assert [(found.code, found.line) for found in ledger_problems(lines)] == [
        ("ledger_conflict", 1),
        ("ledger_conflict", 2),
    ]


def test_the_same_line_twice_and_slots_that_did_not_run_contradict_nothing() -> None:
    unfired = [row(status="missed", at=at) for at in (AT, SLOT)]
    assert not list(ledger_problems(placed("a.jsonl", row(), *unfired) + placed("b.jsonl", row())))


def test_a_receipt_of_other_bytes_than_its_line_names_is_ledger_conflict() -> None:
    path = "state/jobs/export/runs/20260302t000500z/run_receipt.json"
    good = row(receipt_sha256=sha256(b"{}").hexdigest())
    assert not list(receipt_problems("export", placed("a.jsonl", good), {path: b"{}"}))
    assert not list(receipt_problems("export", placed("a.jsonl", good), {}))
    found = list(receipt_problems("export", placed("a.jsonl", good), {path: b"{ }"}))
    assert [problem.code for problem in found] == ["ledger_conflict"]
