"""G28: hostile files: the slowest reading of one, and the most memory for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.security.child import MEMORY_BYTES
from tests.security.corpus import CORPUS
from tests.security.test_corpus import TASKS, child, store_with

SECONDS: Final = 2.0
MEGABYTE: Final = 1024 * 1024


def make(ground: Ground) -> Sequence[Taken]:
    """Return both figures, from one process that reads every file of the corpus."""
    repo = store_with(ground.folder / "hostile", *CORPUS)
    told = child(repo.root, *TASKS)
    slowest = max(told["seconds"].values())
    goals = {ANY: Goal("<=", 1.0)}
    return [
        Taken("G28", "slowest reading of hostile files", goals, "s", slowest, SECONDS, "two seconds"),
        Taken(
            "G28",
            "memory for hostile files",
            goals,
            "MB",
            told["memory"] / MEGABYTE,
            MEMORY_BYTES / MEGABYTE,
            "256 MiB",
        ),
    ]
