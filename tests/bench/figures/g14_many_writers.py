"""G14: eight open `batch --each` that write at once, against eight shells that commit under flock."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.bench.lines import Lines
from tests.bench.stores import git

WRITERS: Final = 8
COMMIT: Final = 'git add "$1" && git -c core.hooksPath=/dev/null commit -q -m m'


def make(ground: Ground) -> Sequence[Taken]:
    """Return throughput and worst latency. Raises RuntimeError for a record that is lost, refused or doubled."""
    each = 2 if ground.smoke else 12
    store, other = ground.copy(), ground.copy()
    writers = [Lines(ground, store, f"task-{number:05d}") for number in range(1, WRITERS + 1)]
    before = _counts(store.root)
    ours, slowest = _at_once([writer.record for writer in writers], each)
    for writer in writers:
        writer.close()
    total = WRITERS * each
    if _counts(store.root) != tuple(count + total for count in before):
        raise RuntimeError(f"{total} records were written: {before} became {_counts(store.root)}")
    floor, slowest_of_git = _at_once([_committing(other.root, number) for number in range(WRITERS)], each)
    name, shells = f"{WRITERS} × batch --each", f"{WRITERS} shells under flock"
    bounds = {"1k": Goal(">=", 0.8), "10k": Goal(">=", 1.5, 2.5)}
    return [
        Taken("G14", f"{name}, throughput", bounds, "records/s", total / ours, total / floor, shells),
        Taken("G14", f"{name}, slowest", {ANY: Goal("<=", 1.5)}, "ms", slowest, slowest_of_git, shells),
    ]


def _at_once(writers: Sequence[Callable[[], float]], each: int) -> tuple[float, float]:
    """Let all write `each` records; return the seconds it took, and the milliseconds of the slowest record."""
    with ThreadPoolExecutor(len(writers)) as pool:
        started = time.perf_counter()
        took = list(pool.map(lambda record: max(record() for _ in range(each)), writers))
        return time.perf_counter() - started, max(took)


def _committing(root: Path, writer: int) -> Callable[[], float]:
    """Return what commits one new file as a shell would, waiting for the others."""
    numbers = iter(range(1_000_000))

    def record() -> float:
        name = f"src/{writer}.{next(numbers)}"
        Path(root, name).write_text(f"{name}\n".ljust(1300, "x"))
        started = time.perf_counter()
        subprocess.run(["flock", ".git/bench", "sh", "-c", COMMIT, "sh", name], cwd=root, check=True)
        return (time.perf_counter() - started) * 1000

    return record


def _counts(root: Path) -> tuple[int, int]:
    """Return how many commits and how many checkpoints HEAD has."""
    commits = int(git(root, "rev-list", "--count", "HEAD"))
    names = git(root, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    return commits, sum("/checkpoints/" in name for name in names)
