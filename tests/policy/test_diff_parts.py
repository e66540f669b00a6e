"""The parts of a semantic diff: globs of a scope, lines of a body, fields and levels of a record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platformstate.core.catalog import KINDS
from platformstate.policy.diff_body import body_change, common_lines
from platformstate.policy.diff_fields import Difference, differences
from platformstate.policy.diff_levels import INFO, LEVELS, added_level, field_level, highest
from platformstate.policy.merging import joined
from platformstate.policy.plain_text import plain_text
from platformstate.policy.scope_globs import covers, is_outside
from platformstate.policy.semantic_diff import NOT_A_FILE, Sides, differing, main_path

TASK = "state/tasks/a/task.md"
SHAPE = KINDS["task"].shape


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("src", "src/a/b.py", True),
        ("src", "src", True),
        ("src", "srcs/a", False),
        ("src/", "src/a", True),
        ("src/", "src", False),
        ("src/*", "src/a/b", True),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/b/a.py", False),
        ("src/**", "src/b/a.py", True),
        ("src/**", "src", False),
        ("**", "a/b", True),
        ("**/test_*.py", "a/b/test_c.py", True),
        ("**/test_*.py", "test_c.py", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/z", "a/b/c/y", False),
        ("?.md", "a.md", True),
        ("?.md", "ab.md", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[]]x", "]x", True),
        (r"\*x", "*x", True),
        (r"\*x", "ax", False),
        ("./src", "src/a", True),
        ("", "a", False),
        ("*a*b", "xxaxxbxxaxb", True),
        ("*" * 200 + "b", "a" * 5_000, False),
        ("a*" * 200 + "b", "a" * 5_000, False),
        ("**/" * 100 + "b", "a/" * 1_000 + "c", False),
    ],
)
def test_globs_of_a_scope(glob: str, path: str, expected: bool) -> None:
    assert covers(glob, path) is expected


@pytest.mark.parametrize(
    ("scope", "path", "expected"),
    [
        (None, "src/a", False),
        ({}, "src/a", False),
        ({"allow": ["src"]}, "src/a", False),
        ({"allow": ["src"]}, "docs/a", True),
        ({"allow": ["src"]}, "state/tasks/gh-1/runs/x/run.md", False),
        ({"allow": ["src"]}, "state/tasks/gh-10/task.md", True),
        ({"allow": ["src"], "forbid": ["src/x"]}, "src/x/y", True),
        ({"forbid": ["src/x"]}, "docs/a", False),
        ({"allow": "src"}, "docs/a", False),
        ({"allow": [1]}, "docs/a", False),
        ("src", "docs/a", False),
    ],
)
def test_what_lies_outside_of_a_scope(scope: Any, path: str, expected: bool) -> None:
    assert is_outside(scope, "gh-1", path) is expected


def slow_common(old: list[str], new: list[str]) -> int:
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, left in enumerate(old):
        for j, right in enumerate(new):
            best = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else best
    return table[-1][-1]


LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=14)


@given(LINES, LINES)
def test_common_lines_are_those_of_the_textbook(old: list[str], new: list[str]) -> None:
    assert common_lines(old, new) == slow_common(old, new)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\n", "a", None),
        ("", "\n", (1, 0, ())),
        ("a\nb\n", "b\na\n", (1, 1, ())),
        ("## A\nx\n## B\ny\n", "## B\nz\n## C\n", (2, 3, ("B", "C", "A"))),
        ("## A\nx\n", "## A\nx\n\n", (1, 0, ())),
    ],
)
def test_a_body_is_compared_by_lines_and_sections(
    before: str, after: str, expected: tuple[int, int, tuple[str, ...]] | None
) -> None:
    found = body_change(before, after)
    assert (None if found is None else tuple(found)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"labels": ["b", "a"]}, [("/labels", "added", None, "a"), ("/labels", "added", None, "b")]),
        ({"labels": ["a"]}, {}, [("/labels", "removed", "a", None)]),
        ({"labels": ["a"]}, {"labels": "a"}, [("/labels", "changed", ["a"], "a")]),
        ({}, {"labels": []}, [("/labels", "added", None, [])]),
        ({"owner": "a"}, {}, [("/owner", "removed", "a", None)]),
        ({"scope": {"allow": ["a"]}}, {}, [("/scope/allow", "removed", ["a"], None)]),
        ({}, {"x-a": {"b/c": 1, "~": 2}}, [("/x-a/b~1c", "added", None, 1), ("/x-a/~0", "added", None, 2)]),
        ({"x-a": 1}, {"x-a": True}, [("/x-a", "changed", 1, True)]),
        ({"x-a": [1]}, {"x-a": [1, 2]}, [("/x-a", "changed", [1], [1, 2])]),
        (
            {"acceptance": [{"id": "a"}, {"id": "a"}]},
            {"acceptance": [{"id": "a"}]},
            [("/acceptance", "changed", [{"id": "a"}, {"id": "a"}], [{"id": "a"}])],
        ),
        (
            {"acceptance": [{"id": "a"}]},
            {"acceptance": []},
            [("/acceptance/a", "removed", {"id": "a"}, None)],
        ),
    ],
)
def test_fields_are_compared_as_their_schema_says(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    assert [tuple(each) for each in differences(before, after, SHAPE)] == expected


@pytest.mark.parametrize(
    ("kind", "pointer", "to", "level"),
    [
        ("task", "/status", "review", "needs_operator"),
        ("task", "/status", "done", "info"),
        ("run", "/status", "failed", "needs_operator"),
        ("run", "/status", "review", "info"),
        ("job", "/enabled", True, "needs_operator"),
        ("job", "/enabled", False, "info"),
        ("job", "/trigger/cron", "* * * * *", "needs_operator"),
        ("job", "/policy", {}, "needs_operator"),
        ("job", "/triggered", "x", "info"),
        ("store", "/live_database/database", "x", "needs_operator"),
        ("procedure", "/steps/a/run", ["x"], "needs_operator"),
        ("procedure", "/title", "x", "info"),
    ],
)
def test_levels_are_a_table(kind: str, pointer: str, to: Any, level: str) -> None:
    assert field_level(kind, Difference(pointer, "changed", None, to), {}) == level


@pytest.mark.parametrize(
    ("field", "before", "after", "level"),
    [
        ("base_commit", "1" * 40, None, "needs_operator"),
        ("base_commit", "1" * 40, "2" * 40, "needs_operator"),
        ("base_commit", None, "1" * 40, "info"),
        ("approvals_needed", ["drop the table"], None, "needs_operator"),
        ("stop_conditions", ["the disk is full"], None, "needs_operator"),
        ("stop_conditions", None, ["the disk is full"], "info"),
        ("scope/allow", ["src/**"], ["src/**", "ops/**"], "needs_operator"),
        ("scope/allow", None, ["src/**"], "info"),
        ("scope/forbid", ["ops/**"], ["src/**"], "needs_operator"),
        ("scope/forbid", None, ["ops/**"], "info"),
    ],
)
def test_a_weakened_promise_needs_the_operator(field: str, before: object, after: object, level: str) -> None:
    outer, _, inner = field.partition("/")

    def said(value: object) -> dict[str, object]:
        return {} if value is None else {outer: {inner: value} if inner else value}

    found = differences(said(before), said(after), KINDS["task"].shape)
    assert {field_level("task", each, {}) for each in found} == {level}


def test_levels_of_new_records_and_their_order() -> None:
    assert added_level("job", {}) == added_level("procedure", {}) == "needs_operator"
    assert added_level("checkpoint", {"kind": "blocker", "confidence": "claimed"}) == "needs_operator"
    assert (
        added_level("checkpoint", {"kind": "end", "confidence": "verified", "basis": "tool_receipt"}) == INFO
    )
    assert highest(LEVELS) == "violation"
    assert highest([]) == INFO


def test_a_criterion_is_proven_only_by_what_fits_and_only_where_it_stands() -> None:
    for listed in (None, "x", [1], [{"id": "b"}], [{"id": "a", "proof": "live", "evidence": [{"type": []}]}]):
        found = Difference("/acceptance/a/state", "changed", "open", "met")
        assert field_level("task", found, {"acceptance": listed}) == "claimed"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (TASK, TASK),
        ("state/tasks/a/runs/r/events.jsonl", "state/tasks/a/runs/r/run.md"),
        ("state/jobs/j/runs/r/logs/0.1.log", "state/jobs/j/runs/r/run.md"),
        ("state/jobs/j/ledger/2026-11.w.jsonl", "state/jobs/j/job.md"),
        ("state/tasks/a/runs/r/checkpoints/c.md", "state/tasks/a/runs/r/checkpoints/c.md"),
        ("state/mine/x", "state/mine/x"),
    ],
)
def test_parts_belong_to_their_record(path: str, expected: str) -> None:
    assert main_path(path) == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [(NOT_A_FILE, "path_mode_invalid"), (1 << 30, "text_too_large"), (b"x", "frontmatter_missing")],
)
def test_a_side_that_cannot_be_read_needs_the_operator(value: Any, code: str) -> None:
    found = differing(Sides(frozenset({TASK}), {TASK: None}, {TASK: value}))
    assert [problem.code for problem in found.unread] == [code]
    assert [(change.level, change.problems) for change in found.changes] == [("needs_operator", (code,))]


def test_a_jobs_run_is_named_with_its_job_and_a_rewritten_part_counts_from_there() -> None:
    path = "state/jobs/j/runs/r/events.jsonl"
    found = differing(Sides(frozenset({path}), {path: b"a\nb\n"}, {path: b"a\nc\nd\n"})).changes[0]
    assert (found.kind, found.id, found.appended) == ("run", "j/r", ((path, 2),))
    gone = differing(Sides(frozenset({path}), {path: b"a\n"}, {path: None})).changes[0]
    assert gone.appended == ((path, 0),)


def test_plain_text_knows_a_record_by_its_text() -> None:
    evidence = b'{"schema":"evidence/1","id":"x","note":"a\\nb"}'
    assert plain_text(evidence, "/tmp/blob").startswith("schema: evidence/1\nid: x\n")
    assert plain_text(b"---\nb: [1, {c: 2}]\na: {}\n---\n", "x.md") == "a: {}\nb: 1\nb/1/c: 2\n"
    assert plain_text(b"\xff", "x.bin") == "\\xff"


def test_a_keyed_list_without_keys_is_taken_whole_or_is_a_conflict() -> None:
    sides = ({"acceptance": [row]} for row in ({"text": "a"}, {"text": "b"}, {"text": "c"}))
    assert joined(*sides, SHAPE).conflicts == ("/acceptance",)


def test_items_that_theirs_moved_stand_where_they_put_them() -> None:
    base, ours, theirs = ({"acceptance": [{"id": key} for key in keys]} for keys in ("abc", "abcx", "cab"))
    found = joined(base, ours, theirs, SHAPE)
    assert ([row["id"] for row in found.meta["acceptance"]], found.conflicts) == (["c", "x", "a", "b"], ())
    turned = joined(base, theirs, ours, SHAPE)
    assert ([row["id"] for row in turned.meta["acceptance"]], turned.conflicts) == (["c", "x", "a", "b"], ())
