"""Read a journal and verify its chain, a sound one at the speed of a hash."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from platformstate.codec.journal import ZERO_HASH, chain_problems, layout_problems
from platformstate.codec.sound_journal import sound_rows
from platformstate.errors import Problem, StateError
from platformstate.runner.opening import explained, open_below

Event = Mapping[str, Any]


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
    fast = sound_rows(whole, path)
    return ReadJournal(_closely(whole, path) if fast is None else _bare(fast), data[size:], whole)


def _closely(data: bytes, path: str) -> tuple[dict[str, Any], ...]:
    """Return the events of whole lines that the fast reader would not judge. Raises run_journal_corrupt."""
    from platformstate.codec.jsonl import parse_lines

    rows, problems = parse_lines(data, path)
    problems = problems or chain_problems(rows, path) or layout_problems(rows, data, path)
    problems = problems or _number_problems(rows, path)
    if problems:
        raise corrupt_journal(problems, path)
    return _bare(rows)


def _bare(rows: Sequence[tuple[int, dict[str, Any]]]) -> tuple[dict[str, Any], ...]:
    return tuple(row for _, row in rows)


def _number_problems(rows: Sequence[tuple[int, Event]], path: str) -> tuple[Problem, ...]:
    for expected, (line, row) in enumerate(rows):
        if row.get("seq") != expected:
            return (line_problem(path, line, f"seq is {row.get('seq')}, {expected} was expected"),)
    return ()


def line_problem(path: str, line: int, reason: str) -> Problem:
    """Return the problem of a line of a journal."""
    fix = f"restore the file from git: git checkout -- {path}; a journal is never edited by hand"
    return Problem(path, line, 1, "run_journal_corrupt", reason, fix)


def corrupt_journal(problems: Sequence[Problem], path: str) -> StateError:
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
