"""Read a journal and verify its chain, a sound one at the speed of a hash."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate.codec.journal import ZERO_HASH, chain_problems
from platformstate.codec.jsonl import parse_lines
from platformstate.errors import Problem, StateError
from platformstate.runner.opening import explained, open_below

Event = Mapping[str, Any]

_MARK: Final = b',"h":"'
_HASH_CHARACTERS: Final = 32


class ReadJournal(NamedTuple):
    """A journal as it was read: its events, the bytes behind the last line feed, the bytes before it."""

    events: tuple[dict[str, Any], ...]
    torn: bytes
    size: int

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
    if (fast := verified_rows(data[:size])) is not None:
        return ReadJournal(tuple(fast), data[size:], size)
    rows, problems = parse_lines(data[:size], path)
    problems = problems or chain_problems(rows, path) or _number_problems(rows, path)
    if problems:
        raise corrupt(problems, path)
    return ReadJournal(tuple(row for _, row in rows), data[size:], size)


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

    A line less its hash is, byte for byte, what its writer hashed: if that hash comes out, the line is
    as it was written. Anything else, a line of another layout too, is for the strict reader to judge.
    """
    if data and not data.endswith(b"\n"):
        return None
    rows: list[dict[str, Any]] = []
    h = ZERO_HASH.encode("ascii")
    try:
        for line in data.split(b"\n")[:-1]:
            mark = line.index(_MARK)
            begin = mark + len(_MARK)
            end = begin + _HASH_CHARACTERS
            expected = sha256(h + line[:mark] + line[end + 1 :]).hexdigest()[:_HASH_CHARACTERS]
            h = line[begin:end]
            row = json.loads(line)
            if h.decode("ascii") != expected or row["seq"] != len(rows) or list(row) != sorted(row):
                return None
            rows.append(row)
    except (ValueError, KeyError, TypeError):
        return None
    return rows
