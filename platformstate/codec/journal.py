"""Journal lines: canonical JSON, each bound to the one before by a hash.

The chain finds edits, reorders, forks and union merges; it is not a signature. What the events
mean and which may follow which is policy, not text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from platformstate.codec.json_text import canonical_json
from platformstate.errors import Problem, shown

ZERO_HASH: Final = "0" * 32
_FIX: Final = "restore the file from git: git checkout -- PATH; a journal is never edited by hand"


def encode(events: Sequence[Mapping[str, Any]], *, seq: int, h: str) -> bytes:
    """Return the lines that append these events to a journal.

    `seq` is the number of the first one, `h` the hash of the line before it (ZERO_HASH when there
    is none). A `seq` or `h` that an event brings along is replaced.
    """
    lines = []
    for number, event in enumerate(events, seq):
        numbered = {**event, "seq": number}
        h = chained(h, numbered)
        lines.append(canonical_json({**numbered, "h": h}) + b"\n")
    return b"".join(lines)


def chained(h: str, event: Mapping[str, Any]) -> str:
    """Return the hash of an event that follows the line whose hash is `h`."""
    bare = {key: value for key, value in event.items() if key != "h"}
    return sha256(h.encode("ascii") + canonical_json(bare)).hexdigest()[:32]


def last_hash(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the hash of the last line of a journal that begins with these events and has no others."""
    h = ZERO_HASH
    for number, event in enumerate(events):
        h = chained(h, {**event, "seq": number})
    return h


def chain_problems(rows: Iterable[tuple[int, Mapping[str, Any]]], path: str) -> tuple[Problem, ...]:
    """Return the first line whose hash or order of keys is not what the journal's writer leaves.

    Only the first: what follows a broken line is bound to it.
    """
    before = ZERO_HASH
    for line, row in rows:
        written = row.get("h")
        expected = chained(before, row)
        if written != expected:
            message = f"h is {shown(written)}, the lines up to here give {expected}"
            return (Problem(path, line, 1, "run_journal_corrupt", message, _fix(path), "/h"),)
        before = expected
    return ()


def layout_problems(
    rows: Iterable[tuple[int, Mapping[str, Any]]], data: bytes, path: str
) -> tuple[Problem, ...]:
    """Return the first line that says what it should, but not in the bytes that the journal's writer leaves."""
    lines = data.split(b"\n")
    for number, row in rows:
        if lines[number - 1] != canonical_json(row):
            message = "the keys, blanks or escapes of this line are not as they were written"
            return (Problem(path, number, 1, "run_journal_corrupt", message, _fix(path)),)
    return ()


def _fix(path: str) -> str:
    return _FIX.replace("PATH", path)
