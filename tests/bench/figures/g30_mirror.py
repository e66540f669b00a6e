"""G30: the database mirror against the floors of the same machine: bare COPY, bare start-up, a full load."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from typing import Final

from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.bench.mirror import Mirror, opened, timed
from tests.bench.stores import SCALES, Store, git

EDITED: Final = 10
PEAK_MB: Final = 300.0
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
    rounds = [(mirror.loaded(), mirror.copied(), mirror.naive()) for _ in range(mirror.ground.rounds)]
    loads, copies, naives = zip(*rounds, strict=True)
    copied, total = min(copies), min(each["total"] for each in loads)
    database = min(each["database"] for each in loads)
    yield _ms("database time of a full load", 1.3, database, copied, "psql \\copy of the same rows")
    yield _ms("full load", 1.5, total, min(naives) + copied, "cat-file, CSafeLoader, \\copy")
    bare, idle = mirror.best(lambda: _bare(mirror)), mirror.best(lambda: mirror.ours("db", "sync"))
    yield _ms("no-op", 2.5, idle, bare, "click + psycopg + rev-parse")
    yield _ms("lost cursor", 3.0, mirror.best(lambda: _lost(mirror)), idle, "no-op")
    yield _ms("10 changed files", 2.0, mirror.best(lambda: _edited(mirror)), idle, "no-op")
    yield _ms("deep verify", 2.0, mirror.best(lambda: mirror.ours("db", "verify")), total, "full load")


def _ms(name: str, bound: float, ours: float, floor: float, floor_name: str) -> Taken:
    return Taken("G30", name, {ANY: Goal("<=", bound)}, "ms", ours * 1000, floor * 1000, floor_name)


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
