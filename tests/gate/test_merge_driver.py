"""Merging by the table: one side's change is taken, what both changed is a conflict, never a guess."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platformstate.actions.hooks import hooks_status, install_hooks, uninstall_hooks
from platformstate.actions.merge_driver import Versions, merge_files, settled
from platformstate.actions.textconv import text_for_git
from platformstate.codec.line_edits import same
from platformstate.codec.record import parse
from platformstate.core.catalog import KINDS
from platformstate.errors import StateError
from platformstate.policy.merging import grown, joined
from tests.conftest import Platformctl
from tests.gate.conftest import CHECKPOINT, JOURNAL, TASK, State

PROGRAM = str(Path(sys.executable).with_name("platformctl"))
SHAPE = KINDS["task"].shape
PROCEDURE = KINDS["procedure"].shape


def criterion(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "text": name, "proof": "test", "state": "open", **fields}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ({"status": "ready"}, {"status": "review"}, {"status": "ready"}, {"status": "review"}),
        ({"status": "ready"}, {"status": "ready"}, {"status": "review"}, {"status": "review"}),
        ({"status": "ready"}, {"status": "review"}, {"status": "review"}, {"status": "review"}),
        ({"status": "ready"}, {"status": "review"}, {"status": "done"}, ["/status"]),
        ({"owner": "a"}, {}, {"owner": "a"}, {}),
        ({"owner": "a"}, {}, {"owner": "b"}, ["/owner"]),
        ({}, {"owner": "a"}, {"owner": "b"}, ["/owner"]),
        ({"labels": ["a", "b"]}, {"labels": ["a", "c"]}, {"labels": ["b", "d"]}, {"labels": ["c", "d"]}),
        ({"labels": ["a"]}, {"labels": []}, {"labels": ["a", "b"]}, {"labels": ["b"]}),
        ({"labels": []}, {"labels": ["b", "a"]}, {"labels": ["c", "a"]}, {"labels": ["b", "a", "c"]}),
        ({"id": "a"}, {"id": "b"}, {"id": "a"}, ["/id"]),
        ({"id": "a"}, {"id": "b"}, {"id": "b"}, {"id": "b"}),
        ({"scope": {"allow": ["a"]}}, {"scope": {"allow": ["b"]}}, {"scope": {"allow": ["a"], "forbid": ["c"]}},
         {"scope": {"allow": ["b"], "forbid": ["c"]}}),
        ({"x-note": 1}, {"x-note": 2}, {"x-note": True}, ["/x-note"]),
        ({"x-note": 1}, {"x-note": 1}, {"x-note": True}, {"x-note": True}),
    ],
)  # fmt: skip
def test_each_row_of_the_table(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], expected: Any
) -> None:
    found = joined(base, ours, theirs, SHAPE)
    if isinstance(expected, list):
        assert list(found.conflicts) == expected
    else:
        assert (found.meta, found.conflicts) == (expected, ())


def criteria(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"acceptance": list(rows)}


def test_items_of_a_keyed_list_are_settled_field_by_field() -> None:
    base = criteria(criterion("a"), criterion("b"))
    ours = criteria(criterion("a", state="met"), criterion("b"))
    theirs = criteria(criterion("a", text="other"), criterion("b"), criterion("c"))
    found = joined(base, ours, theirs, SHAPE)
    assert found.conflicts == ()
    assert found.meta == criteria(criterion("a", text="other", state="met"), criterion("b"), criterion("c"))


@pytest.mark.parametrize(
    ("ours", "theirs", "conflict"),
    [
        (criteria(criterion("a", text="x")), criteria(criterion("a", text="y")), "/acceptance/a/text"),
        (criteria(), criteria(criterion("a", text="y")), "/acceptance/a"),
        (
            criteria(criterion("a"), criterion("b")),
            criteria(criterion("a"), criterion("b", text="y")),
            "/acceptance/b",
        ),
    ],
)
def test_an_item_that_both_changed_is_a_conflict(
    ours: dict[str, Any], theirs: dict[str, Any], conflict: str
) -> None:
    assert joined(criteria(criterion("a")), ours, theirs, SHAPE).conflicts == (conflict,)


def test_new_items_of_both_follow_one_another_where_their_order_says_nothing() -> None:
    base, one, two = (criteria(criterion("a"), *more) for more in ([], [criterion("b")], [criterion("c")]))
    found = joined(base, one, two, SHAPE)
    assert [row["id"] for row in found.meta["acceptance"]] == ["a", "b", "c"]
    assert found.conflicts == ()


def test_new_steps_of_both_at_one_place_have_no_order_and_are_a_conflict() -> None:
    base, one, two = (
        {"steps": [{"key": key, "run": ["true"]} for key in keys]} for keys in ("ad", "abd", "acd")
    )
    assert joined(base, one, two, PROCEDURE).conflicts == ("/steps",)
    apart = {"steps": [{"key": key, "run": ["true"]} for key in "ade"]}
    found = joined(base, one, apart, PROCEDURE)
    assert ([step["key"] for step in found.meta["steps"]], found.conflicts) == (["a", "b", "d", "e"], ())


def test_steps_that_both_put_in_another_order_are_a_conflict() -> None:
    base, one, two = ({"steps": [{"key": key} for key in keys]} for keys in ("abc", "bac", "acb"))
    assert joined(base, one, two, PROCEDURE).conflicts == ("/steps",)
    assert [step["key"] for step in joined(base, base, one, PROCEDURE).meta["steps"]] == ["b", "a", "c"]


WORDS = st.sampled_from(["a", "b", "c", "d"])
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["ready", "review", "done"]),
        "owner": WORDS,
        "labels": st.lists(WORDS, unique=True),
        "depends_on": st.lists(WORDS, unique=True),
        "scope": st.fixed_dictionaries(
            {}, optional={"allow": st.lists(WORDS), "forbid": st.lists(WORDS)}
        ),
        "acceptance": st.lists(
            st.builds(criterion, WORDS, text=WORDS, state=st.sampled_from(["open", "met"])),
            unique_by=lambda row: str(row["id"]),
        ),
        "x-own": st.one_of(st.integers(0, 2), st.booleans()),
    },
)  # fmt: skip


@given(RECORDS, RECORDS)
def test_a_side_that_changed_nothing_gives_the_other(base: dict[str, Any], other: dict[str, Any]) -> None:
    for ours, theirs in ((base, other), (other, base), (other, other)):
        found = joined(base, ours, theirs, SHAPE)
        assert found.conflicts == ()
        assert same(found.meta, other)


@given(RECORDS, RECORDS, RECORDS)
def test_no_value_comes_from_nowhere(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    found = joined(base, ours, theirs, SHAPE)
    assert found.conflicts == tuple(found.conflicts)
    swapped = joined(base, theirs, ours, SHAPE)
    assert set(swapped.conflicts) == set(found.conflicts)
    for key, value in found.meta.items():
        if key in ("labels", "depends_on"):
            was, our, their = (set(side.get(key, [])) for side in (base, ours, theirs))
            assert set(value) == (our | their) - (was - our) - (was - their)
        elif key in ("status", "owner", "x-own") and f"/{key}" not in found.conflicts:
            values = [side.get(key) for side in (ours, theirs) if not same(side.get(key), base.get(key))]
            assert all(same(each, value) for each in values) or not values
            assert values or same(value, base.get(key))


@given(st.binary(max_size=8), st.binary(max_size=8), st.binary(max_size=8))
def test_append_only_files_only_grow(base: bytes, ours: bytes, theirs: bytes) -> None:
    longer = grown(base, base + ours, base + theirs)
    if ours.startswith(theirs) or theirs.startswith(ours):
        assert longer == base + max(ours, theirs, key=len)
    else:
        assert longer is None
    assert grown(base + b"x", base, base) is None


def versions(state: State, ours: tuple[str, str], theirs: tuple[str, str], path: str = TASK) -> Versions:
    text = state.text(path)
    assert ours[0] in text
    assert theirs[0] in text
    return Versions(*(each.encode() for each in (text, text.replace(*ours), text.replace(*theirs))))


def test_adjacent_lines_that_text_cannot_merge_are_merged_by_field(state: State) -> None:
    found = settled(versions(state, ("priority: p1", "priority: p0"), ("kind: feature", "kind: bug")), TASK)
    assert found.clean
    assert b"\npriority: p0\nkind: bug\n" in found.data
    assert parse(found.data, TASK).document is not None


def test_bodies_are_merged_as_text_and_our_layout_stays(state: State) -> None:
    ours = ("title: Add retry to the exporter", "title:   Add retry  # mine")
    found = settled(versions(state, ours, ("A failed sync is retried.", "It is retried.")), TASK)
    assert found.clean
    assert b"title:   Add retry  # mine\n" in found.data
    assert found.data.endswith(b"## Goal\nIt is retried.\n")


@pytest.mark.parametrize(
    ("ours", "theirs", "code"),
    [
        (("status: ready", "status: review"), ("status: ready", "status: done"), "conflict_markers_present"),
        (("is retried", "is tried"), ("is retried", "was retried"), "conflict_markers_present"),
        (("title: ", "title: x\ntitle: "), ("status: ready", "status: done"), "state_invalid"),
        (
            ("state: open", "state: moved\n    moved_to: gh-9#ac1"),
            ("state: open", "state: open\n    reason: why"),
            None,
        ),
    ],
)
def test_what_is_no_answer_is_left_as_git_leaves_it(
    state: State, ours: tuple[str, str], theirs: tuple[str, str], code: str | None
) -> None:
    given_versions = versions(state, ours, theirs)
    for name, data in zip(("O", "A", "B"), given_versions, strict=True):
        (state.root / name).write_bytes(data)
    answer = merge_files(str(state.root), "O", "A", "B", TASK)
    assert (answer.error.code if answer.error else None) == code
    assert answer.data["merged"] is (code is None)
    if code is not None:
        assert answer.error is not None
        assert answer.error.exit_status == 1
        assert {problem.code for problem in answer.error.problems} <= {"key_duplicate"}
        assert bool(answer.error.problems) is (code == "state_invalid")
        expected = state.git(
            "merge-file",
            "-p",
            "-L",
            "ours",
            "-L",
            "base",
            "-L",
            "theirs",
            *_again(state, given_versions),
            check=False,
        )
        assert (state.root / "A").read_text() == expected


def _again(state: State, given_versions: Versions) -> tuple[str, str, str]:
    for name, data in zip(("o", "a", "b"), given_versions, strict=True):
        (state.root / name).write_bytes(data)
    return "a", "o", "b"


def test_fields_that_do_not_go_together_are_a_conflict(state: State) -> None:
    base = state.text(TASK).replace("state: open", "state: met\n    reason: seen").encode()
    texts = [base, base.replace(b"state: met", b"state: waived"), base.replace(b"\n    reason: seen", b"")]
    found = settled(Versions(*texts), TASK)
    assert not found.clean
    assert [problem.code for problem in found.problems] == ["field_missing"]


def test_immutable_records_and_journals_are_never_joined(state: State) -> None:
    edited = versions(state, ("kind:", "kind: "), ("confidence:", "confidence: "), CHECKPOINT)
    assert not settled(edited, CHECKPOINT).clean
    text = state.text(JOURNAL).encode()
    first = text[: text.index(b"\n") + 1]
    assert settled(Versions(first, first, text), JOURNAL).data == text
    assert not settled(Versions(first, text, first + b"{}\n"), JOURNAL).clean


def test_two_new_files_that_agree_are_one(state: State) -> None:
    text = state.text(TASK).encode()
    assert settled(Versions(b"", text, text), TASK).data == text
    assert not settled(Versions(b"", text, text.replace(b"p1", b"p2")), TASK).clean


def test_git_merges_and_compares_with_them_and_nothing_is_left_after(state: State) -> None:
    state.write(".gitattributes", "state/**/*.md diff=platformstate merge=platformstate\n")
    state.commit("attributes")
    before = (state.root / ".git/config").read_bytes()
    done = install_hooks(str(state.root), PROGRAM, merge_driver=True).data
    assert len(done["settings"]) == 3
    assert install_hooks(str(state.root), PROGRAM, merge_driver=True).data["settings"] == []
    assert hooks_status(str(state.root)).data["merge_driver"] is True
    for branch, old, new in (("a", "priority: p1", "priority: p0"), ("b", "kind: feature", "kind: bug")):
        state.git("checkout", "-q", "-b", branch, "main")
        state.replace(TASK, old, new)
        state.commit(branch)
    state.git("merge", "-q", "-m", "merge", "a")
    assert "priority: p0\nkind: bug\n" in state.text(TASK)
    state.replace(TASK, "title: Add", 'title:  "Add')
    state.replace(TASK, "exporter\n\nstatus", 'exporter"\n\nstatus')
    assert state.git("diff") == ""
    state.replace(TASK, "status: ready", "status: review")
    shown = [
        line for line in state.git("diff").split("\n") if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert shown == ["-status: ready", "+status: review", ""]
    assert uninstall_hooks(str(state.root)).data["settings"] == done["settings"]
    assert (state.root / ".git/config").read_bytes() == before


def test_textconv_prints_what_does_not_parse_escaped(state: State, platformctl: Platformctl) -> None:
    state.write("bad.md", b"---\nschema: task/1\ntitle: [\x1b]0;x\x07\n---\n\xff\n")
    ran = platformctl("textconv", "bad.md")
    assert (ran.status, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    assert "\\x1b]0;x\\x07" in ran.stdout
    lines = text_for_git(str(state.root), TASK).data["text"].split("\n")
    assert lines[:4] == ["schema: task/1", "id: gh-460", "title: Add retry to the exporter", "status: ready"]
    with pytest.raises(StateError) as refused:
        text_for_git(str(state.root), "nowhere")
    assert refused.value.code == "usage_invalid"
