"""G31: what 2,000 runs of one job cost: time a run, files, commits, bytes of git, and its `git status`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.bench import floors
from tests.bench.conducts import run_ours
from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.bench.jobs import minute_job
from tests.bench.stores import Store, git
from tests.bench.timing import Candidate, timed

RUNS: Final = {"smoke": 4}
MANY: Final = 2_000
STRETCHES: Final = 4  # START is taken between them, since a machine does not stay as fast as it was
MOST: Final = {"files": 8, "commits": 25, "MB": 6.0, "MB after gc": 1.5}
MB: Final = 1 << 20
STATUS: Final = ("git", "status", "--porcelain")
AT_MOST: Final = {ANY: Goal("<=", 1.0)}


def make(ground: Ground) -> Sequence[Taken]:
    """Return the figures."""
    number = RUNS.get(ground.scale, MANY)
    store = minute_job(ground, "many-runs")
    before, empty = _kept(store), store.copy(ground.folder / "no-runs")
    took, start = _backfilled(ground, store, number)
    after = _kept(store)
    status = [Candidate(name, STATUS, one.root) for name, one in (("empty", empty), ("full", store))]
    times = timed(status, ground.rounds)
    git(store.root, "gc", "-q", "--prune=now")
    packed = _kept(store)
    return [
        Taken(
            "G31",
            "backfill, a run",
            {ANY: Goal("<=", 1.2)},
            "ms",
            took / number,
            start,
            floors.importing("START").name,
        ),
        Taken(
            "G31",
            f"git status after {number:,} runs",
            {ANY: Goal("<=", 2.0)},
            "ms",
            times["full"].median,
            times["empty"].median,
            "the empty store",
        ),
        *_grown(number, before, after, packed),
    ]


def _grown(
    number: int, before: dict[str, float], after: dict[str, float], packed: dict[str, float]
) -> Iterator[Taken]:
    """Yield how much more is kept, each against the most that it may be."""
    grown = {name: after[name] - before[name] for name in before} | {
        "MB after gc": packed["MB"] - before["MB"]
    }
    for name, most in MOST.items():
        yield Taken(
            "G31", f"{name} of {number:,} runs", AT_MOST, name.split()[0], grown[name], most, f"{most:g}"
        )


def _backfilled(ground: Ground, store: Store, number: int) -> tuple[float, float]:
    """Run the slots of a job in stretches; return their milliseconds, and the median of START between them."""
    took, starts = 0.0, []
    stretches = 1 if ground.smoke else STRETCHES
    each = number // stretches
    for stretch in range(stretches):
        first, last = (_minute(stretch * each + offset) for offset in (1, each))
        starts += timed([floors.importing("START")], max(1, ground.rounds // 2))["START"].walls
        took += run_ours(
            ground,
            store,
            "jobs",
            "backfill",
            "minutely",
            "--from",
            first,
            "--to",
            last,
            "--limit",
            str(MANY),
            "-q",
        )
    return took, statistics.median(starts)


def _minute(number: int) -> str:
    day, minute = divmod(number, 24 * 60)
    return f"2026-01-{1 + day:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z"


def _kept(store: Store) -> dict[str, float]:
    """Return what git has: files, commits, and the bytes of its folder less what the clone keeps of its own."""
    home = store.root / ".git"
    size = _bytes(home) - _bytes(home / "platformstate")
    return {
        "files": len(git(store.root, "ls-files").splitlines()),
        "commits": int(git(store.root, "rev-list", "--count", "HEAD")),
        "MB": size / MB,
    }


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
