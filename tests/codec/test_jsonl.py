"""JSON lines: a bad line hides no other, and only LF ends one."""

from __future__ import annotations

import pytest

from platformstate.codec import limits
from platformstate.codec.jsonl import parse_lines

JOURNAL = "state/tasks/gh-460/runs/20261120t101130z-7fq2ka/events.jsonl"


def _read(data: bytes, path: str = "a.jsonl") -> tuple[list[int], list[str]]:
    lines = parse_lines(data, path)
    assert all(p.fix and p.message for p in lines.problems)
    return [number for number, _ in lines.rows], [f"{p.code}:{p.line}:{p.col}" for p in lines.problems]


@pytest.mark.parametrize(
    ("data", "rows", "expected"),
    [
        (b"", [], []),
        (b'{"a":1}\n{"b":2}\n', [1, 2], []),
        (b'{"a":1}\n{"b":', [1], ["json_tail_torn:2:1"]),
        (b'{"a":1}\n{"b":2}', [1], ["json_tail_torn:2:1"]),
        (b'{"a":1}\n\n{"b":2}\n', [1, 3], ["json_line_blank:2:1"]),
        (b'{"a":1}\n \t\n', [1], ["json_line_blank:2:1"]),
        (b'[1]\n{"b":2}\n"c"\n', [2], ["json_not_object:1:1", "json_not_object:3:1"]),
        (b'{"a":1} {"b":2}\n', [], ["json_syntax_invalid:1:9"]),
        (b'{"a":NaN}\n{"a":1,"a":2}\n', [], ["json_syntax_invalid:1:6", "key_duplicate:2:8"]),
        (b'{"a":"\\ud800"}\n', [], ["text_control_character:1:6"]),
        ('{"a":"\u2028\u0085"}\n'.encode(), [1], []),
        (b'{"a":1}\r\n', [1], ["text_line_ending_crlf:1:8"]),
        (b"\xff\n", [], ["text_encoding_invalid:1:1"]),
        (b'<<<<<<< a\n{"a":1}\n=======\n{"b":2}\n>>>>>>> b\n', [], ["conflict_markers_present:1:1"]),
        (b'{"a":"' + b"x" * limits.MAX_LINE_BYTES + b'"}\n{}\n', [2], ["text_line_too_long:1:1"]),
        (b"{}\n" * (limits.MAX_LINES + 1), [], [f"text_too_large:{limits.MAX_LINES + 1}:1"]),
        (b" " * (limits.MAX_BYTES["jsonl"] + 1), [], ["text_too_large:1:1"]),
    ],
)
def test_lines_are_judged_one_by_one(data: bytes, rows: list[int], expected: list[str]) -> None:
    assert _read(data) == (rows, expected)


def test_a_line_of_64_kib_in_letters_of_two_bytes_is_too_long() -> None:
    data = f'{{"a":"{"é" * (limits.MAX_LINE_BYTES // 2)}"}}\n'.encode()
    assert _read(data) == ([], ["text_line_too_long:1:1"])


def test_100_000_lines_are_read() -> None:
    rows, problems = _read(b"{}\n" * limits.MAX_LINES)
    assert len(rows) == limits.MAX_LINES
    assert problems == []


def test_a_fraction_in_an_integer_field_of_a_journal_is_a_wrong_type() -> None:
    data = b'{"seq":0,"type":"RunSucceeded","exit_code":0}\n{"seq":1.0,"type":"RunSucceeded"}\n'
    assert _read(data, JOURNAL) == ([1], ["field_type_wrong:2:8"])


def test_at_most_100_findings_are_told() -> None:
    assert len(parse_lines(b"\n" * 200, "a.jsonl").problems) == limits.MAX_PROBLEMS
