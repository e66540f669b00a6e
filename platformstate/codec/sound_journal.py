"""Read and verify a journal in which nothing is wrong, at the speed of a hash. It knows "sound" and "look closely".

What it does not take for sound is for `jsonl` to read and for `journal` to judge, which say what is wrong and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from json import JSONDecoder
from typing import Any, Final

from platformstate.codec import limits
from platformstate.codec.decoding import decoded
from platformstate.codec.journal import ZERO_HASH
from platformstate.codec.json_text import hides, holds_long_number, plain_json
from platformstate.core.catalog import KINDS

_MARK: Final = b',"h":"'
_HASH_CHARACTERS: Final = 32
_JOINT: Final = "},{"


def _number(lexeme: str) -> float:
    raise ValueError(f"{lexeme} is no integer")


_READER: Final = JSONDecoder(parse_float=_number, parse_constant=_number)


def sound_rows(data: bytes, path: str) -> tuple[tuple[int, dict[str, Any]], ...] | None:
    """Return the events of a journal with their line numbers; None when any reader may find something wrong.

    What is returned is what `parse_lines` returns, without any finding of its, of `chain_problems` or of
    `layout_problems`.
    """
    max_bytes = KINDS["event"].max_bytes or limits.MAX_BYTES["jsonl"]
    text, problems = decoded(data, path, max_bytes, "jsonl")
    if text is None or problems or not all(map(_is_small, data.split(b"\n"))) or holds_long_number(text):
        return None
    rows = verified_rows(data)
    if rows is None or len(rows) > limits.MAX_LINES or hides(text, rows):
        return None
    return tuple(enumerate(rows, 1))


def _is_small(line: bytes) -> bool:
    """Say whether a line holds so few signs that it breaks no limit on lengths, depths, keys and items."""
    return (
        len(line) <= limits.MAX_LINE_BYTES
        and line.count(b",") < limits.MAX_KEYS
        and line.count(b"{") + line.count(b"[") <= limits.MAX_DEPTH
    )


def verified_rows(data: bytes) -> list[dict[str, Any]] | None:
    """Return the events of whole journal lines whose chain holds; None when a closer look is needed.

    A line less its hash is, byte for byte, what its writer hashed, and all lines are as a writer lays
    them out. Anything else is for the strict reader to judge.
    """
    if data and not data.endswith(b"\n"):
        return None
    h = ZERO_HASH.encode("ascii")
    lines = data.split(b"\n")[:-1]
    try:
        rows = _rows(data, lines)
        for seq, (line, row) in enumerate(zip(lines, rows, strict=True)):
            h = _next_hash(h, line)
            if row["h"] != h.decode("ascii") or row["seq"] != seq:
                return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return rows


def _rows(data: bytes, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return the objects of canonical lines. Raises ValueError for others.

    They are read as one list where all lines meet as objects do and nothing within a line looks like that.
    """
    text = b",".join(lines).decode("utf-8")
    rows: list[dict[str, Any]]
    if data.count(b"}\n{") == len(lines) - 1 == text.count(_JOINT):
        rows = _READER.decode(f"[{text}]")
    else:
        rows = [_READER.decode(line.decode("utf-8")) for line in lines]
    if plain_json(rows) != f"[{text}]":
        raise ValueError("not canonical")
    return rows


def _next_hash(before: bytes, line: bytes) -> bytes:
    """Return the hash that a line has, as it follows from the one before. Raises ValueError if it does not."""
    mark = line.index(_MARK)
    begin = mark + len(_MARK)
    end = begin + _HASH_CHARACTERS
    h = line[begin:end]
    if sha256(before + line[:mark] + line[end + 1 :]).hexdigest()[:_HASH_CHARACTERS].encode("ascii") != h:
        raise ValueError("another hash")
    return h
