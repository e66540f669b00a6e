"""Read JSON lines: one object a line, LF after each; only LF ends a line."""

from __future__ import annotations

from typing import Any, NamedTuple

from platformstate.codec import limits
from platformstate.codec.decoding import decoded
from platformstate.codec.fractions import fraction_problems, may_hold_fractions
from platformstate.codec.json_text import parse_text
from platformstate.codec.safe import safe_text
from platformstate.codec.shapes import ANYTHING
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.kind import Shape
from platformstate.errors import Problem, shown


class Lines(NamedTuple):
    """The objects of a file with their line numbers, and what is wrong with the other lines."""

    rows: tuple[tuple[int, dict[str, Any]], ...]
    problems: tuple[Problem, ...] = ()


def parse_lines(data: bytes, path: str) -> Lines:
    """Read a file of JSON lines; a bad line does not hide the others, a torn tail is one of them."""
    place = places.place_of(path)
    spec = KINDS[place.kind] if place is not None and place.kind in KINDS else None
    max_bytes = (spec and spec.max_bytes) or limits.MAX_BYTES["jsonl"]
    text, problems = decoded(data, path, max_bytes, "jsonl")
    if text is None:
        return Lines((), problems)
    *lines, tail = text.split("\n")
    found = [*problems]
    if len(lines) > limits.MAX_LINES:
        message = f"{len(lines):,} lines, at most {limits.MAX_LINES:,} are read"
        return Lines(
            (), (Problem(path, limits.MAX_LINES + 1, 1, "text_too_large", message, "begin a new file"),)
        )
    shape = spec.shape if spec is not None and may_hold_fractions(text) else ANYTHING
    rows = []
    for number, line in enumerate(lines, 1):
        value, wrong = _row(line, number, path, shape)
        found.extend(wrong)
        if value is not None:
            rows.append((number, value))
    if tail:
        message = f"the last line was never finished: {shown(safe_text(tail))}"
        fix = "platformctl doctor --fix"
        found.append(Problem(path, len(lines) + 1, 1, "json_tail_torn", message, fix))
    return Lines(tuple(rows), tuple(sorted(found, key=lambda problem: problem[1:4])[: limits.MAX_PROBLEMS]))


def _row(
    line: str, number: int, path: str, shape: Shape
) -> tuple[dict[str, Any] | None, tuple[Problem, ...]]:
    if len(line) * 4 > limits.MAX_LINE_BYTES and len(line.encode("utf-8")) > limits.MAX_LINE_BYTES:
        message = f"the line has more than {limits.MAX_LINE_BYTES:,} bytes"
        return None, (Problem(path, number, 1, "text_line_too_long", message, "shorten its texts"),)
    if not line.strip(" \t"):
        return None, (Problem(path, number, 1, "json_line_blank", "the line is blank", "remove the line"),)
    value, problems = parse_text(line, path, line=number)
    if problems:
        return None, problems
    if not isinstance(value, dict):
        message = f"{shown(safe_text(line))} is no JSON object"
        return None, (Problem(path, number, 1, "json_not_object", message, "write one object a line"),)
    wrong = fraction_problems(line, value, shape, path, line=number) if shape is not ANYTHING else ()
    return (None if wrong else value), wrong
