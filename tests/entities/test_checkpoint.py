"""What a request to record a checkpoint means."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.entities import checkpoint
from platformstate.errors import StateError


@pytest.mark.parametrize(
    "kind, section",
    [("decision", "decisions"), ("failed_attempt", "failed"), ("progress", "done"), ("handoff", "done")],
)
def test_the_summary_is_the_first_item_of_the_kinds_main_section(kind: str, section: str) -> None:
    request = {"kind": kind, "summary": "main", "done": ["d"], "failed": ["f"], "decision": ["x"]}
    assert checkpoint.statements(request)[section][0] == "main"


def test_the_summary_of_a_blocker_asks_a_human() -> None:
    request: Any = {"kind": "blocker", "summary": "which port?", "blocker": ["ci:the runner is down"]}
    assert checkpoint.blockers(request) == [
        {"waits_on": "human", "ask": "which port?"},
        {"waits_on": "ci", "ask": "the runner is down"},
    ]
    assert not any(checkpoint.statements(request).values())


def test_a_blocker_on_a_known_task_names_it() -> None:
    request: Any = {
        "kind": "progress",
        "blocker": ["task:gh-661 applies the migration", "task:something else"],
    }
    named, plain = checkpoint.blockers(request, ["gh-661"])
    assert named == {"waits_on": "task", "ask": "gh-661 applies the migration", "task": "gh-661"}
    assert "task" not in plain


@pytest.mark.parametrize("text", ["nobody:x", "human", "human: ", ":x"])
def test_a_blocker_needs_someone_to_wait_on_and_an_ask(text: str) -> None:
    with pytest.raises(StateError) as refused:
        checkpoint.blockers({"kind": "progress", "blocker": [text]})
    assert refused.value.code == "usage_invalid"


def test_ran_tells_of_a_command_without_an_output() -> None:
    told = checkpoint.said_command("1 pytest -q 'a b'", "2026-11-20T10:11:30Z")
    assert told == {
        "argv": ["pytest", "-q", "a b"],
        "exit_code": 1,
        "at": "2026-11-20T10:11:30Z",
        "output_sha256": None,
    }


@pytest.mark.parametrize("text", ["pytest -q", "1", "x pytest", "1 'open", "999 pytest", ""])
def test_ran_without_exit_code_and_command_is_refused(text: str) -> None:
    with pytest.raises(StateError) as refused:
        checkpoint.said_command(text, "2026-11-20T10:11:30Z")
    assert refused.value.code == "usage_invalid"


@pytest.mark.parametrize("text", ["ac1", "ac1=done", "=", "ac1=Met"])
def test_a_criterion_claim_says_met_or_open(text: str) -> None:
    with pytest.raises(StateError) as refused:
        checkpoint.criterion_claim(text)
    assert refused.value.code == "usage_invalid"
    assert checkpoint.criterion_claim("ac1=met") == ("ac1", "met")


@pytest.mark.parametrize("kind", checkpoint.KINDS)
def test_a_checkpoint_that_says_nothing_is_refused_but_at_start_end_and_rescue(kind: str) -> None:
    request: Any = {"kind": kind, "next": "go on", "file": ["a.py"]}
    if kind in ("start", "end", "rescue"):
        checkpoint.refuse_empty(request)
        return
    with pytest.raises(StateError) as refused:
        checkpoint.refuse_empty(request)
    assert refused.value.code == "checkpoint_empty"
    assert refused.value.exit_status == 1
    checkpoint.refuse_empty({**request, "done": ["something"]})


@pytest.mark.parametrize(
    "said, basis, confidence",
    [
        ({"summary": "words"}, "self_report", "claimed"),
        ({"exec": ["true"]}, "tool_receipt", "verified"),
        ({"exec": ["true"], "summary": "words"}, "self_report", "claimed"),
        ({"exec": ["true"], "criterion": ["ac1=met"]}, "self_report", "claimed"),
        ({"exec": ["true"], "ran": ["0 true"]}, "self_report", "claimed"),
        ({"exec": ["true"], "question": ["why?"]}, "self_report", "claimed"),
        ({"exec": ["true"], "next": "go on", "file": ["a.py"]}, "tool_receipt", "verified"),
        ({}, "self_report", "claimed"),
    ],
)
def test_only_what_was_executed_here_and_stands_alone_is_verified(
    said: Any, basis: str, confidence: str
) -> None:
    assert checkpoint.own_basis({"kind": "progress", **said}, frozenset()) == (basis, confidence)


def test_a_long_list_of_files_is_cut_and_counted() -> None:
    fields = checkpoint.files_fields((f"f{number:03}" for number in range(250)), [], bool)
    assert len(fields["files"]) == 200
    assert fields["files_total"] == 250
    assert checkpoint.files_fields(["b", "a"], ["b"], bool) == {"files": ["a", "b"]}
    assert checkpoint.files_fields([], [], bool) == {}


def test_a_file_that_no_record_can_name_is_counted() -> None:
    assert checkpoint.files_fields(["a", "b\n"], [], str.isalpha) == {"files": ["a"], "files_total": 2}
    assert checkpoint.files_fields([], ["b\n"], str.isalpha) == {"files": ["b\n"]}


@pytest.mark.parametrize(
    "meta, body, summary",
    [
        ({"kind": "decision"}, {"done": ["d"], "decisions": ["x"]}, "x"),
        ({"kind": "decision"}, {"done": ["d"]}, "d"),
        ({"kind": "blocker", "blockers": [{"ask": "which?"}]}, {"done": ["d"]}, "which?"),
        ({"kind": "progress", "blockers": [{"ask": "which?"}]}, {}, "which?"),
        ({"kind": "verification", "commands": [{"argv": ["pytest", "-q"]}]}, {}, "pytest -q"),
        ({"kind": "start"}, {}, None),
    ],
)
def test_one_line_stands_for_a_checkpoint(meta: Any, body: Any, summary: str | None) -> None:
    assert checkpoint.summary_of(meta, body) == summary
