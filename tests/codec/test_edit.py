"""Edits of a person's file: what changes is what was meant, all else keeps its bytes."""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from platformstate.codec.edit import text_as, text_of
from platformstate.codec.line_edits import Edit, applied, same
from platformstate.codec.record import parse, parse_as
from tests.codec.making import JSON_NOTE, NOTE, PATH, YAML_NOTE, document

SOURCE = """---
# what this is
schema: note/1
id: n1

title: 'Add retry'   # the title

status: ready

labels: [a, 'b']  # flow

items:
  # the first
  - id: i1
    text: "one"
    count: 1
  - {id: i2, text: "x, y"}   # in brackets
  - id: i3

git: {commit: "1f", dirty: 2}

x-text: |   # kept
  one
  two

x-own:
- a
# before b
- b
x-flow: [
  a,  # why a
  b
]
---

## Goal
Body, with trailing blanks \x20
"""
META = parse_as(SOURCE.encode(), PATH, NOTE).document.meta  # type: ignore[union-attr]


def _edited(changes: dict[str, Any], source: str = SOURCE, body: str | None = None) -> str:
    parsed = parse_as(source.encode(), PATH, NOTE).document
    assert parsed is not None
    changed = parsed.with_changes(changes, body=body)
    text = text_as(changed, NOTE)
    again = parse_as(text.encode(), PATH, NOTE).document
    assert again is not None
    assert same(again.meta, changed.meta)
    return text


def _diff(changes: dict[str, Any], source: str = SOURCE) -> list[str]:
    new = _edited(changes, source)
    assert ("\r\n" in new) == ("\r\n" in source)
    return [
        line.rstrip("\r\n")
        for line in difflib.unified_diff(source.splitlines(True), new.splitlines(True), n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]


def _items(**changes: Any) -> list[dict[str, Any]]:
    return [{**item, **(changes if item["id"] == "i1" else {})} for item in META["items"]]


EDITS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "a scalar keeps its quotes and its comment": (
        {"title": "it's"},
        ["-title: 'Add retry'   # the title", "+title: 'it''s'   # the title"],
    ),
    "a plain scalar": ({"status": "review"}, ["-status: ready", "+status: review"]),
    "a plain scalar that has to be quoted": ({"status": "yes"}, ["-status: ready", '+status: "yes"']),
    "a plain scalar that gets lines": ({"status": "a\nb"}, ["-status: ready", "+status: |-", "+  a", "+  b"]),
    "block text that becomes a number": (
        {"x-text": 460},
        ["-x-text: |   # kept", "-  one", "-  two", "+x-text: 460 # kept"],
    ),
    "single quotes around what does not fit there": (
        {"title": "a\nb"},
        ["-title: 'Add retry'   # the title", '+title: "a\\nb"   # the title'],
    ),
    "block text": (
        {"x-text": "new\n"},
        ["-x-text: |   # kept", "-  one", "-  two", "+x-text: | # kept", "+  new"],
    ),
    "block text of other lines": (
        {"x-text": "one\nzwei\n"},
        ["-x-text: |   # kept", "+x-text: | # kept", "-  two", "+  zwei"],
    ),
    "a new key joins its group": ({"reason": "a"}, ["+reason: a"]),
    "a new group gets its blank line": ({"count": 1}, ["+count: 1", "+"]),
    "a new own key stands by its name": ({"x-p": 1}, ["+x-p: 1"]),
    "a key is removed with its blank line": ({"status": None}, ["-status: ready", "-"]),
    "an item is appended to a list in brackets": (
        {"labels": ["a", "b", "c"]},
        ["-labels: [a, 'b']  # flow", "+labels: [a, 'b', c]  # flow"],
    ),
    "an item is put before others in brackets": (
        {"labels": ["z", "a", "b"]},
        ["-labels: [a, 'b']  # flow", "+labels: [z, a, 'b']  # flow"],
    ),
    "the first item in brackets is removed": (
        {"labels": ["b"]},
        ["-labels: [a, 'b']  # flow", "+labels: ['b']  # flow"],
    ),
    "the last item in brackets is removed": (
        {"labels": ["a"]},
        ["-labels: [a, 'b']  # flow", "+labels: [a]  # flow"],
    ),
    "a list in brackets becomes empty": ({"labels": []}, ["-labels: [a, 'b']  # flow", "+labels: [] # flow"]),
    "an item in brackets changes": (
        {"labels": ["a", "c"]},
        ["-labels: [a, 'b']  # flow", "+labels: [a, 'c']  # flow"],
    ),
    "a field of an item": ({"items": _items(text="zwei")}, ['-    text: "one"', '+    text: "zwei"']),
    "a field of an item is removed": (
        {"items": [{"id": "i1", "count": 1}, *META["items"][1:]]},
        ['-    text: "one"'],
    ),
    "a field is added to an item": ({"items": _items(tags=["a"])}, ["+    tags:", "+      - a"]),
    "the first field of an item is removed": (
        {"items": [{"text": "one", "count": 1}, *META["items"][1:]]},
        ["-  - id: i1", '-    text: "one"', "+  - text: one"],
    ),
    "a field of an item in brackets": (
        {"items": [META["items"][0], {"id": "i2", "text": "x"}, META["items"][2]]},
        ['-  - {id: i2, text: "x, y"}   # in brackets', '+  - {id: i2, text: "x"}   # in brackets'],
    ),
    "a field is added in brackets": (
        {"git": {"commit": "1f", "dirty": 2, "branch": "main"}},
        ['-git: {commit: "1f", dirty: 2}', '+git: {commit: "1f", dirty: 2, branch: main}'],
    ),
    "a field is added first in brackets": (
        {"items": [META["items"][0], {"text": "x, y", "id": "i2", "count": 3}, META["items"][2]]},
        [
            '-  - {id: i2, text: "x, y"}   # in brackets',
            '+  - {id: i2, text: "x, y", count: 3}   # in brackets',
        ],
    ),
    "fields are removed in brackets": (
        {"git": {"dirty": 2}},
        ['-git: {commit: "1f", dirty: 2}', "+git: {dirty: 2}"],
    ),
    "all fields in brackets change": (
        {"git": {"branch": "b"}},
        ['-git: {commit: "1f", dirty: 2}', "+git: {branch: b}"],
    ),
    "a list inside brackets": (
        {"items": [META["items"][0], {"id": "i2", "text": "x, y", "tags": ["a"]}, META["items"][2]]},
        [
            '-  - {id: i2, text: "x, y"}   # in brackets',
            '+  - {id: i2, text: "x, y", tags: [a]}   # in brackets',
        ],
    ),
    "an item is appended": ({"items": [*META["items"], {"id": "i4"}]}, ["+  - id: i4"]),
    "an item is removed with the comment above it": (
        {"items": META["items"][1:]},
        ["-  # the first", "-  - id: i1", '-    text: "one"', "-    count: 1"],
    ),
    "an item is put first": ({"items": [{"id": "i0"}, *META["items"]]}, ["+  - id: i0"]),
    "an item becomes text": (
        {"items": ["a", *META["items"][1:]]},
        ["-  - id: i1", '-    text: "one"', "-    count: 1", "+  - a"],
    ),
    "a list that is not indented": ({"x-own": ["a", "b", "c"]}, ["+- c"]),
    "an item above a comment is removed": ({"x-own": ["a"]}, ["-# before b", "-- b"]),
    "a list in brackets over lines": ({"x-flow": ["a", "b", "c"]}, ["-  b", "+  b, c"]),
    "a list becomes a mapping": ({"x-own": {"a": 1}}, ["-- a", "-# before b", "-- b", "+  a: 1"]),
    "several at once": (
        {"status": None, "reason": "x", "title": "b"},
        ["-title: 'Add retry'   # the title", "+title: 'b'   # the title", "-status: ready", "+reason: x"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_an_edit_touches_only_its_lines(changes: dict[str, Any], expected: list[str], line_end: str) -> None:
    diff = _diff(changes, SOURCE.replace("\n", line_end))
    assert sorted(diff) == sorted(expected)


def test_a_changed_body_leaves_the_fields_alone() -> None:
    head = SOURCE[: SOURCE.index("\n## Goal")]
    assert _edited({}, body="new") == f"{head}new\n"


def test_no_change_keeps_every_byte() -> None:
    for source in (SOURCE, SOURCE.rstrip(), SOURCE.replace("\n", "\r\n")):
        assert _edited({}, source) == source


@pytest.mark.parametrize(
    ("source", "changes", "expected"),
    [
        (
            "schema: note/1\nid: n1\ntitle: a\ncount: 1\n",
            {"status": "b"},
            "schema: note/1\nid: n1\ntitle: a\n\nstatus: b\n\ncount: 1\n",
        ),
        ("status: a\n", {"id": "n1"}, "id: n1\n\nstatus: a\n"),
        ("reason: a\n", {"status": "b"}, "status: b\nreason: a\n"),
        ("title: a\n\nreason: b\n", {"status": "c"}, "title: a\n\nstatus: c\nreason: b\n"),
        ("title: a\nreason: b\n", {"status": "c"}, "title: a\n\nstatus: c\nreason: b\n"),
        (
            "title: a\n\n# why\nreason: b\n",
            {"status": "c", "count": 1},
            "title: a\n\nstatus: c\n# why\nreason: b\n\ncount: 1\n",
        ),
        (
            "title: a\n\nreason: b\n",
            {"status": "c", "id": "n1"},
            "id: n1\n\ntitle: a\n\nstatus: c\nreason: b\n",
        ),
        ("title: a\n\nstatus: b\n", {"title": None}, "status: b\n"),
        ("title: a\n\nstatus: b\n", {"status": None}, "title: a\n"),
        ("x-a: b\n", {"x-a": None, "title": "c"}, "title: c\n"),
        ("{title: a, status: b}\n", {"title": "c"}, "title: c\n\nstatus: b\n"),
        ("x-a:\n  - - 1\n    - 2\n", {"x-a": [[1, 2, 3]]}, "x-a:\n  - - 1\n    - 2\n    - 3\n"),
        ("x-a:\n  - - 1\n    - 2\n", {"x-a": [[2]]}, "x-a:\n  - - 2\n"),
        ("x-a: {b: 1}\n", {"x-a": {"b": {"c": 2}}}, "x-a: {b: {c: 2}}\n"),
        ("x-a: {b: 1, c: 2}\n", {"x-a": {"d": 3, "c": 2}}, "x-a: {d: 3, c: 2}\n"),
        ("x-a: [{b: 1}, 2]\n", {"x-a": [{"b": 2}, 2]}, "x-a: [{b: 2}, 2]\n"),
        ("x-a: [1, 2, 3, 4]\n", {"x-a": [1, 4]}, "x-a: [1, 4]\n"),
        ("x-a: [1, 2, 3]\n", {"x-a": [9, 2, 8]}, "x-a: [9, 2, 8]\n"),
        ("x-a:\n  - 1\n  - 2\n  - 3\n", {"x-a": [9, 2, 8]}, "x-a:\n  - 9\n  - 2\n  - 8\n"),
        ("x-a: >\n  one\n\n  two\n\nx-b: c\n", {"x-a": "t\nu"}, "x-a: |-\n  t\n  u\n\nx-b: c\n"),
        ("x-a: a # b\n", {"x-a": "a\nb"}, "x-a: |- # b\n  a\n  b\n"),
        ("x-a: one\n  two\nx-b: c\n", {"x-a": "d"}, "x-a: d\nx-b: c\n"),
        ("? x-b\n: b\n", {"x-a": 1}, "x-a: 1\nx-b: b\n"),
        ("? x-b\n: b\nx-c: 1\n", {"x-b": None}, "x-c: 1\n"),
        ("? x-a\n: b\n", {"x-a": "c"}, "? x-a\n: c\n"),
        (
            "x-a:\n    b:\n        c: 1\n",
            {"x-a": {"b": {"c": 1, "d": 2}}},
            "x-a:\n    b:\n        c: 1\n        d: 2\n",
        ),
        ("x-a:\n  -\n    b: 1\n", {"x-a": ["c"]}, "x-a:\n  - c\n"),
        (
            "x-a:\n  - b: 1\n    c: 2\n",
            {"x-a": [{"b": {"d": 1}, "c": 2}]},
            "x-a:\n  - b:\n      d: 1\n    c: 2\n",
        ),
    ],
)
def test_edits_of_small_files(source: str, changes: dict[str, Any], expected: str) -> None:
    assert _edited(changes, f"---\n{source}---\n") == f"---\n{expected}---\n"


def test_a_yaml_file_without_final_newline_stays_so() -> None:
    assert (
        text_as(document({"id": "n1", "title": "b"}, source="id: n1\ntitle: a"), YAML_NOTE)
        == "id: n1\ntitle: b"
    )


def test_json_is_written_anew_only_when_it_changed() -> None:
    source = '{ "id": "n1" }\n'
    assert text_as(document({"id": "n1"}, source=source), JSON_NOTE) == source
    assert text_as(document({"id": "n2"}, source=source), JSON_NOTE) == '{\n  "id": "n2"\n}\n'


@pytest.mark.parametrize("source", ["no front matter\n", "---\n&a a: b\n---\n", "---\n- a\n---\n"])
def test_a_source_that_cannot_be_edited_is_written_anew(source: str) -> None:
    assert text_as(document({"id": "n1"}, source=source), NOTE) == "---\nid: n1\n---\n"


def test_a_record_without_a_file_is_canonical() -> None:
    assert text_as(document({"id": "n1"}), NOTE) == "---\nid: n1\n\nlabels: []\n---\n"


def test_the_real_kinds_are_known_by_their_handle() -> None:
    data = b"---\nschema: task/1\nid: a\nstatus: ready\n---\n"
    parsed = parse(data, "state/tasks/a/task.md").document
    assert parsed is not None
    assert text_of(parsed.with_changes({"status": "review"})) == data.decode().replace("ready", "review")


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0, False), ([1], [True]), ({"a": 1}, {"a": 1.0}), ([1], [1, 2])]
)
def test_values_that_are_written_differently_are_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)


def test_edits_that_touch_each_other_are_not_made() -> None:
    assert applied("abcd", [Edit(0, 3, ""), Edit(2, 4, "")]) is None


STYLES = [
    "title: before",
    "title:   before  # said by Ann",
    "title: 'before'",
    'title: "before"\t# tab',
    "'title': before",
    "title:\n  before",
]


@pytest.mark.parametrize("number", range(200))
def test_50_11_one_field_of_200_files_is_one_line(number: int) -> None:
    style = STYLES[number % len(STYLES)]
    pieces = [
        "schema: note/1",
        f"id: 'n{number}'",
        "",
        "# about the title",
        style,
        *[""] * (number % 3),
        "labels: [a,b,  'c']",
    ]
    pieces += ["", "x-own:   {a: 1,b: 2} # kept"] if number % 2 else ["# the end"]
    body = f"\n## Goal  \n\ttext {number}\n" if number % 5 else "end without newline"
    source = "---\n" + "\n".join(pieces) + "\n---\n" + body
    source = source.replace("\n", "\r\n") if number % 4 == 0 else source
    new = _edited({"title": "after"}, source)
    old_lines, new_lines = source.splitlines(True), new.splitlines(True)
    assert len(old_lines) == len(new_lines)
    assert sum(old != new for old, new in zip(old_lines, new_lines, strict=True)) == 1
