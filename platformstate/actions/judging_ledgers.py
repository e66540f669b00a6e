"""Judge the ledgers of jobs beside each other, and beside the receipts of the runs that they tell of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from platformstate.core import places
from platformstate.errors import Problem
from platformstate.policy.ledger_rules import Placed, ledger_problems, receipt_problems

if TYPE_CHECKING:
    from platformstate.actions.judging_part import Part


def ledgers_context(part: Part) -> Iterator[str]:
    """Yield what has to be read beside the selected ledgers and receipts of jobs."""
    for job in _jobs(part):
        for path in _ledgers(part, job):
            yield path
            for placed in _lines(part, path):
                if placed.row.get("kept"):
                    yield places.receipt_path(f"job/{job}", placed.row["run"])


def ledgers_problems(part: Part) -> Iterator[Problem]:
    """Yield what the selected ledgers contradict: each other, and the receipts that are there."""
    for job in _jobs(part):
        found = [_lines(part, path) for path in _ledgers(part, job)]
        lines = [placed for rows in found for placed in rows]
        yield from ledger_problems(lines)
        runs = f"state/jobs/{job}/runs/"
        receipts = {
            path: data
            for path, data in part.data.items()
            if path.startswith(runs) and path.endswith("/run_receipt.json") and isinstance(data, bytes)
        }
        yield from receipt_problems(job, lines, receipts)


def _jobs(part: Part) -> list[str]:
    """Return the jobs of which a ledger or a receipt is judged."""
    judged = (path for path in part.selected if path.startswith("state/jobs/"))
    return sorted({path.split("/")[2] for path in judged if "/ledger/" in path or "/runs/" in path})


def _ledgers(part: Part, job: str) -> list[str]:
    """Return the ledgers of a job, those that are judged last: of two lines the later one is told."""
    folder = f"state/jobs/{job}/ledger/"
    found = [path for path in part.names if path.startswith(folder)]
    return sorted(found, key=lambda path: (path in part.selected, path))


def _lines(part: Part, path: str) -> list[Placed]:
    judged = part.judged.get(path)
    rows = judged.rows if judged is not None and judged.rows is not None else ()
    return [Placed(path, number, row) for number, row in rows]
