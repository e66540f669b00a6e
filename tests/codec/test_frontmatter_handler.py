"""python-frontmatter's users load our files through our handler; their files come in through it."""

from __future__ import annotations

from pathlib import Path

import frontmatter
import pytest

from platformstate.codec.frontmatter_handler import PlatformstateHandler, foreign
from platformstate.errors import StateError

TASK = """---
schema: task/1
id: gh-460

title: "Add: retry"

labels:
  - exporter

created_at: "2026-11-20T10:11:30Z"
---

## Goal
A failed sync is retried.
"""


def test_a_task_is_loaded_and_written_again(tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text(TASK)
    post = frontmatter.load(str(tmp_path / "task.md"), handler=PlatformstateHandler())
    assert post["title"] == "Add: retry"
    assert post["created_at"] == "2026-11-20T10:11:30Z"
    assert post.content == "## Goal\nA failed sync is retried."
    assert f"{frontmatter.dumps(post, handler=PlatformstateHandler())}\n" == TASK


def test_a_handler_detects_our_fences() -> None:
    assert PlatformstateHandler().detect(TASK)
    assert not PlatformstateHandler().detect("+++\na = 1\n+++\n")


def test_fields_of_no_kind_are_written_in_their_order() -> None:
    assert PlatformstateHandler().export({"b": 1, "a": "2"}) == 'b: 1\na: "2"'


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("---\nschema: task/1\ntitle: 460\n---\n", "yaml_scalar_ambiguous", 3),
        ("---\na: 1\na: 2\n---\n", "key_duplicate", 3),
        ("---\na: 1\n", "frontmatter_unclosed", 1),
        ("text", "frontmatter_missing", 1),
        ("---\n- a\n---\n", "frontmatter_not_mapping", 2),
    ],
)
def test_what_validate_refuses_is_refused(text: str, code: str, line: int) -> None:
    with pytest.raises(StateError) as refused:
        frontmatter.loads(text, handler=PlatformstateHandler())
    assert refused.value.code == "record_invalid"
    assert [(p.code, p.line) for p in refused.value.problems if p.severity == "error"] == [(code, line)]


@pytest.mark.parametrize(
    ("text", "meta", "body"),
    [
        (
            "---\ntitle: A note\ntags: [a, b]\n---\n\nText.\n\n",
            {"title": "A note", "tags": ["a", "b"]},
            "\nText.\n",
        ),
        ("\n\n---\ntitle: x\n---\n", {"title": "x"}, ""),
        (
            "---\ndate: 2024-01-01\ndraft: yes\nempty:\nn: 460\n---\nx\n",
            {"date": "2024-01-01", "draft": "yes", "empty": "", "n": 460},
            "\nx\n",
        ),
        ("---\r\ntitle: x\r\n---\r\ny\r\n", {"title": "x"}, "\ny\n"),
        ("---\n---\nx\n", {}, "\nx\n"),
        ("# Just text\n", {}, "# Just text\n"),
        ("---\nyes: a\n---\n", {"yes": "a"}, ""),
    ],
)
def test_foreign_files_come_in_as_their_authors_wrote_them(
    text: str, meta: dict[str, object], body: str
) -> None:
    assert foreign(text.encode(), "note.md") == (meta, body)


@pytest.mark.parametrize(
    ("data", "code", "line", "col"),
    [
        (b"\n---\ntitle: &a b\n---\n", "yaml_alias_refused", 3, 8),
        (b"---\ntitle: !!python/object:os.system a\n---\n", "yaml_tag_refused", 2, 8),
        (b"---\ntitle: fix #460\n---\n", "yaml_comment_ambiguous", 2, 8),
        (b"\n\n---\ntitle: a\n", "frontmatter_unclosed", 3, 1),
        (b"---\nx: " + b"[" * 100_000 + b"\n---\n", "depth_exceeded", 2, 1004),
        (b"---\n%a\n---\n", "yaml_directive_refused", 2, 1),
        (b"\xff", "text_encoding_invalid", 1, 1),
        (b"---\nn: 9007199254740992\n---\n", "number_out_of_range", 2, 4),
    ],
)
def test_hostile_foreign_files_are_refused(data: bytes, code: str, line: int, col: int) -> None:
    with pytest.raises(StateError) as refused:
        foreign(data, "note.md")
    assert refused.value.code == "record_invalid"
    problem = refused.value.problems[0]
    assert (problem.path, problem.code, problem.line, problem.col) == ("note.md", code, line, col)
    assert problem.fix
