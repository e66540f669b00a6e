"""A repository of many tasks and a server to load it into, for the figures of the database mirror."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.figure import Ground, NotHere
from tests.bench.stores import git

TASKS: Final = {"smoke": 60, "1k": 1_000, "10k": 10_000, "50k": 24_000}
LOADED: Final = ("task", "source_file")
EMPTIED: Final = ("job", "procedure", "evidence", "packet_template", "run_event", "sync_run", *LOADED)
NAIVE: Final = str(Path(__file__).parent / "naive_load.py")


@contextmanager
def opened(ground: Ground) -> Iterator[Mirror]:
    """Give a migrated, empty mirror. Raises: NotHere without psycopg or a server's binaries."""
    from tests.postgres import Server, found_binaries

    found = found_binaries()
    if importlib.util.find_spec("psycopg") is None or not found:
        raise NotHere("psycopg and PostgreSQL's binaries are needed: pip install 'platformstate[test]'")
    root = ground.folder / "mirror"
    if not root.exists():
        _filled(root, TASKS.get(ground.scale, TASKS["1k"]))
    server = Server(found[0])
    try:
        mirror = Mirror(ground, root, server)
        mirror.ours("db", "migrate")
        yield mirror
    finally:
        server.remove()


def _filled(root: Path, tasks: int) -> None:
    """Make a repository of two commits; the first one holds half of the tasks."""
    from platformstate import packaged

    shutil.copytree(packaged.folder("examples") / "store" / "state", root / "state")
    text = (root / "state/tasks/gh-460/task.md").read_text()
    git(root, "init", "-q", "-b", "main")
    for half in range(2):
        for number in range(half, tasks, 2):
            path = root / f"state/tasks/t-{number}/task.md"
            path.parent.mkdir()
            path.write_text(text.replace("id: gh-460", f"id: t-{number}"))
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "bench: half of the tasks")


class Mirror:
    """Loads and floors over one repository and one server; every time is in seconds."""

    def __init__(self, ground: Ground, root: Path, server: Any) -> None:
        self.ground, self.root, self._server = ground, root, server
        self.conninfo: str = server.conninfo()
        self.home: Path = server.home

    def typical(self, act: Callable[[], float]) -> float:
        """Return the median of as many rounds as the ground has."""
        return median(act() for _ in range(self.ground.rounds))

    def ours(self, *argv: str) -> float:
        """Run our command on the target."""
        line = [str(self.ground.command), *argv, "--dsn", self.conninfo]
        return timed(lambda: subprocess.run(line, cwd=self.root, check=True, capture_output=True))

    def empty(self) -> None:
        """Leave no row."""
        self.psql("TRUNCATE " + ", ".join(f"platformstate.{name}" for name in EMPTIED) + " CASCADE")

    def loaded(self) -> dict[str, float]:
        """Load everything into empty tables, in this process, and return the seconds of each part."""
        from platformstate.actions.db_place import Wish
        from platformstate.actions.db_sync import SyncWish, sync_database
        from platformstate.exporter.target import Flags

        self.empty()
        answer = sync_database(str(self.root), Wish(Flags(dsn=self.conninfo)), SyncWish())
        seconds: dict[str, float] = answer.data["seconds"]
        return seconds

    def copied(self) -> float:
        """Copy the rows that are there with psql into empty tables like theirs."""
        for name in LOADED:
            self.psql(f"CREATE TABLE IF NOT EXISTS plain_{name} (LIKE platformstate.{name} INCLUDING ALL)")
            self.psql(f"TRUNCATE plain_{name}")
            if not self._file(name).exists():
                self.psql(f"\\copy platformstate.{name} to '{self._file(name)}'")
        lines = [f"\\copy plain_{name} from '{self._file(name)}'" for name in LOADED]
        return timed(lambda: self.psql(*lines))

    def naive(self) -> float:
        """Do what no load can avoid but the copying: read every blob, parse it and hash it."""
        argv = [str(self.ground.command.parent / "python"), NAIVE]
        return timed(lambda: subprocess.run(argv, cwd=self.root, check=True, stdout=subprocess.DEVNULL))

    def as_json(self) -> list[Path]:
        """Write the rows that are there as lines of JSON, a file for each table, and return the files."""
        files = []
        for name in LOADED:
            files.append(self.ground.folder / f"{name}.jsonl")
            files[-1].write_bytes(self.psql(f"SELECT row_to_json(t) FROM platformstate.{name} t"))
        return files

    def _file(self, name: str) -> Path:
        return self.ground.folder / f"{name}.copy"

    def psql(self, *lines: str) -> bytes:
        """Give psql some lines and return what it printed."""
        argv = [str(self._server.folder / "psql"), "-q", "-A", "-t", "-h", str(self.home), "-U", "postgres"]
        given = "".join(f"{line}{'' if line.startswith(chr(92)) else ';'}\n" for line in lines).encode()
        return subprocess.run(
            [*argv, "-v", "ON_ERROR_STOP=1"], input=given, check=True, capture_output=True
        ).stdout


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something took."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
