"""The chain of a journal: what is written verifies, and every change to it shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platformstate.codec.journal import ZERO_HASH, chain_problems, encode, layout_problems
from platformstate.codec.jsonl import parse_lines
from platformstate.errors import Problem

PATH = "state/tasks/gh-460/runs/20261120t101130z-7fq2ka/events.jsonl"
EXAMPLE = {
    "type": "RunDefined",
    "at": "2026-11-20T10:11:30Z",
    "run": "20261120t101130z-7fq2ka",
    "subject": "procedure/demo",
    "actor": "operator",
}
events = st.lists(
    st.dictionaries(
        st.text("abcxyzé", min_size=1, max_size=4),
        st.text(max_size=8) | st.integers(-99, 99) | st.lists(st.booleans()),
        max_size=4,
    ),
    min_size=1,
    max_size=5,
)


def _problems(data: bytes) -> tuple[Problem, ...]:
    return chain_problems(parse_lines(data, "a.jsonl").rows, PATH)


def test_the_worked_example_has_its_hash() -> None:
    line = encode([EXAMPLE], seq=0, h=ZERO_HASH)
    assert line == (
        b'{"actor":"operator","at":"2026-11-20T10:11:30Z","h":"4ab98365470680c8e9d36e0a1373bacc",'
        b'"run":"20261120t101130z-7fq2ka","seq":0,"subject":"procedure/demo","type":"RunDefined"}\n'
    )


@settings(deadline=None, max_examples=80)
@given(events, events)
def test_what_is_written_in_two_goes_verifies_as_one_chain(
    first: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    data = encode(first, seq=0, h=ZERO_HASH)
    last = json.loads(data.splitlines()[-1])
    both = data + encode(more, seq=last["seq"] + 1, h=last["h"])
    assert both == encode([*first, *more], seq=0, h=ZERO_HASH)
    rows = [(number, json.loads(line)) for number, line in enumerate(both.decode().split("\n")[:-1], 1)]
    assert chain_problems(rows, PATH) == ()


def test_a_seq_and_hash_that_an_event_brings_are_replaced() -> None:
    assert encode([{**EXAMPLE, "seq": 9, "h": "x"}], seq=0, h=ZERO_HASH) == encode(
        [EXAMPLE], seq=0, h=ZERO_HASH
    )


LINES = encode([{"type": name, "n": {"b": [1], "c": 2}} for name in "abcd"], seq=0, h=ZERO_HASH).splitlines(
    keepends=True
)
DAMAGES = {
    "an edit": ([LINES[0], LINES[1].replace(b'"b"', b'"z"', 1), *LINES[2:]], 2),
    "a line removed": ([LINES[0], *LINES[2:]], 2),
    "two lines swapped": ([LINES[0], LINES[2], LINES[1], LINES[3]], 2),
    "a line twice": ([LINES[0], LINES[0], *LINES[1:]], 2),
    "the first line gone": (LINES[1:], 1),
    "a hash gone": ([json.dumps({"type": "a"}).encode() + b"\n"], 1),
}


@pytest.mark.parametrize(("lines", "line"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_found_at_its_first_line(lines: list[bytes], line: int) -> None:
    problems = _problems(b"".join(lines))
    assert [(p.code, p.line) for p in problems] == [("run_journal_corrupt", line)]
    assert PATH in problems[0].fix


LAYOUTS = {
    "keys in another order": lambda line: line.replace(b'{"b":[1],"c":2}', b'{"c":2,"b":[1]}'),
    "a blank after a colon": lambda line: line.replace(b'"c":2', b'"c": 2'),
    "a blank before the end": lambda line: line.replace(b"}\n", b" }\n"),
    "an escape that nothing asks for": lambda line: line.replace(b'"type":"a"', b'"type":"\\u0061"'),
    "a key twice": lambda line: line.replace(b'"c":2', b'"c":2,"c":2'),
}


@pytest.mark.parametrize("other", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_line_in_other_bytes_than_its_writer_left_is_damage(other: Callable[[bytes], bytes]) -> None:
    data = LINES[1] + other(LINES[0]) + LINES[2]
    assert data != LINES[1] + LINES[0] + LINES[2]
    rows = [(number, json.loads(line)) for number, line in enumerate(data.splitlines(), 1)]
    problems = layout_problems(rows, data, PATH)
    assert [(p.code, p.line) for p in problems] == [("run_journal_corrupt", 2)]
    assert layout_problems(rows, b"".join((LINES[1], LINES[0], LINES[2])), PATH) == ()


def test_an_untouched_journal_and_an_empty_one_are_fine() -> None:
    assert _problems(b"".join(LINES)) == ()
    assert _problems(b"") == ()
