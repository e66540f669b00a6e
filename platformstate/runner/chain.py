"""Read a journal and verify its chain, a sound one at the speed of a hash."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from json import JSONDecoder
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate.codec.journal import ZERO_HASH, chain_problems, layout_problems
from platformstate.codec.json_text import plain_json
from platformstate.errors import Problem, StateError
from platformstate.runner.opening import explained, open_below

Event = Mapping[str, Any]

_MARK: Final = b',"h":"'
_HASH_CHARACTERS: Final = 32
_JOINT: Final = "},{"


def _number(lexeme: str) -> float:
    raise ValueError(f"{lexeme} is no integer")


_READER: Final = JSONDecoder(parse_float=_number, parse_constant=_number)


class ReadJournal(NamedTuple):
    """A journal as it was read: its events, the bytes behind the last line feed, the bytes before it."""

    events: tuple[dict[str, Any], ...]
    torn: bytes
    whole: bytes

    @property
    def h(self) -> str:
        """The hash of the last line."""
        return str(self.events[-1]["h"]) if self.events else ZERO_HASH


def read_journal(root: Path, path: str) -> ReadJournal | None:
    """Read and verify a journal, None when there is none. Raises run_journal_corrupt.

    A torn tail is handed back, not judged: another process may just be writing it.
    """
    with explained(path):
        try:
            descriptor = open_below(root, path, os.O_RDONLY)
        except FileNotFoundError:
            return None
    with open(descriptor, "rb") as file:
        return verified(file.read(), path)


def verified(data: bytes, path: str) -> ReadJournal:
    """Return what the bytes of a journal hold. Raises run_journal_corrupt with the first bad line."""
    size = data.rfind(b"\n") + 1
    whole = data[:size]
    fast = verified_rows(whole)
    return ReadJournal(tuple(_closely(whole, path) if fast is None else fast), data[size:], whole)


def _closely(data: bytes, path: str) -> list[dict[str, Any]]:
    """Return the events of whole lines that the fast reader would not judge. Raises run_journal_corrupt."""
    from platformstate.codec.jsonl import parse_lines

    rows, problems = parse_lines(data, path)
    problems = problems or chain_problems(rows, path) or layout_problems(rows, data, path)
    problems = problems or _number_problems(rows, path)
    if problems:
        raise corrupt(problems, path)
    return [row for _, row in rows]


def _number_problems(rows: Sequence[tuple[int, Event]], path: str) -> tuple[Problem, ...]:
    for expected, (line, row) in enumerate(rows):
        if row.get("seq") != expected:
            return (line_problem(path, line, f"seq is {row.get('seq')}, {expected} was expected"),)
    return ()


def line_problem(path: str, line: int, reason: str) -> Problem:
    """Return the problem of a line of a journal."""
    fix = f"restore the file from git: git checkout -- {path}; a journal is never edited by hand"
    return Problem(path, line, 1, "run_journal_corrupt", reason, fix)


def corrupt(problems: Sequence[Problem], path: str) -> StateError:
    """Return the error that refuses a run for what is wrong with its journal."""
    first = problems[0]
    return StateError(
        "run_journal_corrupt",
        f"line {first.line}: {first.message}",
        hint=f"git log -p -- {path} shows who changed it; restore the committed version",
        path=path,
        line=first.line,
        col=first.col,
        problems=tuple(problems),
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
        rows = _rows(lines)
        for seq, (line, row) in enumerate(zip(lines, rows, strict=True)):
            h = _next_hash(h, line)
            if row["h"] != h.decode("ascii") or row["seq"] != seq:
                return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return rows


def _rows(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return the objects of canonical lines. Raises ValueError for others.

    They are read as one list where nothing within a line looks like the joint of two lines.
    """
    text = b",".join(lines).decode("utf-8")
    rows: list[dict[str, Any]]
    if text.count(_JOINT) == len(lines) - 1:
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
