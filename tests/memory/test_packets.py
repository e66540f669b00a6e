"""`task create --from`: filled packets, foreign front matter, and what is refused in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from platformstate import packaged
from platformstate.actions.packet import read_packet
from platformstate.actions.task_create import create_task
from platformstate.entities.task import PLACEHOLDER_TITLE
from platformstate.errors import StateError

from .conftest import Memory

SEED = """---
title: "memory(B): task_run + task_checkpoint + Codex packet templates"
labels:
  - domain:memory
  - priority:p0
  - judge/codex-candidate
refs: ["pdurlej/platform#460"]
x-tier: 0-platform-substrate
---

# Why this matters

Diagnosis (GPT + claude agreed): rescue cycles eat the day.

## Goal
Targets the rescue cycle directly.

## Checkpoint rule
Write one at the start.
"""


def take(memory: Memory, text: str, **request: Any) -> dict[str, Any]:
    packet = read_packet(text.encode(), "packet.md")
    return create_task(memory.store("operator"), request, packet=packet).data["task"]  # type: ignore[arg-type]


def test_a_foreign_issue_becomes_a_task(memory: Memory) -> None:
    task = take(memory, SEED, id="gh-460", accept=["Schema migration::live"])
    assert task["title"].startswith("memory(B): task_run")
    assert task["labels"] == ["domain:memory", "priority:p0", "judge/codex-candidate"]
    assert task["refs"] == ["pdurlej/platform#460"]
    assert task["x-tier"] == "0-platform-substrate"
    text = memory.text("state/tasks/gh-460/task.md")
    assert "# Why this matters" in text
    assert "Checkpoint rule" not in text


def test_flags_override_the_packet(memory: Memory) -> None:
    task = take(memory, SEED, title="Other", label=["one"], goal="Another goal.")
    assert task["title"] == "Other"
    assert task["labels"] == ["one"]
    assert "## Goal\nAnother goal.\n" in memory.text(task["path"])


def test_a_template_that_nobody_filled_in_is_refused(memory: Memory) -> None:
    text = packaged.read("templates", "CODEX_TASK_PACKET.md").decode()
    assert f"title: {PLACEHOLDER_TITLE}\n" in text
    with pytest.raises(StateError) as refused:
        take(memory, text)
    assert refused.value.code == "usage_invalid"


def test_the_template_with_a_title_becomes_a_task(memory: Memory) -> None:
    text = packaged.read("templates", "CODEX_TASK_PACKET.md").decode()
    task = take(memory, text, title="Say what is wanted")
    assert task["id"].startswith("say-what-is-wanted-")
    assert task["status"] == "ready"
    assert [item["proof"] for item in task["acceptance"]] == ["doc", "test"]
    stored = memory.text(task["path"])
    assert "<!--" not in stored
    assert "Checkpoint rule" not in stored


def test_10_12_a_task_makes_an_equal_task_in_another_repository(
    memory: Memory, another: Callable[[], Memory]
) -> None:
    memory.create("gh-17")
    memory.create(
        priority="p0",
        label=["a"],
        plan=["k=do::pytest"],
        goal="g",
        stop=["secret"],
        budget_minutes=5,
        allow=["src/**"],
    )
    text = memory.text("state/tasks/gh-460/task.md")
    other = another()
    copied = take(other, text, base="none", id="copy")
    original = memory.show()["task"]
    ours = {"id", "created_at", "created_by", "path", "rev", "base_commit"}
    assert {k: v for k, v in copied.items() if k not in ours} == {
        k: v for k, v in original.items() if k not in ours
    }
    assert other.text(copied["path"]).partition("\n---\n")[2] == text.partition("\n---\n")[2]


def test_the_same_packet_with_the_same_key_is_taken_once(memory: Memory) -> None:
    packet = read_packet(SEED.encode(), "packet.md")
    first = create_task(memory.store(), {}, packet=packet, idempotency_key="k")
    again = create_task(memory.store(), {}, packet=packet, idempotency_key="k")
    assert again.data["created"] is False
    assert again.data["task"]["id"] == first.data["task"]["id"]
    with pytest.raises(StateError) as refused:
        create_task(memory.store(), {"priority": "p0"}, packet=packet, idempotency_key="k")
    assert refused.value.code == "idempotency_conflict"


def test_an_approval_is_added_to_those_of_the_packet(memory: Memory) -> None:
    text = "---\nschema: task/1\ntitle: T\napprovals_needed:\n  - first\n---\n"
    task = take(memory, text, approval=["second"])
    assert task["approvals_needed"] == ["first", "second"]
    assert [item["text"] for item in task["acceptance"]] == ["Approval: second"]


def test_imported_criteria_are_open_again(memory: Memory) -> None:
    text = "---\nschema: task/1\nid: replace-me\ntitle: T\nacceptance:\n  - {id: ac1, text: t, proof: doc, state: met}\n---\n"
    assert take(memory, text)["acceptance"] == [{"id": "ac1", "text": "t", "proof": "doc", "state": "open"}]


def test_an_unknown_base_commit_needs_another(memory: Memory) -> None:
    text = f'---\nschema: task/1\ntitle: T\nbase_commit: "{"1f0c" * 10}"\n---\n'
    with pytest.raises(StateError) as missing:
        take(memory, text)
    assert missing.value.code == "commit_not_found"
    assert missing.value.exit_status == 3
    assert take(memory, text, base="HEAD")["base_commit"]


def test_an_unknown_dependency_of_a_packet_is_refused(memory: Memory) -> None:
    with pytest.raises(StateError) as missing:
        take(memory, "---\ntitle: T\ndepends_on: [gh-17]\n---\n")
    assert missing.value.code == "task_not_found"


@pytest.mark.parametrize("start", ["", "schema: task/1\n"])
def test_an_unknown_key_is_named_with_its_place_and_the_nearest_field(memory: Memory, start: str) -> None:
    text = f"---\n{start}title: T\npriorty: p0\nx-mine: 1\n---\n"
    with pytest.raises(StateError) as refused:
        take(memory, text)
    [problem] = refused.value.problems
    assert refused.value.code == "record_invalid"
    assert problem.code == "field_unknown"
    assert (problem.path, problem.line, problem.col) == (
        "packet.md",
        text[: text.index("priorty")].count("\n") + 1,
        1,
    )
    assert "priority" in problem.fix


@pytest.mark.parametrize(
    "text, code",
    [
        ("---\ntitle: T\ntitle: U\n---\n", "key_duplicate"),
        ("---\ntitle: &a T\n---\n", "yaml_alias_refused"),
        ("---\ntitle: !!python/object:os.system T\n---\n", "yaml_tag_refused"),
        ("---\nschema: task/1\ntitle: 460\n---\n", "yaml_scalar_ambiguous"),
        ("---\nschema: checkpoint/1\ntitle: T\n---\n", "schema_version_unknown"),
        ("---\ntitle: T\n", "frontmatter_unclosed"),
    ],
)
def test_a_packet_that_cannot_be_read_says_why(memory: Memory, text: str, code: str) -> None:
    with pytest.raises(StateError) as refused:
        take(memory, text)
    assert refused.value.code == "record_invalid"
    assert code in [problem.code for problem in refused.value.problems]
    assert refused.value.path == "packet.md"
    assert not (memory.repo.root / "state/tasks").exists()


def test_a_packet_of_words_alone_needs_a_title(memory: Memory) -> None:
    with pytest.raises(StateError) as refused:
        take(memory, "Just words.\n")
    assert refused.value.code == "usage_invalid"
    task = take(memory, "Just words.\n", title="Words", id="words")
    assert memory.text(task["path"]).endswith("---\n\nJust words.\n") or "Just words." in memory.text(
        task["path"]
    )
