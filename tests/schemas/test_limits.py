"""The caps of a file, each met and each passed by one. Such files are made here, not kept."""

from __future__ import annotations

import json
from time import process_time

import pytest

from platformstate.validation import read
from tests.schemas.corpus import EXAMPLES, PLACES, RUN

TASK = (EXAMPLES / "task" / "valid" / "ready.md").read_text("utf-8")
CHECKPOINT = (EXAMPLES / "checkpoint" / "valid" / "start.md").read_text("utf-8")
EVIDENCE = (EXAMPLES / "evidence" / "valid" / "operator.json").read_text("utf-8")
EVENT = (EXAMPLES / "event" / "valid" / "task_run.jsonl").read_text("utf-8").splitlines()[0]
KIB = 1024


def codes(text: str, kind: str) -> list[str]:
    return [problem.code for problem in read(text.encode(), PLACES[kind]).problems]


def padded(text: str, size: int) -> str:
    return text + "x" * (size - len(text.encode()) - 1) + "\n"


def with_key(text: str, value: str) -> str:
    return text.replace("created_by: operator\n", f"created_by: operator\nx-a: {value}\n")


@pytest.mark.parametrize("kind,text,most", [("task", TASK, 256 * KIB), ("checkpoint", CHECKPOINT, 64 * KIB)])
def test_a_markdown_record_has_a_largest_size(kind: str, text: str, most: int) -> None:
    assert codes(padded(text, most), kind) == []
    assert codes(padded(text, most + 1), kind) == ["text_too_large"]


def test_front_matter_has_a_largest_size() -> None:
    room = 64 * KIB - len(TASK.encode())
    assert codes(with_key(TASK, "a" * (room - 200)), "task") == []
    assert codes(with_key(TASK, "a" * 64 * KIB), "task") == ["text_too_large"]


def test_a_json_document_has_a_largest_size() -> None:
    def with_note(length: int) -> str:
        return EVIDENCE.replace('"commit": null', f'"commit": null, "x-a": "{"a" * length}"')

    room = KIB * KIB - len(with_note(0))
    assert codes(with_note(room), "evidence") == []
    assert codes(with_note(room + 1), "evidence") == ["text_too_large"]


def test_a_line_of_a_journal_has_a_largest_size() -> None:
    def with_note(length: int) -> str:
        return json.dumps({**json.loads(EVENT), "x-a": "a" * length}) + "\n"

    room = 64 * KIB - len(with_note(0)) + 1
    assert codes(with_note(room), "event") == []
    assert codes(with_note(room + 1), "event") == ["text_line_too_long"]


def test_a_journal_has_a_largest_number_of_lines() -> None:
    line = '{"at":"2026-11-20T10:11:30Z","h":"%s","seq":0,"type":"RunSucceeded"}\n' % ("0" * 32)
    assert codes(line * 100_001, "event") == ["text_too_large"]


@pytest.mark.parametrize("depth,found", [(31, []), (32, ["depth_exceeded"]), (900, ["depth_exceeded"])])
def test_yaml_has_a_largest_depth(depth: int, found: list[str]) -> None:
    assert codes(with_key(TASK, "[" * depth + "]" * depth), "task") == found


@pytest.mark.parametrize("depth,found", [(31, []), (32, ["depth_exceeded"]), (5000, ["depth_exceeded"])])
def test_json_has_a_largest_depth(depth: int, found: list[str]) -> None:
    nested = EVIDENCE.replace('"commit": null', f'"commit": null, "x-a": {"[" * depth}{"]" * depth}')
    assert codes(nested, "evidence") == found


def test_a_mapping_has_a_largest_number_of_keys() -> None:
    def of(count: int) -> str:
        return "{" + ", ".join(f"k{n}: 1" for n in range(count)) + "}"

    assert codes(with_key(TASK, of(1000)), "task") == []
    assert codes(with_key(TASK, of(1001)), "task") == ["text_too_large"]


def test_a_list_has_a_largest_number_of_items() -> None:
    def of(count: int) -> str:
        return "[" + ", ".join("1" for _ in range(count)) + "]"

    assert codes(with_key(TASK, of(10_000)), "task") == []
    assert codes(with_key(TASK, of(10_001)), "task") == ["text_too_large"]


@pytest.mark.parametrize(
    "text",
    [
        with_key(TASK, "[" * 60_000),
        with_key(TASK, "{a: " * 15_000),
        with_key(TASK, "- " * 30_000),
        with_key(TASK, '"' + "\\" * 60_000),
        with_key(TASK, "'" * 60_001),
        with_key(TASK, "a: " * 20_000),
        with_key(TASK, "\n" + "".join(f"{' ' * n}- a:\n" for n in range(300))),
        with_key(TASK, "|\n" + "  é\n" * 15_000),
        TASK.replace("  - exporter\n", "  - exporter\n" * 4000),
        TASK.replace("id: gh-460", "id: " + "a-" * 30_000),
        TASK.replace("Add retry to the exporter", "yes\n" * 10_000),
        TASK.replace("status: ready", "status: " + "AKIA" * 15_000),
        TASK + "<" * 190_000,
        TASK + "`" * 190_000,
        TASK + "\u202e" * 60_000,
    ],
    ids=range(15),
)
def test_50_12_hostile_text_is_judged_in_less_than_two_seconds(text: str) -> None:
    started = process_time()
    read(text.encode(), PLACES["task"])
    assert process_time() - started < 2


def test_a_large_file_that_holds_no_record_is_not_parsed() -> None:
    assert read(b"{" * 10 * KIB * KIB, f"{RUN}/artifacts/big.json").problems == ()
