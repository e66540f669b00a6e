"""A sync that ends in the middle leaves the old state, one that lost its server goes on by itself."""

from __future__ import annotations

import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


class Stall:
    """Stands before a server's socket; at a word it holds back what it was to say, until it is let go.

    The client's end is closed at once, the server's only when the test lets go: the backend lives on.
    """

    def __init__(self, server: Path, folder: Path, word: bytes) -> None:
        self._server, self._word = server, word
        self.stalled = threading.Event()
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
            for argv in ((client, server, self._word), (server, client, None)):
                threading.Thread(target=self._carry, args=argv, daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, word: bytes | None) -> None:
        while data := _received(one):
            if word is not None and word in data and not self.stalled.is_set():
                self.stalled.set()
                one.shutdown(socket.SHUT_RDWR)
                self.free.wait(20)
                break
            try:
                other.sendall(data)
            except OSError:
                return
        other.close()

    def close(self) -> None:
        self.free.set()
        self._listening.close()


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""


@contextmanager
def stalled_before(word: bytes, pg: Mirror, lock_timeout: float) -> Iterator[tuple[Stall, Mirror]]:
    """Give a stall before the server, and the mirror as it is reached through it."""
    assert pg.database is not None
    home = Path(pg.database.conninfo.split()[0].removeprefix("host="))
    with tempfile.TemporaryDirectory(prefix="st", dir="/tmp") as folder:
        stall = Stall(home, Path(folder), word)
        conninfo = pg.database.conninfo.replace(f"host={home}", f"host={folder}")
        wish = Wish(Flags(dsn=conninfo), lock_timeout=lock_timeout)
        try:
            yield stall, Mirror(pg.root, wish, pg.database)
        finally:
            stall.close()


def test_40_07_a_commit_whose_backend_still_lives_is_waited_for(pg: Mirror) -> None:
    with stalled_before(b"COMMIT", pg, lock_timeout=0.2) as (stall, through):

        def let_go() -> None:
            stall.stalled.wait(20)
            time.sleep(0.6)
            stall.free.set()

        threading.Thread(target=let_go, daemon=True).start()
        assert through.sync().data["result"] == "synced"
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.equal()


@pytest.mark.soak
def test_40_07_a_commit_that_stays_unanswered_has_an_unknown_outcome(pg: Mirror) -> None:
    with stalled_before(b"COMMIT", pg, lock_timeout=0.2) as (_, through):
        refused = through.refused()
        assert (refused.code, refused.exit_status) == ("db_outcome_unknown", 7)
        assert "sync_id" in refused.message
    pg.sync()
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.equal()
