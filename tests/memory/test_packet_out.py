"""`memory packet`: a task printed as a packet makes an equal task, whatever stands in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from platformstate.actions.packet import packet_text, read_packet, task_packet
from platformstate.actions.task_create import create_task
from platformstate.cli.texts import TEXT
from platformstate.codec.characters import holds_refused
from platformstate.codec.sections import sections
from platformstate.entities.task import PLACEHOLDER_TITLE, SECTIONS, criteria_reset
from platformstate.errors import StateError

from .conftest import Memory

ANEW: Final = {"id", "status", "created_at", "created_by", "path", "rev", "base_commit"}
_PRINTED = st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"))
WORDS = st.text(_PRINTED, min_size=1, max_size=40).filter(lambda text: not holds_refused(text))
LINES = st.lists(WORDS, min_size=1, max_size=4).map("\n".join)
SLUGS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)


def told(memory: Memory, other: Memory, **request: Any) -> dict[str, Any]:
    """Create a task, take its packet to another repository, and return the task made there."""
    memory.create(**request)
    text = task_packet(memory.store(), "gh-460").data["text"]
    packet = read_packet(text.encode(), "packet.md")
    return create_task(other.store("claude"), {"base": "none", "id": "copy"}, packet=packet).data["task"]


def test_10_12_a_packet_makes_an_equal_task_elsewhere(memory: Memory, another: Callable[[], Memory]) -> None:
    copied = told(
        memory,
        another(),
        priority="p0",
        label=["a", "b"],
        plan=["k=do::pytest", "then this"],
        accept=["Contract written::doc", "Tables::live"],
        goal="g\n\n### Part\ntext",
        constraints="c",
        stop=["a secret"],
        approval=["the migration"],
        budget_tokens=7,
        allow=["src/**"],
        ref=["https://example.org/460"],
        spec_ref=["docs/spec.md"],
    )
    original = memory.show()
    assert {k: v for k, v in copied.items() if k not in ANEW} == {
        k: v for k, v in original["task"].items() if k not in ANEW
    }


def test_a_packet_at_a_commit_is_the_task_as_it_was(memory: Memory, tmp_path: Path) -> None:
    memory.create(goal="first")
    then = memory.head()
    memory.update(goal="second")
    assert "first" in task_packet(memory.store(), "gh-4", at=then).data["text"]
    text = task_packet(memory.store(), "gh-460", out=tmp_path / "new" / "packet.md").data["text"]
    assert (tmp_path / "new" / "packet.md").read_text() == text
    assert "second" in text
    (tmp_path / "mine.md").write_text("mine")
    with pytest.raises(StateError) as refused:
        task_packet(memory.store(), "gh-460", out=tmp_path / "mine.md")
    assert refused.value.code == "output_exists"
    assert (tmp_path / "mine.md").read_text() == "mine"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    title=WORDS.map(str.strip).filter(bool),
    labels=st.lists(SLUGS, max_size=3, unique=True),
    texts=st.dictionaries(st.sampled_from(sorted(SECTIONS.values())), LINES, max_size=4),
    criteria=st.lists(WORDS, max_size=3),
)
def test_whatever_a_task_says_its_packet_says_the_same(
    title: str, labels: list[str], texts: dict[str, str], criteria: list[str]
) -> None:
    from platformstate.codec.sections import body_of

    body = body_of(texts)
    assume(title != PLACEHOLDER_TITLE and set(sections(body)) == set(texts))
    acceptance = [
        {"id": f"ac{number}", "text": text, "proof": "doc", "state": "met"}
        for number, text in enumerate(criteria, start=1)
    ]
    meta = {"schema": "task/1", "id": "gh-460", "title": title, "status": "review", "labels": labels}
    meta |= {"acceptance": acceptance, "created_at": "2026-11-20T10:11:30Z", "created_by": "ann"}
    packet = read_packet(packet_text(meta, body).encode(), "packet.md")
    assert packet.fields["title"] == title
    assert packet.fields["labels"] == labels
    assert packet.fields["acceptance"] == criteria_reset(acceptance)
    assert sections(packet.body) == sections(body)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=60))
def test_a_text_flag_says_what_was_typed_unless_it_names_a_file(text: str) -> None:
    assume(text != "-" and not text.startswith("@"))
    assert TEXT.convert(text, None, None) == text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60))
def test_a_text_flag_with_a_file_says_what_stands_in_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "said.txt"
    file.write_bytes(text.encode())
    assert TEXT.convert(f"@{file}", None, None) == text.rstrip("\n")


def test_a_text_flag_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter):
        TEXT.convert(f"@{tmp_path}/absent", None, None)
