"""Several at once: syncs of one and of several commits, migrations, locks, limits, roles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from platformstate.actions.db_export import grant_text
from platformstate.actions.db_place import Wish
from platformstate.actions.db_status import database_status
from platformstate.errors import StateError
from platformstate.exporter.target import Flags
from tests.db.conftest import Mirror
from tests.db.injected import content, once, sync_that_meets


def at_once(number: int, act: Any) -> list[Any]:
    """Run something in several threads and return what each gave, or the code that refused it."""
    found: list[Any] = []
    start = threading.Barrier(number)

    def run(place: int) -> None:
        start.wait()
        try:
            found.append(act(place))
        except StateError as refused:
            found.append(refused.code)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def patient(mirror: Mirror) -> Mirror:
    return Mirror(mirror.root, mirror.wish._replace(lock_timeout=20), mirror.database)


def test_40_08_eight_syncs_of_one_commit_write_once(mirror: Mirror) -> None:
    mirror.sync()
    mirror.edit()
    results = at_once(8, lambda _: patient(mirror).sync().data["result"])
    assert sorted(results) == ["synced"] + ["up_to_date"] * 7
    assert mirror.one("SELECT count(*) FROM sync_run") == 2
    assert mirror.equal()


def test_40_08_eight_syncs_of_several_commits_leave_one_of_them(pg: Mirror) -> None:
    commits = [pg.edit(f"Edit {number}") for number in range(4)]
    results = at_once(
        8, lambda n: patient(pg).sync(at=commits[n % 4], ref="main", allow_rewind=True).data["result"]
    )
    assert set(results) <= {"synced", "up_to_date", "db_head_moved"}
    runs = pg.one("SELECT count(*) FROM sync_run")
    assert runs == results.count("synced")
    assert pg.one("SELECT encode(commit_oid, 'hex') FROM store_head") in commits
    assert pg.equal()


def test_40_08_a_cursor_that_moves_each_time_gives_up(pg: Mirror) -> None:
    pg.sync()
    pg.edit()

    def moves(name: str) -> None:
        if name == "db.copied":
            pg.sql(
                "INSERT INTO sync_run SELECT gen_random_uuid(), store_id, ref, from_commit, to_commit, to_tree,"
                " relation, counts, schema_version, parser_version, tool_version, actor, started_at FROM sync_run"
                " LIMIT 1"
            )
            pg.sql(
                "UPDATE store_head SET sync_id = (SELECT sync_id FROM sync_run ORDER BY finished_at DESC LIMIT 1)"
            )

    with pytest.raises(StateError) as refused:
        sync_that_meets(pg, moves)
    assert (refused.value.code, refused.value.exit_status) == ("db_head_moved", 5)


def test_a_sync_that_copies_holds_no_lock_on_a_table(pg: Mirror) -> None:
    """A migration that changes a table needs it alone, and must not meet a sync in a deadlock."""
    pg.sync()
    pg.edit()

    def is_free() -> None:
        with locked_table(pg, "task", "NOWAIT"), locked_table(pg, "source_file", "NOWAIT"):
            pass

    assert sync_that_meets(pg, once("db.copied", is_free)).result == "synced"


def test_a_migration_between_reading_and_writing_is_noticed(pg: Mirror) -> None:
    pg.sync()
    before = content(pg)
    pg.edit()
    later = "INSERT INTO schema_migration SELECT 99, 'later', sha256('x'), now(), 'me', '9', 1"
    with pytest.raises(StateError) as refused:
        sync_that_meets(pg, once("db.copied", lambda: pg.sql(later)))
    assert refused.value.code == "db_schema_newer"
    assert content(pg)["task"] == before["task"]


@contextmanager
def locked_table(pg: Mirror, name: str, how: str = "") -> Iterator[None]:
    """Hold a table alone, as a hand's ALTER TABLE does."""
    assert pg.database is not None
    with psycopg.connect(pg.database.conninfo) as holder:
        holder.execute(f"LOCK TABLE platformstate.{name} IN ACCESS EXCLUSIVE MODE {how}")  # type: ignore[arg-type]
        yield


@pytest.mark.parametrize("verb", ["sync", "verify", "status"])
def test_a_table_that_another_session_holds_is_locked_for_every_verb(pg: Mirror, verb: str) -> None:
    pg.sync()
    pg.edit()
    hasty = Mirror(pg.root, pg.wish._replace(lock_timeout=0.1), pg.database)
    acts: dict[str, Any] = {
        "sync": hasty.sync,
        "verify": hasty.verify,
        "status": lambda: database_status(str(hasty.root), hasty.wish),
    }
    with locked_table(pg, "task"), pytest.raises(StateError) as refused:
        acts[verb]()
    assert (refused.value.code, refused.value.exit_status) == ("db_locked", 5)


def test_a_limit_of_temporary_files_is_told(pg: Mirror) -> None:
    """The server's own limit ends the statement, not the process; nothing is written."""
    pg.sync()
    before = content(pg)
    pg.add_tasks(400)
    pg.commit("many")
    assert pg.database is not None
    name = pg.database.name
    for setting in (
        "temp_file_limit = '64kB'",
        "work_mem = '64kB'",
        "enable_hashjoin = off",
        "enable_nestloop = off",
    ):
        pg.database.run(f'ALTER DATABASE "{name}" SET {setting}')
    refused = pg.refused()
    assert (refused.code, refused.exit_status) == ("db_disk_full", 7)
    assert "temporary file size exceeds" in refused.message
    assert content(pg) == before


LACKS = {
    "USAGE": "REVOKE USAGE ON SCHEMA platformstate FROM {role}",
    "SELECT": "REVOKE SELECT ON platformstate.store_head FROM {role}",
    "INSERT": "REVOKE INSERT ON platformstate.sync_run FROM {role}",
    "UPDATE": "REVOKE UPDATE ON platformstate.task FROM {role}",
}


@contextmanager
def role_without(pg: Mirror, lacking: str) -> Iterator[Mirror]:
    """Give the mirror as the sync role reaches it, a privilege taken from that."""
    assert pg.database is not None
    name = pg.database.name
    names = [f"o_{name}", f"s_{name}", f"r_{name}"]
    pg.database.run(grant_text(None, *names).data["sql"])
    try:
        pg.database.run(f'ALTER ROLE "{names[1]}" LOGIN')
        pg.database.run(lacking.format(role=f'"{names[1]}"'))
        conninfo = pg.database.conninfo.replace("user=postgres", f"user={names[1]}")
        yield Mirror(pg.root, Wish(Flags(dsn=conninfo)), pg.database)
    finally:
        pg.database.run(f"DROP OWNED BY {', '.join(names)} CASCADE")
        pg.database.run(f"DROP ROLE {', '.join(names)}")


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize("lacking", LACKS.values(), ids=LACKS)
def test_a_role_that_lacks_a_privilege_is_told_which(pg: Mirror, lacking: str, repair: bool) -> None:
    pg.sync()
    pg.edit()
    pg.sql("UPDATE task SET title = 'by hand'")
    before = content(pg)
    with role_without(pg, lacking) as poor:
        refused = poor.refused(repair=repair)
        assert (refused.code, refused.exit_status) == ("db_permission_denied", 7)
        assert "permission denied for" in refused.message
        assert content(pg) == before


def test_a_verification_without_the_privilege_to_record_says_so(pg: Mirror) -> None:
    pg.sync()
    with role_without(pg, "REVOKE INSERT ON platformstate.verify_run FROM {role}") as poor:
        answer = poor.verify()
        assert (answer.error, answer.data["ok"], answer.data["recorded"]) == (None, True, False)
        assert [warning.code for warning in answer.warnings] == ["db_permission_denied"]
        with pytest.raises(StateError) as refused:
            poor.verify(evidence=True)
        assert refused.value.code == "db_permission_denied"
    assert not (pg.root / "state/evidence").exists() or pg.git("status", "--porcelain") == ""


def test_the_role_that_reads_may_verify_and_not_sync(pg: Mirror) -> None:
    pg.sync()
    pg.edit()
    assert pg.database is not None
    name = pg.database.name
    with role_without(pg, f'ALTER ROLE "r_{name}" LOGIN'):
        conninfo = pg.database.conninfo.replace("user=postgres", f"user=r_{name}")
        reader = Mirror(pg.root, Wish(Flags(dsn=conninfo)), pg.database)
        assert reader.verify().data["ok"] is True
        assert reader.refused().code == "db_permission_denied"
        assert database_status(str(pg.root), reader.wish).data["can"] == {"migrate": False, "sync": False}
