"""Changing one section of a body leaves every other byte of it alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platformstate.codec.section_edit import spans, with_section, without_section
from platformstate.codec.sections import sections
from platformstate.entities.task import SECTIONS

ORDER = tuple(SECTIONS.values())
BODY = "\nIntro.\n\n## Goal\nOld.\n\n```\n## Rollback\n```\n\n## Notes\nkept  \n"


def test_a_section_is_replaced_in_place() -> None:
    after = with_section(BODY, "Goal", "New.", ORDER)
    assert after == "\nIntro.\n\n## Goal\nNew.\n\n## Notes\nkept  \n"


def test_a_new_section_stands_before_those_that_follow_it() -> None:
    body = "\n## Goal\ng\n\n## Rollback\nr\n"
    assert with_section(body, "Context", "c", ORDER) == "\n## Goal\ng\n\n## Context\nc\n\n## Rollback\nr\n"
    assert with_section(body, "Expected outputs", "e", ORDER) == f"{body}\n## Expected outputs\ne\n"


def test_a_heading_in_a_code_block_is_text() -> None:
    assert with_section(BODY, "Rollback", "r", ORDER).endswith("kept  \n\n## Rollback\nr\n")


@pytest.mark.parametrize("body", ["", "\n", "no headings", "no headings\n"])
def test_a_body_without_sections_gets_its_first(body: str) -> None:
    after = with_section(body, "Goal", "g")
    assert after.startswith(body)
    assert sections(after)["Goal"] == "g"
    assert without_section(body, "Goal") == body


def test_empty_text_removes_the_section() -> None:
    assert with_section(BODY, "Notes", " ") == without_section(BODY, "Notes")
    assert "Notes" not in sections(without_section(BODY, "Notes"))


lines = st.sampled_from(
    ["## Goal", "## Notes", "## Rollback", "```", "text", "", "- item", "  ## Goal", "# Title"]
)


@given(
    st.lists(lines, max_size=14).map("\n".join), st.sampled_from(ORDER), st.sampled_from(["one", "one\ntwo"])
)
def test_only_the_named_section_changes(body: str, heading: str, text: str) -> None:
    found = [span.heading for span in spans(body)]
    if found.count(heading) > 1:
        return
    before, after = sections(body), sections(with_section(body, heading, text, ORDER))
    assert after[heading] == text
    assert {k: v for k, v in after.items() if k != heading} == {
        k: v for k, v in before.items() if k != heading
    }
    assert heading not in sections(without_section(body, heading))
