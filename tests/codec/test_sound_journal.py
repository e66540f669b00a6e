"""The reader of sound journals: what it takes for sound is what nobody else would find anything wrong with."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platformstate.codec import limits
from platformstate.codec.journal import ZERO_HASH, chain_problems, chained, encode, layout_problems
from platformstate.codec.json_text import canonical_json
from platformstate.codec.jsonl import parse_lines
from platformstate.codec.sound_journal import sound_rows

PATH = "state/tasks/gh-460/runs/20261120t101130z-3k9xma/events.jsonl"
AT = "2026-11-20T10:11:30Z"
EVENTS: list[dict[str, Any]] = [
    {"type": "RunDefined", "at": AT, "run": "r", "trigger": {"type": "manual"}},
    {"type": "RunStarted", "at": AT, "holder": {"host": "b\u00fcro", "pid": 4711}, "argv": ["a", "b"]},
    {"type": "RunSuspended", "at": AT, "reason": 'he said "},{" and \\ left'},
]
JOURNAL = encode(EVENTS, seq=0, h=ZERO_HASH)


def judged_by_others(data: bytes) -> tuple[Any, Any]:
    """Return the rows of a journal and what the strict reader, the chain and the layout find in it."""
    rows, problems = parse_lines(data, PATH)
    return rows, problems or chain_problems(rows, PATH) or layout_problems(rows, data, PATH)


def test_a_sound_journal_is_read_as_the_strict_reader_reads_it() -> None:
    assert judged_by_others(JOURNAL) == (sound_rows(JOURNAL, PATH), ())
    assert sound_rows(b"", PATH) == ()


def hashed(line: bytes, before: str = ZERO_HASH) -> bytes:
    """Return a line with the hash that fits its bytes, whatever they are, in the place of H."""
    h = sha256(before.encode() + line.replace(b',"h":"H"', b"")).hexdigest()[:32]
    return line.replace(b'"H"', f'"{h}"'.encode())


def line(more: bytes) -> bytes:
    """Return a journal of one line that holds some more text."""
    return hashed(b'{"at":"' + AT.encode() + b'","h":"H",' + more + b'"seq":0}') + b"\n"


# Each has a chain that holds, so that it is refused for the reason given alone.
DOUBTFUL = {
    "a line feed is missing": line(b"")[:-1],
    "a fraction": line(b'"n":1.5,'),
    "a long number": line(b'"n":12345678901234567,'),
    "an escape for a hidden character": line(b'"n":"\\u202e",'),
    "a hidden character": line('"n":"\u202e",'.encode()),
    "a field twice": line(b'"n":1,"n":2,'),
    "another order of fields": line(b'"z":1,'),
    "a blank": line(b'"n": 1,'),
    "too many fields": line(b"".join(b'"n%04d":1,' % n for n in range(limits.MAX_KEYS))),
    "nested too deep": line(b'"n":' + b"[" * limits.MAX_DEPTH + b"]" * limits.MAX_DEPTH + b","),
    "a line too long": line(b'"n":"' + b"x" * limits.MAX_LINE_BYTES + b'",'),
    "CRLF": JOURNAL.replace(b"\n", b"\r\n"),
    "a conflict": b"<<<<<<< a\n" + JOURNAL,
    "not UTF-8": JOURNAL + b"\xff\n",
    "a blank line": JOURNAL + b"\n",
    "lines in another order": b"".join(sorted(JOURNAL.splitlines(keepends=True), reverse=True)),
    "no object": b"1\n",
    "no number": canonical_json({"at": AT, "h": chained(ZERO_HASH, {"at": AT}), "type": "x"}) + b"\n",
    "no hash": b'{"seq":0}\n',
    "a seq that is not the next": encode(EVENTS, seq=1, h=ZERO_HASH),
}


@pytest.mark.parametrize("reason", DOUBTFUL)
def test_what_is_doubtful_is_left_to_the_others(reason: str) -> None:
    assert sound_rows(DOUBTFUL[reason], PATH) is None


def test_a_small_change_of_the_line_below_holds() -> None:
    assert sound_rows(line(b'"n":1,'), PATH) is not None


def test_two_events_that_are_cut_elsewhere_than_between_them_are_no_two_lines() -> None:
    first = hashed(b'{"at":"a","h":"H","seq":0},{"at":"b"')
    h = first.partition(b'"h":"')[2][:32].decode()
    second = hashed(b'"b":1,"h":"H","seq":1}', h)
    assert sound_rows(first + b"\n" + second + b"\n", PATH) is None


def test_more_lines_than_a_journal_may_have_are_left_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LINES", 2)
    assert sound_rows(JOURNAL, PATH) is None


often = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
SIGNS = (
    b'"',
    b"{",
    b"}",
    b",",
    b":",
    b"\n",
    b"\\",
    b"0",
    b"1.0",
    b" ",
    b"},{",
    b"\xe2\x80\xae",
    b"\x7f",
    b"\r",
)


@often
@given(st.integers(0), st.sampled_from(SIGNS), st.booleans())
def test_a_damaged_journal_is_sound_to_no_one(at: int, sign: bytes, replace: bool) -> None:
    at %= len(JOURNAL)
    data = JOURNAL[:at] + sign + JOURNAL[at + len(sign) * replace :]
    rows = sound_rows(data, PATH)
    assert rows is None or judged_by_others(data) == (rows, ())
