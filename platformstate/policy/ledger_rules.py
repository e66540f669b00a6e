"""What the lines of a job's ledgers, taken together, must not say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from platformstate.core.instants import stamp
from platformstate.core.places import receipt_path
from platformstate.errors import Problem
from platformstate.policy.journal import TERMINAL


class Placed(NamedTuple):
    """A line of a ledger, and where it stands."""

    path: str
    line: int
    row: Mapping[str, Any]


def ledger_problems(lines: Iterable[Placed]) -> Iterator[Problem]:
    """Yield where a job's ledgers tell of one slot as run twice, or of one run in two ways.

    Of two lines the later one in the given order is reported; both are kept.
    """
    first: dict[str, Placed] = {}
    for placed in lines:
        if placed.row["status"] not in TERMINAL:
            continue
        other = first.setdefault(placed.row["run"], placed)
        if other.row != placed.row:
            yield _contradiction(placed, other)


def _contradiction(placed: Placed, other: Placed) -> Problem:
    row = placed.row
    where = f"{other.path}:{other.line}"
    if _is_of_a_slot(row) and row.get("receipt_sha256") != other.row.get("receipt_sha256"):
        message = f"the slot {row['slot']} was run twice; {where} has the other run"
        fix = "let one clone tick the job, and look at both runs"
        return _problem(placed, "run_duplicate_slot", "/slot", message, fix)
    message = f"the run {row['run']} is told differently at {where}"
    return _problem(placed, "ledger_conflict", "/run", message, "git log -p shows which line was changed")


def _is_of_a_slot(row: Mapping[str, Any]) -> bool:
    return row["slot"] is not None and row["run"] == stamp(row["slot"])


def receipt_problems(job: str, lines: Iterable[Placed], receipts: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield each line whose run has a receipt of other bytes than the line names."""
    for placed in lines:
        row = placed.row
        data = receipts.get(receipt_path(f"job/{job}", row["run"])) if row["status"] in TERMINAL else None
        if data is not None and sha256(data).hexdigest() != row.get("receipt_sha256"):
            message = f"the receipt of {job}/{row['run']} is not the one that this line names"
            fix = f"platformctl run verify {job}/{row['run']}; restore the receipt that was changed"
            yield _problem(placed, "ledger_conflict", "/receipt_sha256", message, fix)


def _problem(placed: Placed, code: str, pointer: str, message: str, fix: str) -> Problem:
    return Problem(placed.path, placed.line, 1, code, message, fix, pointer)
