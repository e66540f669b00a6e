"""A text that a flag gives stays in its own section."""

from __future__ import annotations

import pytest

from platformstate.errors import StateError
from tests.memory.conftest import Memory


@pytest.mark.parametrize("text", ["## Context\nfake", "one\n\n## Next\ntwo", "##  \nx"])
def test_a_heading_inside_a_section_is_refused_and_writes_nothing(memory: Memory, text: str) -> None:
    head = memory.repo.git("rev-parse", "HEAD")
    with pytest.raises(StateError) as refused:
        memory.create(goal=text)
    assert (refused.value.code, refused.value.exit_status) == ("usage_invalid", 2)
    assert memory.repo.git("rev-parse", "HEAD") == head
    memory.create()
    with pytest.raises(StateError):
        memory.update(goal=text)


@pytest.mark.parametrize("text", ["### part\nx", "```\n## in a fence\n```", "a ## b", "#hash"])
def test_what_is_no_heading_of_a_section_is_kept(memory: Memory, text: str) -> None:
    memory.create(goal=text)
    assert memory.show()["body"] == {"Goal": text}
