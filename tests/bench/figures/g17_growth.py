"""G17: what ten times the files cost a command that concerns one task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.bench.figure import Figure, Goal, Ground, NotHere
from tests.bench.hook import staged_hook
from tests.bench.timing import Candidate
from tests.bench.writing import checkpoint


def make(ground: Ground) -> Sequence[Figure]:
    """Return one figure for each of brief, show, hook and create."""
    if ground.scale not in ("10k", "smoke"):
        raise NotHere("growth is measured from 1k to 10k")
    small = "smoke" if ground.smoke else "1k"
    return [
        Figure(
            "G17",
            f"{name}, growth",
            {"10k": Goal("<=", bound)},
            (large, little),
            large.name,
            (little.name,),
            small,
        )
        for name, bound, large, little in _pairs(ground, small)
    ]


def _pairs(ground: Ground, small: str) -> Iterator[tuple[str, float, Candidate, Candidate]]:
    for name, verb in (("memory brief", ("memory", "brief", "--task")), ("task show", ("task", "show"))):
        large, little = (
            ground.ours(f"{name} ({size})", *verb, ground.store(scale).task, store=ground.store(scale))
            for size, scale in (("large", None), ("small", small))
        )
        yield name, 1.2, large, little
    yield (
        "pre-commit hook",
        1.2,
        staged_hook(ground),
        replace(staged_hook(ground, small), name="hook (small)"),
    )
    yield (
        "checkpoint create",
        1.5,
        checkpoint(ground),
        replace(checkpoint(ground, small), name="create (small)"),
    )
