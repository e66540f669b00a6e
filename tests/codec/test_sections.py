"""Bodies: sections by heading, items of lists, and texts that come back as they went in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platformstate.codec.sections import body_of, item_text, items, sections


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", {}),
        ("\n\n", {}),
        ("before\n", {"": "before"}),
        ("\n## Goal\nA\n\nB\n\n## Context\n\nC\n", {"Goal": "A\n\nB", "Context": "C"}),
        ("before\n## A\n", {"": "before", "A": ""}),
        ("## A\nx\n## B\n## A\ny\n", {"A": "x\n\ny", "B": ""}),
        ("## A ##\nx\n", {"A": "x"}),
        ("## A\n### B\nx\n#### C\n##D\n", {"A": "### B\nx\n#### C\n##D"}),
        ("## A\n```\n## B\n```\n## C\n", {"A": "```\n## B\n```", "C": ""}),
        ("## A\n~~~ sh\n## B\n```\n~~~~\n## C\n", {"A": "~~~ sh\n## B\n```\n~~~~", "C": ""}),
        ("## A\n```\n## B\n", {"A": "```", "B": ""}),
        ("## A\n``` x\n``` y\n## B\n", {"A": "``` x\n``` y", "B": ""}),
    ],
)
def test_sections_are_told_by_their_headings(body: str, expected: dict[str, str]) -> None:
    assert sections(body) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("- a\n- b\n", ["a", "b"]),
        ("* a\n+ b\n", ["a", "b"]),
        ("- a\n  b\n\n  c\n- d", ["a\nb\n\nc", "d"]),
        ("- a\n\n- b\n", ["a", "b"]),
        ("- a\nlazy\n", ["a\nlazy"]),
        ("one\ntwo\n\nthree\n", ["one\ntwo", "three"]),
        ("- a\n\nafter\n", ["a", "after"]),
        ("\n\nfirst\n", ["first"]),
        ("- a\n    deeper\n", ["a\n  deeper"]),
    ],
)
def test_items_of_a_section(text: str, expected: list[str]) -> None:
    assert items(text) == expected


lines = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12
).filter(lambda line: line == line.strip())
texts = st.lists(lines, min_size=1, max_size=4).map(lambda parts: "\n".join(parts).strip()).filter(bool)


@settings(deadline=None, max_examples=100)
@given(st.lists(texts, max_size=4))
def test_a_text_comes_back_from_its_list_item(written: list[str]) -> None:
    assert items("\n".join(map(item_text, written))) == written


def test_a_heading_inside_an_item_is_no_heading() -> None:
    body = body_of({"Done": item_text("one\n## Next\ntwo")})
    assert sections(body) == {"Done": "- one\n  ## Next\n  two"}


def test_a_body_is_made_of_its_sections_and_empty_ones_are_left_out() -> None:
    body = body_of({"": "before", "Goal": "A\n", "Context": "", "Rollback": "\nB\n\nC"})
    assert body == "\nbefore\n\n## Goal\nA\n\n## Rollback\nB\n\nC\n"
    assert sections(body) == {"": "before", "Goal": "A", "Rollback": "B\n\nC"}
