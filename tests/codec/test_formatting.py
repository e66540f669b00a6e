"""Formatting: what is rewritten, what stays, and what `fix` may settle."""

from __future__ import annotations

import pytest

from platformstate.codec.formatting import checked, formatted, formatted_as
from platformstate.codec.line_edits import same
from platformstate.codec.record import parse_as
from platformstate.codec.utc import utc
from tests.codec.making import JSON_NOTE, NOTE, PATH, YAML_NOTE

WILD = """---
# header
title: 'Add retry'   # the title
schema:   note/1
id: "n1"
labels: [a, 'b']  # flow
x-b: {a: [1, "x"], b: c}  #keep
# items
items:
  # first
  - id: i1   # beside
    # inner
    text: >
      the retry
      tests pass

    count: 1
  - # after a dash
    text: "x, y"
    id: i2
  - {text: a, id: i3} # one line
git:  # beside git
  # on the commit
  dirty: 2   # on dirty
  commit: '1f' # on commit
at: 2026-11-20T11:11:30+01:00
x-list: [
  one, #first
  # before two
  two ]
x-map: {
  a: 1, # on a
  b: 2 }
x-text: |   # blk
  one
  two

# foot
# end
---
body"""
TAME = """---
schema: note/1
id: n1

# header
title: Add retry # the title

labels:
  - a
  - b # flow

# items
items:
  # first
  - id: i1 # beside
    # inner
    text: |
      the retry tests pass
    count: 1
  # after a dash
  - id: i2
    text: "x, y"
  - {id: i3, text: a} # one line

# on the commit
# on dirty
# on commit
git: {commit: "1f", dirty: 2} # beside git

at: "2026-11-20T10:11:30Z"

x-b: {a: [1, x], b: c} # keep
x-list:
  - one # first
  # before two
  - two
x-map:
  a: 1 # on a
  b: 2
x-text: | # blk
  one
  two

# foot
# end
---
body
"""


def _formatted(text: str, *, fix: bool = False) -> str:
    first = formatted_as(text.encode(), PATH, NOTE, fix=fix)
    assert first.text is not None, first.problems
    assert first.problems == ()
    again = formatted_as(first.text.encode(), PATH, NOTE, fix=fix)
    assert again.text == first.text
    return first.text


def test_comments_go_with_their_entries() -> None:
    assert _formatted(WILD) == TAME.replace('commit: "1f"', "commit: 1f")


def test_line_ends_and_byte_order_mark_go() -> None:
    crlf = WILD.replace("\n", "\r\n")
    assert _formatted(crlf) == _formatted("\ufeff" + crlf) == _formatted(WILD)


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("id: n1  \n\n\ntitle: a\n", "id: n1\n\ntitle: a\n"),
        ("title: a\nid: n1\n", "id: n1\n\ntitle: a\n"),
        ("{id: n1, title: a} # beside\n", "id: n1\n\ntitle: a # beside\n"),
        ("labels: []   # none\n", "labels: [] # none\n"),
        ("labels:\n- a\n- b\n", "labels:\n  - a\n  - b\n"),
        ("x-a: {b: {c: 1}}\n", "x-a: {b: {c: 1}}\n"),
        ("x-a: {b: {c: 1},\n  d: 2}\n", "x-a:\n  b: {c: 1}\n  d: 2\n"),
        ("x-a: [[1, 2], {b: 1}]\n", "x-a:\n  - - 1\n    - 2\n  - {b: 1}\n"),
        (
            "git: {dirty: 2,\n  # why\n  commit: a # beside\n  }\n",
            "# why\n# beside\ngit: {commit: a, dirty: 2}\n",
        ),
        ("git:\n  # why\n  commit: a\n", "# why\ngit: {commit: a}\n"),
        ("git:\n  commit: a # one\n  dirty: 1 # two\n", "# one\n# two\ngit: {commit: a, dirty: 1}\n"),
        ("git: {commit: a} #\n", "git: {commit: a} #\n"),
        ("x-a: 'one\n  two'\n", "x-a: one two\n"),
        ('x-a: "one\\ntwo"\n', "x-a: |-\n  one\n  two\n"),
        ("x-a: |-\n    one\n      two\n", "x-a: |-\n  one\n    two\n"),
        ("x-a: |+\n  one\n\n\nx-b: c\n", 'x-a: "one\\n\\n\\n"\nx-b: c\n'),
        ("x-a: 1.50\nx-b: -0\n", "x-a: 1.5\nx-b: 0\n"),
        ("day: 2026-11-20\n", 'day: "2026-11-20"\n'),
        ("at: '2026-11-20T10:11:30Z'\n", 'at: "2026-11-20T10:11:30Z"\n'),
        (
            "# only a comment above\nid: n1\n\n# and below\n",
            "# only a comment above\nid: n1\n\n# and below\n",
        ),
        ("# a\n\n\n# b\n\nid: n1\n", "# a\n\n# b\n\nid: n1\n"),
        ("id: n1\n\n# a\n\n# b\n\n", "id: n1\n\n# a\n\n# b\n"),
        ("labels:\n  # a\n\n  # b\n  - c\n", "labels:\n  # a\n\n  # b\n  - c\n"),
        ("x-a:\n  - # a\n\n    # b\n    b: 1\n", "x-a:\n  # a\n\n  # b\n  - b: 1\n"),
        ("# a \n \n# b\nid: n1\n", "# a\n\n# b\nid: n1\n"),
        ("x-a: a # b # c\n", "x-a: a # b # c\n"),
        ("x-a: 'a # b'\n", 'x-a: "a # b"\n'),
        ("'x-a b': c\n", "x-a b: c\n"),
    ],
)
def test_small_texts(yaml: str, expected: str) -> None:
    assert _formatted(f"---\n{yaml}---\n") == f"---\n{expected}---\n"


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("title: fix issue #460\n", 'title: "fix issue #460"\n'),
        ("title: fix #460   # twice \n", 'title: "fix #460   # twice"\n'),
        ("labels:\n  - a #1\n  - b\n", 'labels:\n  - "a #1"\n  - b\n'),
        (
            "title: 460\nx-n: no\nx-e: 1e3\nx-d: 2026-11-20\n",
            'title: "460"\n\nx-d: "2026-11-20"\nx-e: "1e3"\nx-n: "no"\n',
        ),
        ("yes: a\n", '"yes": a\n'),
        ("x-a: ~\n", 'x-a: "~"\n'),
        ("id: n1\ntitle:\n# for later\nx-a:   # nothing\nstatus: a\n", "id: n1\n\n# for later\nstatus: a\n"),
        ("items:\n  - id: a\n    text:\n", "items:\n  - id: a\n"),
        ("git: {commit: 1234567}\n", 'git: {commit: "1234567"}\n'),
        ("id: n1\n", "id: n1\n"),
    ],
)
def test_fix_settles_what_needs_no_guess(yaml: str, expected: str) -> None:
    assert _formatted(f"---\n{yaml}---\n", fix=True) == f"---\n{expected}---\n"
    assert _formatted(f"---\n{yaml}---", fix=True) == f"---\n{expected}---\n"


@pytest.mark.parametrize(
    ("yaml", "codes"),
    [
        ("count: 1.5\n", ["field_type_wrong"]),
        ("x-a: 9007199254740992\n", ["number_out_of_range"]),
        ("labels:\n  -\n", ["yaml_scalar_ambiguous"]),
        ("items:\n  - id:\n    text: a\n", ["yaml_scalar_ambiguous"]),
        ("title: one\n  two #three\n", ["yaml_comment_ambiguous"]),
        ("title: 460\nx-a: &b c\n", ["yaml_alias_refused"]),
        ("title: 460\ncount: 1.5\n", ["yaml_scalar_ambiguous", "field_type_wrong"]),
        ("title: a: b\n", ["yaml_syntax_invalid"]),
        ("x-a:\n", ["frontmatter_not_mapping"]),
        ("%a\n", ["yaml_directive_refused"]),
    ],
)
def test_fix_leaves_what_it_would_have_to_guess(yaml: str, codes: list[str]) -> None:
    result = formatted_as(f"---\n{yaml}---\n".encode(), PATH, NOTE, fix=True)
    assert result.text is None
    expected = ["yaml_scalar_ambiguous"] if codes == ["frontmatter_not_mapping"] else codes
    assert [problem.code for problem in result.problems] == expected


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"no front matter\n", ["frontmatter_missing"]),
        (b"\xff", ["text_encoding_invalid"]),
        (b"---\na: b\r\n---\n", ["text_line_ending_invalid"]),
        (b"---\nx-n: no\n---", ["yaml_scalar_ambiguous"]),
        (b"---\n<<<<<<< a\n=======\n>>>>>>> b\n---\n", ["conflict_markers_present"]),
    ],
)
@pytest.mark.parametrize("fix", [False, True])
def test_what_does_not_parse_is_left_alone(data: bytes, codes: list[str], fix: bool) -> None:
    result = formatted_as(data, PATH, NOTE, fix=fix)
    if fix and codes == ["yaml_scalar_ambiguous"]:
        assert result.text == '---\nx-n: "no"\n---\n'
    else:
        assert result.text is None
        assert [problem.code for problem in result.problems] == codes


def test_json_is_never_formatted() -> None:
    assert formatted_as(b"{}", "state/notes/n1.json", JSON_NOTE) == (None, ())
    assert formatted(b"{}", "state/evidence/e1.json") == (None, ())
    assert formatted(b"text\n", "state/tasks/a/runs/b/logs/0.1.log") == (None, ())


def test_a_yaml_file_has_no_fences() -> None:
    result = formatted_as(b"title: a\nid: n1", "state/n.yaml", YAML_NOTE)
    assert result.text == "id: n1\n\ntitle: a\n"


def test_a_real_task_is_formatted_by_its_path() -> None:
    result = formatted(b"---\nid: a\nschema: task/1\n---\n", "state/tasks/a/task.md")
    assert result.text == "---\nschema: task/1\nid: a\n---\n"


def test_the_body_keeps_every_byte() -> None:
    body = "\n\n a  \n\t---\n\n\n"
    assert _formatted(f"---\nid: n1\n---\n{body}") == f"---\nid: n1\n---\n{body}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T10:11:30Z", "2026-11-20T10:11:30Z"),
        ("2026-11-20T11:11:30+01:00", "2026-11-20T10:11:30Z"),
        ("2026-11-19t23:11:30.25-11:00", "2026-11-20T10:11:30.25Z"),
        ("2026-11-20t10:11:30z", "2026-11-20T10:11:30Z"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+01:00"),
        ("0001-01-01T02:00:00+01:00", "0001-01-01T01:00:00Z"),
        ("2026-02-30T00:00:00+01:00", "2026-02-30T00:00:00+01:00"),
        ("tomorrow", "tomorrow"),
    ],
)
def test_instants_are_written_in_utc(text: str, expected: str) -> None:
    assert utc(text) == expected


def test_values_are_equal_before_and_after() -> None:
    before = parse_as(WILD.encode(), PATH, NOTE).document
    after = parse_as(_formatted(WILD).encode(), PATH, NOTE).document
    assert before is not None
    assert after is not None
    assert same({**before.meta, "at": "2026-11-20T10:11:30Z"}, after.meta)


@pytest.mark.parametrize(
    "result", ["---\nid: n2\n---\nbody\n", "---\nid: n1\n---\nother\n", "---\nid: [\n---\nbody\n"]
)
def test_a_result_that_says_something_else_is_a_bug_and_never_written(result: str) -> None:
    with pytest.raises(RuntimeError, match="would change what it says"):
        checked(result, PATH, NOTE, {"id": "n1"}, "body\n")
