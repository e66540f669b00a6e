"""G19: one durable append to a journal, against the same bytes written and synced.

Log lines have no journal of their own: a step's log is its output, copied. So nothing is grouped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from platformstate.runner import Journal
from tests.bench.figure import ANY, Figure, Goal, Ground
from tests.bench.timing import Candidate

REPEATS: Final = 100
EVENT: Final = {
    "type": "StepStarted",
    "at": "2026-11-20T10:11:30Z",
    "step_index": 7,
    "attempt": 1,
    "step": "0f3a5c7e9b1d2468",
}


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure."""
    folder = ground.folder / "append"
    folder.mkdir()
    journal = Journal.create(folder, "events.jsonl", [EVENT], torn=folder / "torn")
    line = bytes(len((folder / "events.jsonl").read_bytes()))
    raw = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write_raw() -> None:
        os.write(raw, line)
        os.fdatasync(raw)

    ours = _repeated("journal append, durable", lambda: journal.append([EVENT], sync=True))
    floor = _repeated("write + fdatasync", write_raw)
    goals = {ANY: Goal("<=", 1.3)}
    return [Figure("G19", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]


def _repeated(name: str, work: Callable[[], object]) -> Candidate:
    def call() -> float:
        began = time.perf_counter()
        for _ in range(REPEATS):
            work()
        return (time.perf_counter() - began) * 1000 / REPEATS

    return Candidate(name, call=call)
