"""Where a value, a key, or what is missing stands."""

from __future__ import annotations

import pytest

from platformstate.codec.locate import position

MARKDOWN = """---
id: n1
# comment
"été": {b/c: [one, {d~e: 1}]}

items:
  - id: i1
    text: |
      a
  - id: i2
empty: {}
---
body
"""
JSON = '{\n  "a": [1, {"b": "é", "c": 2}],\n  "d": {}\n}\n'

ROWS = [
    (MARKDOWN, "markdown", "/id", False, (2, 5)),
    (MARKDOWN, "markdown", "/id", True, (2, 1)),
    (MARKDOWN, "markdown", "/été", True, (4, 1)),
    (MARKDOWN, "markdown", "/été/b~1c/1/d~0e", False, (4, 26)),
    (MARKDOWN, "markdown", "/été/b~1c/1/d~0e", True, (4, 21)),
    (MARKDOWN, "markdown", "/items", False, (7, 3)),
    (MARKDOWN, "markdown", "/items/1", False, (10, 5)),
    (MARKDOWN, "markdown", "/items/0/text", False, (8, 11)),
    (MARKDOWN, "markdown", "/items/0/absent", False, (7, 5)),
    (MARKDOWN, "markdown", "/items/9", False, (7, 3)),
    (MARKDOWN, "markdown", "/items/x", False, (7, 3)),
    (MARKDOWN, "markdown", "/id/below/a/scalar", False, (2, 5)),
    (MARKDOWN, "markdown", "/title", False, (2, 1)),
    (MARKDOWN, "markdown", "/title", True, (2, 1)),
    (MARKDOWN, "markdown", "/empty/a", False, (11, 8)),
    (MARKDOWN, "markdown", "", False, (2, 1)),
    (MARKDOWN.replace("\n", "\r\n"), "markdown", "/items/1", False, (10, 5)),
    ("a: b\nc: [1]\n", "yaml", "/c/0", False, (2, 5)),
    (JSON, "json", "/a/1/c", False, (2, 28)),
    (JSON, "json", "/a/1/c", True, (2, 23)),
    (JSON, "json", "/a/1/x", False, (2, 13)),
    (JSON, "json", "/x", False, (2, 3)),
    (JSON, "json", "/d/x", False, (3, 8)),
    (JSON, "json", "", False, (2, 3)),
    ('{"a": 1}', "jsonl", "/a", False, (1, 7)),
    ("[1]", "json", "", False, (1, 1)),
    ("not json", "json", "/a", False, (1, 1)),
    ("not markdown", "markdown", "/a", False, (1, 1)),
    ("---\na: [\n---\n", "markdown", "/a", False, (1, 1)),
]


@pytest.mark.parametrize(("text", "container", "pointer", "of_key", "place"), ROWS)
def test_a_pointer_has_a_place(
    text: str, container: str, pointer: str, of_key: bool, place: tuple[int, int]
) -> None:
    assert position(text, container, pointer, of_key=of_key) == place
