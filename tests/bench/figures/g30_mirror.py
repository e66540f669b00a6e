"""G30: the database mirror against the floors of the same machine: bare COPY, bare start-up, a full load."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from random import Random
from statistics import median
from typing import Final

from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.bench.mirror import Mirror, opened, timed
from tests.bench.stores import SCALES, Store, git

EDITED: Final = 10
PEAK_MB: Final = 300.0
MANY: Final = ("10k", "50k")
_RATIOS: Final = (
    (
        "database time of a full load", "database", ("copy",), "psql \\copy of the same rows",
        dict.fromkeys(MANY, Goal("<=", 1.3)),
    ),
    ("full load", "load", ("naive", "copy"), "cat-file, CSafeLoader, \\copy", {ANY: Goal("<=", 1.5)}),
    ("no-op", "no-op", ("bare",), "click + psycopg + rev-parse", {ANY: Goal("<=", 2.5)}),
    ("lost cursor", "lost", ("no-op",), "no-op", {ANY: Goal("<=", 3.0)}),
    ("10 changed files", "edited", ("no-op",), "no-op", {ANY: Goal("<=", 2.0)}),
    ("deep verify", "verify", ("command",), "full load, as a command", {ANY: Goal("<=", 2.0)}),
)  # fmt: skip
BARE: Final = "import click, psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT 1').fetchone()"


def make(ground: Ground) -> Sequence[Taken]:
    """Return the figures. Raises: NotHere without psycopg or a server's binaries."""
    with opened(ground) as mirror:
        return list(_figures(mirror))


def _figures(mirror: Mirror) -> Iterator[Taken]:
    half, whole = _peak(mirror, "HEAD~1"), _peak(mirror, "HEAD")
    yield Taken("G30", "peak memory", {ANY: Goal("<=", 1.0)}, "MB", whole, PEAK_MB, "300 MB")
    yield Taken(
        "G30", "peak memory, twice the rows", {ANY: Goal("<=", 1.2)}, "MB", whole, half, "half of them"
    )
    seconds = _rounds(mirror)
    for name, ours, floor, floor_name, goals in _RATIOS:
        unavoidable = sum(seconds[each] for each in floor)
        yield Taken("G30", name, goals, "ms", seconds[ours] * 1000, unavoidable * 1000, floor_name)


def _rounds(mirror: Mirror) -> dict[str, float]:
    """Return the median seconds of everything that is timed, done once a round in a random order.

    The first round warms up. Everything leaves the tables equal to the commit.
    """
    acts: dict[str, Callable[[], float]] = {
        "copy": mirror.copied,
        "naive": mirror.naive,
        "bare": lambda: _bare(mirror),
        "no-op": lambda: mirror.ours("db", "sync"),
        "lost": lambda: _lost(mirror),
        "edited": lambda: _edited(mirror),
        "command": lambda: _emptied(mirror),
        "verify": lambda: mirror.ours("db", "verify"),
    }
    order, found = Random(0), defaultdict(list)
    for lap in range(1 + mirror.ground.rounds):
        if lap == 1:
            found.clear()
        parts = mirror.loaded()
        found["database"].append(parts["database"])
        found["load"].append(parts["total"])
        for name in order.sample([*acts], len(acts)):
            found[name].append(acts[name]())
    return {name: median(each) for name, each in found.items()}


def _peak(mirror: Mirror, commit: str) -> float:
    """Return the megabytes that a process needs to load a commit into empty tables."""
    mirror.empty()
    store = Store(mirror.root, SCALES["smoke"], 0, 0)
    argv = ("db", "sync", "--at", commit, "--dsn", mirror.conninfo)
    return mirror.ground.ours("G30", *argv, store=store).run(0).rss


def _bare(mirror: Mirror) -> float:
    python = str(mirror.ground.command.parent / "python")

    def both() -> None:
        subprocess.run([python, "-c", BARE, mirror.conninfo], check=True)
        subprocess.run(["git", "rev-parse", "HEAD"], cwd=mirror.root, check=True, capture_output=True)

    return timed(both)


def _emptied(mirror: Mirror) -> float:
    mirror.empty()
    return mirror.ours("db", "sync")


def _lost(mirror: Mirror) -> float:
    mirror.psql("DELETE FROM platformstate.store_head")
    return mirror.ours("db", "sync")


def _edited(mirror: Mirror) -> float:
    """Edit and commit ten files, and return the seconds of the sync alone."""
    for number in range(EDITED):
        path = mirror.root / f"state/tasks/t-{number}/task.md"
        path.write_text(path.read_text() + "more\n")
    git(mirror.root, "commit", "-q", "-a", "-m", "bench: edit")
    return mirror.ours("db", "sync")
