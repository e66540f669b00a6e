"""A sync that ends in the middle leaves the old state, one that lost its server goes on by itself."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from psycopg.conninfo import make_conninfo

from platformstate.errors import StateError
from tests.db.between import Forgetful, reached_through
from tests.db.conftest import Mirror
from tests.db.injected import POINTS, content, once, sync_that_meets
from tests.postgres import Database

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


@pytest.mark.parametrize("refusals,end", [(2, "synced"), (9, "db_unreachable")])
def test_40_07_a_lost_server_that_refuses_at_first_is_asked_three_times(
    pg: Mirror, refusals: int, end: str
) -> None:
    assert pg.database is not None
    beside = Database(make_conninfo(pg.database.conninfo, dbname="postgres"), "postgres")
    doors = f'ALTER DATABASE "{pg.database.name}" ALLOW_CONNECTIONS'
    pauses: list[int] = []

    assert pg.sync().data["result"] == "synced"
    pg.edit()
    name = pg.database.name

    def go() -> None:
        beside.run(f"{doors} false")
        beside.run(TERMINATE.replace("current_database()", f"'{name}'"))

    def chance(most: int) -> int:
        """Let every pause be of no length, and the server come back in one of them."""
        pauses.append(most)
        if len(pauses) == refusals:
            beside.run(f"{doors} true")
        return -most // 2

    try:
        if end == "synced":
            assert sync_that_meets(pg, once("db.copied", go), chance=chance).result == end
        else:
            with pytest.raises(StateError) as refused:
                sync_that_meets(pg, once("db.copied", go), chance=chance)
            assert refused.value.code == end
    finally:
        beside.run(f"{doors} true")
    assert len(pauses) == min(refusals, 3)
    assert pg.sync().data["result"] == ("up_to_date" if end == "synced" else "synced")


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


class Answerless(Forgetful):
    """Lets a COMMIT arrive and loses the answer."""

    arrives = True


@pytest.mark.parametrize("kind", [Forgetful, Answerless], ids=["lost before it arrived", "answer lost"])
def test_40_07_a_commit_whose_answer_is_lost(pg: Mirror, kind: type[Forgetful]) -> None:
    with reached_through(kind, pg) as (between, through):
        between.free.set()
        assert through.sync().data["result"] == "synced"
    assert between.met.is_set()
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.equal()


def test_40_07_a_commit_whose_backend_still_lives_is_waited_for(pg: Mirror) -> None:
    with reached_through(Forgetful, pg, lock_timeout=0.1) as (between, through):

        def let_go() -> None:
            between.met.wait(30)
            time.sleep(0.6)
            between.free.set()

        threading.Thread(target=let_go, daemon=True).start()
        assert through.sync().data["result"] == "synced"
    assert between.met.is_set()
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.equal()


@pytest.mark.soak
def test_40_07_a_commit_that_stays_unanswered_has_an_unknown_outcome(pg: Mirror) -> None:
    with reached_through(Forgetful, pg, lock_timeout=0.1) as (between, through):
        refused = through.refused()
    assert between.met.is_set()
    assert (refused.code, refused.exit_status) == ("db_outcome_unknown", 7)
    assert "sync_id" in refused.message
    pg.sync()
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.equal()


class Stalled(Forgetful):
    """Hands nothing on any more once rows come, and keeps both ends open."""

    word = b"COPY"

    def ends(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Fall silent when the word is met."""
        if self.word in data:
            self.met.set()
            self.free.wait(60)
        return self.met.is_set()


@pytest.mark.soak
@pytest.mark.parametrize("number,status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_40_07_a_sync_that_waits_for_a_stalled_connection_can_be_ended(
    pg: Mirror, number: int, status: int
) -> None:
    with reached_through(Stalled, pg) as (between, through):
        dsn = str(through.wish.target.dsn)
        argv = [sys.executable, "-m", "platformstate", "db", "sync", "--dsn", dsn]
        child = subprocess.Popen(argv, cwd=pg.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert between.met.wait(30)
        time.sleep(0.3)
        child.send_signal(number)
        said, told = child.communicate(timeout=60)
    assert (child.returncode, said, told) == (status, b"", b"")
    assert pg.one("SELECT count(*) FROM task") == 0
    pg.sync()
    assert pg.equal()
