"""One typed handle for each kind, so that `store.load(TASK, id)` is a `Document[Task]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platformstate.core.kind import Kind

if TYPE_CHECKING:
    from platformstate.entities.shapes import (
        Checkpoint,
        Event,
        Evidence,
        Job,
        Ledger,
        Procedure,
        Receipt,
        ResolvedSteps,
        Run,
        Store,
        Task,
    )

TASK: Final[Kind[Task]] = Kind("task")
RUN: Final[Kind[Run]] = Kind("run")
CHECKPOINT: Final[Kind[Checkpoint]] = Kind("checkpoint")
EVENT: Final[Kind[Event]] = Kind("event")
RECEIPT: Final[Kind[Receipt]] = Kind("receipt")
EVIDENCE: Final[Kind[Evidence]] = Kind("evidence")
STORE: Final[Kind[Store]] = Kind("store")
PROCEDURE: Final[Kind[Procedure]] = Kind("procedure")
RESOLVED_STEPS: Final[Kind[ResolvedSteps]] = Kind("resolved_steps")
JOB: Final[Kind[Job]] = Kind("job")
LEDGER: Final[Kind[Ledger]] = Kind("ledger")
