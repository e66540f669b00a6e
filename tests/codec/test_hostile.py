"""Texts made to hang or crash a parser are refused in time that grows with their length at most."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from platformstate.codec.formatting import formatted_as
from platformstate.codec.json_text import parse_json
from platformstate.codec.jsonl import parse_lines
from platformstate.codec.locate import position
from platformstate.codec.record import parse_as
from platformstate.codec.sections import items, sections
from tests.codec.making import JSON_NOTE, NOTE, PATH, YAML_NOTE

MIB = 1024 * 1024
YAMLS = {
    "open brackets": "a: " + "[" * 900_000,
    "open braces": "a: " + "{" * 900_000,
    "brackets that quotes close": "a: " + '["]",' * 150_000,
    "keys in braces": "a: " + "{a: " * 200_000,
    "nested dashes": "a:\n" + "- " * 450_000,
    "question marks": "? " * 450_000,
    "deep indentation": "".join(" " * depth + f"k{depth}:\n" for depth in range(1_200)),
    "one blank line of a mebibyte": " " * 1_000_000,
    "NULs": "\0" * 1_000_000,
    "a line without end": "a: " + "x" * 1_000_000,
    "quotes": "a: " + "'" * 1_000_000,
    "number signs": "a: b" + " #" * 450_000,
    "colons": "a: " + ": " * 450_000,
    "anchors": "".join(f"a{n}: &b{n} c\n" for n in range(50_000)),
    "laughs": "a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [*a, *a]\n" for n in range(30_000)),
    "variation selectors": "a: " + "\ufe0f" * 300_000,
    "escapes": 'a: "' + "\\x41" * 200_000 + '"',
    "digits": "a: " + "9" * 1_000_000,
    "digits and colons": "a: " + "1:" * 450_000,
    "half a date": "a: 2026-11-20" + " " * 900_000 + "x",
    "half a number": "a: 1" + "_" * 900_000 + "x",
    "many keys": "".join(f"k{n}: v\n" for n in range(80_000)),
    "comments": "# c\n" * 250_000,
    "tabs": "\t\n" * 400_000,
    "block text": "a: |\n" + "  x\n" * 200_000,
    "folded text": "a: >\n" + "  x\n\n" * 150_000,
    "tags": "a: " + "!" * 900_000,
}


@pytest.mark.parametrize("text", YAMLS.values(), ids=YAMLS.keys())
def test_yaml_is_settled_within_two_seconds(text: str) -> None:
    data = text.encode()[: MIB - 1] + b"\n"
    started = time.process_time()
    parsed = parse_as(data, PATH, YAML_NOTE)
    markdown = parse_as(b"---\n" + data[:65_000] + b"\n---\n", PATH, NOTE)
    formatted_as(b"---\n" + data[:65_000] + b"\n---\n", PATH, NOTE, fix=True)
    assert time.process_time() - started < 2
    assert all(p.fix for p in (*parsed.problems, *markdown.problems))


JSONS = {
    "open brackets": "[" * 1_000_000,
    "open braces": '{"a":' * 200_000,
    "quotes": '"' * 1_000_000,
    "backslashes": '"' + "\\" * 1_000_000,
    "blanks": " " * 1_000_000,
    "digits": "1" * 1_000_000,
    "letters": "n" * 1_000_000,
    "many small lists": "[" + "[]," * 330_000 + "[]]",
    "many keys": "{" + ",".join(f'"{n}":1' for n in range(80_000)) + "}",
    "surrogates": '"' + "\\ud800" * 170_000 + '"',
    "one line each": "[" + "1,\n" * 300_000 + "1]",
}


@pytest.mark.parametrize("text", JSONS.values(), ids=JSONS.keys())
def test_json_is_settled_within_two_seconds(text: str) -> None:
    data = text.encode()[: MIB - 1] + b"\n"
    readings: tuple[Callable[[], object], ...] = (
        lambda: parse_json(data, "a.json"),
        lambda: parse_as(data, PATH, JSON_NOTE),
        lambda: parse_lines(data, "a.jsonl"),
        lambda: position(text, "json", "/a/b"),
    )
    for read in readings:
        started = time.process_time()
        read()
        assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "text",
    [
        "```\n" * 60_000,
        "## " + "#" * 250_000,
        "## " + " " * 250_000 + "x",
        "- " * 120_000,
        "-" + " " * 250_000,
    ],
)
def test_bodies_are_read_within_two_seconds(text: str) -> None:
    started = time.process_time()
    sections(text)
    items(text)
    assert time.process_time() - started < 2
