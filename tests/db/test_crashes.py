"""A sync that ends in the middle leaves the old state, one that lost its server goes on by itself."""

from __future__ import annotations

import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from platformstate.actions.db_place import Wish
from platformstate.errors import StateError
from platformstate.exporter.target import Flags
from tests.db.conftest import Mirror
from tests.db.injected import POINTS, content, once, sync_that_meets

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'platformctl/sync/%%' AND datname = current_database()"
)


@pytest.mark.parametrize("point", POINTS)
def test_40_07_interrupted_at_a_failpoint(mirror: Mirror, point: str) -> None:
    mirror.sync()
    before = content(mirror)
    mirror.edit()
    with pytest.raises(KeyboardInterrupt):
        sync_that_meets(mirror, once(point, lambda: signal.raise_signal(signal.SIGINT)))
    assert (content(mirror) == before) == (point != "db.committed")
    assert mirror.sync().data["result"] == ("up_to_date" if point == "db.committed" else "synced")
    assert mirror.equal()


@pytest.mark.parametrize("point", ["copy", "db.copied", "db.merged", "db.before-commit"])
def test_40_07_a_sync_whose_backend_is_terminated_goes_on(pg: Mirror, point: str) -> None:
    pg.sync()
    pg.edit()
    ended: list[int] = []
    meets = once(point, lambda: ended.append(len(pg.sql(TERMINATE))))
    outcome = sync_that_meets(pg, meets, lambda phase, done, total: meets(phase))
    assert (outcome.result, ended) == ("synced", [1])
    assert pg.one("SELECT count(*) FROM sync_run") == 2
    assert pg.equal()


@pytest.mark.soak
def test_40_07_a_backend_that_is_terminated_each_time_is_unreachable_in_the_end(pg: Mirror) -> None:
    pg.sync()
    before = content(pg)
    pg.edit()
    met: list[str] = []

    def meets(name: str) -> None:
        if name == "db.merged":
            met.append(name)
            pg.sql(TERMINATE)

    with pytest.raises(StateError) as refused:
        sync_that_meets(pg, meets)
    assert (refused.value.code, refused.value.exit_status) == ("db_unreachable", 7)
    assert len(met) == 4
    assert content(pg) == before


def test_40_06_a_repair_whose_backend_is_terminated_goes_on(pg: Mirror) -> None:
    pg.sync()
    pg.sql("UPDATE task SET title = 'x'")
    meets = once("db.locked", lambda: pg.sql(TERMINATE))
    assert sync_that_meets(pg, meets, repair=True).result == "synced"
    assert pg.equal()


def test_a_verification_whose_backend_is_terminated_is_refused(pg: Mirror) -> None:
    pg.sync()
    from platformstate.actions.db_verify import VerifyWish, verify_database

    done: list[str] = []

    def told(phase: str, number: int, total: int) -> None:
        if not done:
            done.append(phase)
            pg.sql(TERMINATE.replace("/sync/", "/verify/"))

    with pytest.raises(StateError) as refused:
        verify_database(str(pg.root), pg.wish, VerifyWish(), told)
    assert refused.value.code == "db_unreachable"


COMMIT = b"COMMIT\0"


class Between:
    """Stands before a server's socket; at the first COMMIT it closes the client's end and keeps the server's.

    The server never hears of the COMMIT, and its session lives on until the test lets go.
    """

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = server
        self.met = threading.Event()
        self.free = threading.Event()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server / ".s.PGSQL.5432"))
            for act in (self._forth, self._back):
                threading.Thread(target=act, args=(client, server), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(client):
            if COMMIT in data and not self.met.is_set():
                self.met.set()
                _shut(client)
                self.free.wait(30)
                break
            server.sendall(data)
        _shut(server)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(server):
            try:
                client.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self.free.set()
        self._listening.close()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""


@contextmanager
def through_a_proxy(pg: Mirror) -> Iterator[tuple[Between, Mirror]]:
    """Give what stands before the server, and the mirror as it is reached through that."""
    assert pg.database is not None
    home = Path(pg.database.conninfo.split()[0].removeprefix("host="))
    with tempfile.TemporaryDirectory(prefix="px", dir="/tmp") as folder:
        proxy = Between(home, Path(folder))
        conninfo = pg.database.conninfo.replace(f"host={home}", f"host={folder}")
        try:
            yield proxy, Mirror(pg.root, Wish(Flags(dsn=conninfo), lock_timeout=0.1), pg.database)
        finally:
            proxy.close()


def test_40_07_a_commit_whose_backend_still_lives_is_waited_for(pg: Mirror) -> None:
    with through_a_proxy(pg) as (proxy, through):

        def let_go() -> None:
            proxy.met.wait(30)
            time.sleep(0.6)
            proxy.free.set()

        threading.Thread(target=let_go, daemon=True).start()
        assert through.sync().data["result"] == "synced"
    assert proxy.met.is_set()
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.equal()


@pytest.mark.soak
def test_40_07_a_commit_that_stays_unanswered_has_an_unknown_outcome(pg: Mirror) -> None:
    with through_a_proxy(pg) as (proxy, through):
        refused = through.refused()
    assert proxy.met.is_set()
    assert (refused.code, refused.exit_status) == ("db_outcome_unknown", 7)
    assert "sync_id" in refused.message
    pg.sync()
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.equal()
