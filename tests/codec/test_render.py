"""Canonical text, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.codec.quoting import block, quoted, scalar
from platformstate.codec.record import parse
from platformstate.codec.render import canonical, canonical_as
from platformstate.core.document import Document
from platformstate.core.kind import Kind
from tests.codec.making import JSON_NOTE, NOTE, YAML_NOTE, document

PLAIN = [
    "a",
    "_a",
    "/a",
    "é",
    "a: b".replace(": ", ":"),
    "a,b",
    "a?b",
    "task/gh-460",
    "1.2.3",
    "20261120t101130z-7fq2ka",
    "a-b",
    "~a"[1:],
]
QUOTED = [
    "",
    " a",
    "a ",
    "a: b",
    "a:",
    "- a",
    "#a",
    "a #b",
    "a#b",
    "a*b",
    "it's",
    'a"b',
    "[a",
    "a]",
    "{",
    "}",
    "&",
    "!",
    "|",
    ">",
    "%",
    "@",
    "`",
    "yes",
    "NULL",
    "~",
    "12",
    "1.5",
    "0x1F",
    "1_0",
    "12:30",
    "2026-11-20",
    "2026-11-20T10:11:30Z",
    ".5",
    "=",
    "<<",
    "a\tb",
    "a\rb",
    "-",
    "?a",
]


def test_the_example_of_a_task_is_canonical() -> None:
    text = """---
schema: task/1
id: gh-460

title: Add retry to the exporter

status: ready

priority: p1
kind: feature

labels:
  - exporter

depends_on: []

acceptance:
  - id: ac1
    text: the retry tests pass
    proof: test
    state: open

created_at: "2026-11-20T10:11:30Z"
created_by: operator
---

## Goal
A failed sync is retried.
"""
    parsed = parse(text.encode(), "state/tasks/gh-460/task.md")
    assert parsed.document is not None
    assert canonical(parsed.document) == text


def test_a_new_task_gets_the_lists_that_are_always_written() -> None:
    made: Document[Any] = Document(Kind("task"), "state/tasks/a/task.md", {"id": "a", "schema": "task/1"})
    assert (
        canonical(made)
        == "---\nschema: task/1\nid: a\n\nlabels: []\n\ndepends_on: []\n\nacceptance: []\n---\n"
    )


def test_a_template_keeps_the_order_of_its_keys() -> None:
    path = "state/templates/A.md"
    parsed = parse(b"---\nb: 1\na: 2\n---\ntext", path)
    assert parsed.document is not None
    assert canonical(parsed.document) == "---\nb: 1\na: 2\n---\ntext\n"


META = {
    "x-b": 1,
    "x-a": {"z": [[1, 2], []], "a": {"c": {}}},
    "other": None,
    "git": {"dirty": 2, "commit": "1f0c", "x-a": [True, "a, b", "why?"], "branch": None},
    "items": [{"text": "one\ntwo", "id": "i1"}, {"id": "i2", "tags": ["a"]}],
    "labels": [],
    "status": "ready",
    "title": "a: b",
    "id": "n1",
    "schema": "note/1",
}
CANONICAL = """schema: note/1
id: n1

title: "a: b"

status: ready

labels: []

items:
  - id: i1
    text: |-
      one
      two
  - id: i2
    tags:
      - a

git: {commit: "1f0c", dirty: 2, branch: null, x-a: [true, "a, b", "why?"]}

other: null
x-a:
  z:
    - - 1
      - 2
    - []
  a:
    c: {}
x-b: 1
"""


def test_groups_order_flow_and_lists() -> None:
    expected = CANONICAL.replace('"1f0c"', "1f0c")
    assert canonical_as(document(META), YAML_NOTE) == expected
    assert canonical_as(document(META, "body"), NOTE) == f"---\n{expected}---\nbody\n"


def test_json_records_have_the_order_of_their_schema() -> None:
    text = canonical_as(document({"x-a": 1, "items": [{"text": "a", "id": "b"}], "id": "n1"}), JSON_NOTE)
    assert (
        text
        == """{
  "id": "n1",
  "labels": [],
  "items": [
    {
      "id": "b",
      "text": "a"
    }
  ],
  "x-a": 1
}
"""
    )


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_that_every_yaml_reads_alike_stands_plain(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize("text", QUOTED)
def test_any_other_text_is_quoted(text: str) -> None:
    assert scalar(text) == quoted(text)
    assert scalar(text).startswith('"')


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (None, "null"), (-3, "-3"), (1.5, "1.5"), (1e16, "1.0e+16"), (1.5e-07, "1.5e-07")],
)
def test_what_is_no_text(value: Any, text: str) -> None:
    assert scalar(value) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb", ["|-", "a", "b"]),
        ("a\nb\n", ["|", "a", "b"]),
        ("a\n\n b\n", ["|", "a", "", " b"]),
        ("# a\n- b", ["|-", "# a", "- b"]),
        ("a", None),
        ("\na", None),
        ("a\n\n", None),
        (" a\nb", None),
        ("a \nb", None),
        ("a\n\tb", None),
        ("a\r\nb", None),
        ("a\rb\nc", None),
        ("a\n\u202e", None),
    ],
)
def test_text_of_several_lines_stands_as_block_text_where_that_is_safe(
    text: str, lines: list[str] | None
) -> None:
    assert block(text) == lines


def test_hidden_characters_are_escaped_so_that_reading_refuses_them() -> None:
    assert quoted("a\u202e\U000e0041") == '"a\\u202e\\udb40\\udc41"'
