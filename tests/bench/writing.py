"""Candidates that write checkpoints."""

from __future__ import annotations

from typing import Final

from tests.bench.figure import Ground
from tests.bench.timing import Candidate

PROSE: Final = (
    "one batch is retried and the reader keeps its cursor, which the test of the exporter shows " * 4
)


def argv(task: str) -> tuple[str, ...]:
    """Return the arguments of one checkpoint of about the size of a file of the store."""
    return (
        *("memory", "checkpoint", "create", "--task", task, "--actor", "codex", "--kind", "progress"),
        *("--done", PROSE, "--decision", PROSE, "--next", "run the tests of the exporter"),
    )


def checkpoint(ground: Ground, scale: str | None = None) -> Candidate:
    """Return `memory checkpoint create` in a store of its own."""
    store = ground.copy(scale)
    name = "checkpoint create" + ("" if scale is None else f" at {scale}")
    return ground.ours(name, *argv(store.task), store=store)
