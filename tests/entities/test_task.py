"""What a request to create or change a task means."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.entities import task
from platformstate.errors import StateError


@pytest.mark.parametrize(
    "flag, text, proof",
    [
        ("Contract written::doc", "Contract written", "doc"),
        ("Tables in main Postgres::live", "Tables in main Postgres", "live"),
        ("the retry tests pass", "the retry tests pass", "test"),
        ("std::vector is gone::test", "std::vector is gone", "test"),
        ("  spaced  ::  operator ", "spaced", "operator"),
    ],
)
def test_accept_takes_what_follows_the_last_double_colon_as_proof(flag: str, text: str, proof: str) -> None:
    assert task.with_criteria([], {"accept": [flag]}) == [
        {"id": "ac1", "text": text, "proof": proof, "state": "open"}
    ]


def test_an_unknown_proof_names_the_known_ones() -> None:
    with pytest.raises(StateError) as refused:
        task.with_criteria([], {"accept": ["works::vibes"]})
    assert refused.value.code == "accept_proof_unknown"
    assert refused.value.exit_status == 2
    assert "doc, test, live, operator" in refused.value.message


def test_new_criteria_are_numbered_after_the_highest_ever_given() -> None:
    known = [{"id": "ac7", "text": "x", "proof": "doc", "state": "moved"}, {"id": "extra", "state": "open"}]
    added = task.with_criteria(known, {"accept": ["a", "b"]})
    assert [item["id"] for item in added] == ["ac7", "extra", "ac8", "ac9"]


def test_an_approval_is_a_criterion_that_only_an_operator_proves() -> None:
    [criterion] = task.with_criteria([], {"approval": ["drop the table"]})
    assert criterion["text"] == "Approval: drop the table"
    assert criterion["proof"] == "operator"


@pytest.mark.parametrize(
    "flag, item",
    [
        ("schema=Write the schemas::pytest -k schema", {"key": "schema", "text": "Write the schemas", "verify": "pytest -k schema"}),
        ("Write them", {"key": "s1", "text": "Write them"}),
        ("run it::pytest tests/x.py::test_y", {"key": "s1", "text": "run it", "verify": "pytest tests/x.py::test_y"}),
        ("a = b is wrong", {"key": "s1", "text": "a = b is wrong"}),
    ],
)  # fmt: skip
def test_plan_items_have_key_text_and_verify(flag: str, item: dict[str, str]) -> None:
    assert task.with_plan([], [flag]) == [item]


def test_a_plan_key_stands_once() -> None:
    with pytest.raises(StateError) as refused:
        task.with_plan([{"key": "a", "text": "first"}], ["a=second"])
    assert refused.value.code == "usage_invalid"


def test_criteria_are_named_without_regard_to_case() -> None:
    meta = {"id": "gh-460", "acceptance": [{"id": "ac1"}]}
    assert task.criterion_named(meta, "AC1") == "ac1"
    with pytest.raises(StateError) as missing:
        task.criterion_named(meta, "ac2")
    assert missing.value.code == "criterion_not_found"
    assert "it has: ac1" in missing.value.message


def test_imported_criteria_are_open_and_proven_by_nothing() -> None:
    proven = {"id": "ac1", "text": "t", "proof": "doc", "state": "met", "evidence": [{"type": "file"}]}
    assert task.criteria_reset([proven, "text"]) == [
        {"id": "ac1", "text": "t", "proof": "doc", "state": "open"},
        "text",
    ]


@pytest.mark.parametrize(
    "status, proofs, how",
    [
        ("ready", ["doc"], None),
        ("done", ["doc"], "docs-only"),
        ("done", ["doc", "live"], "proven"),
        ("observed", ["doc"], "docs-only"),
        ("retired", ["doc"], None),
    ],
)
def test_how_a_task_was_closed_follows_from_its_criteria(
    status: str, proofs: list[str], how: str | None
) -> None:
    acceptance: list[dict[str, Any]] = [{"proof": proof, "state": "met"} for proof in proofs]
    acceptance.append({"proof": "live", "state": "moved"})
    assert task.closed_how({"status": status, "acceptance": acceptance}) == how


def test_a_row_says_null_for_what_the_task_leaves_open() -> None:
    meta = {"id": "gh-460", "title": "T", "status": "ready", "acceptance": [{"state": "open"}]}
    row = task.row(meta, "state/tasks/gh-460/task.md", "9ae1")
    assert row["priority"] == "p2"
    assert row["owner"] is row["agent"] is row["kind"] is row["claim"] is None
    assert row["criteria"] == {"open": 1, "met": 0, "moved": 0, "waived": 0}
