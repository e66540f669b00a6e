"""The acceptance scenarios of the export, by number; most hold on both engines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from platformstate.actions.db_export import ExportWish, export_commit, grant_text
from platformstate.actions.db_place import Wish
from platformstate.errors import StateError
from platformstate.exporter.target import Flags
from tests.conftest import Platformctl
from tests.db.conftest import LEDGER, OTHER, TASK, Mirror
from tests.postgres import Database, Server, found_binaries

CANARY = "c4nary-Pa55/w@rd"


def test_40_01_from_an_empty_database_to_a_proof(fresh: Mirror) -> None:
    assert fresh.refused().code == "db_migration_pending"
    first = fresh.migrate().data
    assert first["to_version"] >= 1
    assert first["from_version"] == 0
    assert fresh.migrate().data["applied"] == []
    synced = fresh.sync().data
    assert (synced["result"], synced["relation"]) == ("synced", "initial")
    verified = fresh.verify().data
    assert verified["differences"] == 0
    assert verified["root"]["expected"] == verified["root"]["found"]


@pytest.fixture
def quiet_server() -> Iterator[Database]:
    """A server whose position in the log moves for no reason of its own."""
    server = Server(found_binaries()[0], wal_level="minimal", max_wal_senders="0", autovacuum="off")
    yield Database(server.conninfo(), "postgres")
    server.remove()


def test_40_02_nothing_new_writes_nothing(root: Path, quiet_server: Database) -> None:
    pg = Mirror(root, Wish(Flags(dsn=quiet_server.conninfo)), quiet_server)
    pg.migrate()
    pg.sync()
    planned = pg.sync(dry_run=True).data
    assert planned["result"] == "up_to_date"
    before = pg.sql("SELECT pg_current_wal_insert_lsn(), pg_current_snapshot()::text")
    again = pg.sync().data
    assert (again["result"], again["relation"], again["files"]["read"]) == ("up_to_date", None, 0)
    assert pg.sql("SELECT pg_current_wal_insert_lsn(), pg_current_snapshot()::text") == before


def test_40_03_an_edit_a_deletion_and_an_addition(mirror: Mirror) -> None:
    mirror.add_tasks(3)
    mirror.commit("more")
    first = mirror.sync().data["sync_id"]
    mirror.edit()
    shutil.rmtree(mirror.root / "state/tasks/t-0")
    mirror.add_tasks(1, start=9)
    mirror.commit("edit, delete, add")
    synced = mirror.sync().data
    assert synced["relation"] == "fast_forward"
    counts = synced["tables"]["task"]
    assert (counts["inserted"], counts["updated"], counts["deleted"]) == (1, 1, 1)
    kept = mirror.sql("SELECT task_id, sync_id FROM task WHERE task_id IN ('t-1', 't-2', 'gh-461')")
    assert {str(sync_id) for _, sync_id in kept} == {first}
    assert mirror.equal()


def test_40_04_an_older_commit_is_refused_unless_it_is_wanted(mirror: Mirror) -> None:
    mirror.sync()
    mirror.edit()
    mirror.sync()
    mirror.git("reset", "-q", "--hard", "HEAD~1")
    refused = mirror.refused()
    assert (refused.code, refused.exit_status) == ("db_rewind_refused", 4)
    assert mirror.refused(rebuild=True).code == "db_rewind_refused"
    assert mirror.relation(allow_rewind=True) == "rewound"
    assert mirror.equal()


def test_40_05_a_base_that_is_gone(mirror: Mirror) -> None:
    mirror.edit("First")
    mirror.sync()
    mirror.replace(TASK, "title: First", "title: Second")
    mirror.git("commit", "-q", "-a", "--amend", "-m", "amended")
    mirror.git("reflog", "expire", "--expire=now", "--all")
    mirror.git("gc", "-q", "--prune=now")
    synced = mirror.sync()
    assert (synced.data["relation"], synced.data["files"]["read"]) == ("unknown_base", 1)
    assert [warning.code for warning in synced.warnings] == ["db_base_unknown"]
    assert mirror.equal()
    mirror.sql("DELETE FROM store_head")
    lost = mirror.sync().data
    assert (lost["relation"], lost["files"]["read"]) == ("unknown_base", 0)
    assert mirror.equal()


def test_40_06_an_altered_row_is_named_and_repaired(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("UPDATE task SET title = 'x' WHERE task_id = 'gh-460'")
    answer = mirror.verify()
    assert answer.error is not None
    assert (answer.error.code, answer.error.exit_status) == ("db_parity_differs", 1)
    table = answer.data["tables"]["task"]
    assert table["shards_differing"] == 1
    assert table["altered"] == [{"key": {"task_id": "gh-460"}, "columns": ["title"]}]
    assert mirror.sync().data["result"] == "up_to_date"
    assert mirror.relation(repair=True) == "rebuild"
    assert mirror.equal()


def test_40_06_a_missing_and_an_extra_row_are_named(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("DELETE FROM packet_template WHERE name = 'A.md'")
    mirror.sql(
        "INSERT INTO procedure SELECT store_id, 'extra', title, step_count, doc, body, source_path, source_line,"
        " blob_oid, row_hash, sync_id, synced_at FROM procedure"
    )
    tables = mirror.verify().data["tables"]
    assert tables["packet_template"]["missing"] == [{"name": "A.md"}]
    assert tables["procedure"]["extra"] == [{"procedure_id": "extra"}]
    assert [name for name, table in tables.items() if not table["ok"]] == ["procedure", "packet_template"]
    mirror.sync(repair=True)
    assert mirror.equal()


def test_40_06_a_hash_that_is_not_that_of_its_row_is_an_alteration(mirror: Mirror) -> None:
    mirror.sync()
    zero = r"'\x" + "00" * 32 + "'" if mirror.engine == "postgres" else "x'" + "00" * 32 + "'"
    mirror.sql(f"UPDATE job SET row_hash = {zero}")
    table = mirror.verify().data["tables"]["job"]
    assert table["altered"] == [{"key": {"job_id": "nightly-export"}, "columns": ["row_hash"]}]
    mirror.sync(repair=True)
    assert mirror.equal()


@pytest.mark.parametrize("point", ["db.copied", "db.locked", "db.merged", "db.before-commit", "db.committed"])
@pytest.mark.parametrize("engine", ["postgres", "sqlite"])
def test_40_07_killed_at_a_failpoint(engine: str, point: str, request: pytest.FixtureRequest) -> None:
    mirror: Mirror = request.getfixturevalue("pg" if engine == "postgres" else "lite")
    mirror.sync()
    before = mirror.sql("SELECT title, sync_id FROM task ORDER BY task_id")
    mirror.edit()
    killed = run(mirror, "db", "sync", env={"PLATFORMSTATE_FAILPOINT": point})
    assert killed.returncode == -9
    after = mirror.sql("SELECT title, sync_id FROM task ORDER BY task_id")
    runs = mirror.one("SELECT count(*) FROM sync_run")
    assert ((after == before), runs) == ((False, 2) if point == "db.committed" else (True, 1))
    assert mirror.sync().data["result"] == ("up_to_date" if point == "db.committed" else "synced")
    assert mirror.equal()


def run(mirror: Mirror, *argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real command with this mirror as its target."""
    flags = mirror.wish.target
    target = ["--sqlite", str(flags.sqlite)] if flags.sqlite else ["--dsn", str(flags.dsn)]
    return subprocess.run(
        [sys.executable, "-m", "platformstate", *argv, *target],
        cwd=mirror.root,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_40_08_two_syncs_at_once_leave_one_row_more(pg: Mirror) -> None:
    pg.sync()
    pg.edit()
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(pg.sync().data["result"])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert pg.one("SELECT count(*) FROM sync_run") == 2
    assert pg.equal()


def test_40_08_a_lock_held_elsewhere_names_its_holder(pg: Mirror) -> None:
    from platformstate.exporter.pg_text import store_lock

    store = pg.sync().data["store_id"]
    pg.edit()
    assert pg.database is not None
    with psycopg.connect(pg.database.conninfo, application_name="holder") as holder:
        row = holder.execute(
            "SELECT pg_advisory_lock(%s), pg_backend_pid()", [store_lock("platformstate", store)]
        )
        pid = row.fetchall()[0][1]
        refused = pg.refused()
    assert (refused.code, refused.exit_status) == ("db_locked", 5)
    assert f"pid {pid} (postgres, holder)" in refused.message


def test_40_08_a_file_that_is_being_written_is_locked(lite: Mirror) -> None:
    import sqlite3

    lite.sync()
    lite.edit()
    other = sqlite3.connect(lite.root / "../mirror.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert lite.refused().code == "db_locked"
    other.execute("ROLLBACK")
    other.close()
    assert lite.sync().data["result"] == "synced"


def test_40_09_a_mass_deletion_is_refused(mirror: Mirror) -> None:
    mirror.add_tasks(300)
    mirror.commit("many")
    mirror.sync()
    for number in range(150):
        shutil.rmtree(mirror.root / f"state/tasks/t-{number}")
    mirror.commit("few")
    before = mirror.one("SELECT count(*) FROM task")
    refused = mirror.refused()
    assert (refused.code, refused.exit_status) == ("db_mass_delete", 4)
    assert refused.data is not None
    assert refused.data["tables"]["task"]["deleted"] == 150
    assert mirror.one("SELECT count(*) FROM task") == before
    assert mirror.changes(allow_mass_delete=True) == (0, 0, 150)
    assert mirror.equal()


ODD = "a\\N b\\. \"quoted\" 'single' %s $1 {x} 😀 עברית e\u0301 \\t"


def test_40_10_odd_texts_arrive_as_they_are(mirror: Mirror) -> None:
    body = f"## Goal\n{ODD}\n\tindented\n\\.\n\\N\n%(x)s\n"
    mirror.write(TASK, mirror.text(TASK).partition("\n---\n")[0] + "\n---\n" + body)
    mirror.edit(json.dumps(ODD, ensure_ascii=False))
    mirror.sync()
    title, stored = mirror.sql("SELECT title, body FROM task WHERE task_id = 'gh-460'")[0]
    assert (title, stored) == (ODD, body)
    assert mirror.equal()


BAD_DSNS = {
    "unreachable": (f"host=/nowhere password={CANARY!r} dbname=x user=u", 7),
    "a closed port": ("postgresql://u:{p}@127.0.0.1:1/x", 7),
    "a malformed uri": ("postgresql://u:{p}@[bad/db", 2),
    "a malformed port": ("postgresql://u:{p}@h:port:x/db", 7),
    "a stray word": (f"host password={CANARY}", 2),
    "an unknown key": (f"hots=x password={CANARY}", 2),
}


@pytest.mark.parametrize("dsn,status", BAD_DSNS.values(), ids=BAD_DSNS)
def test_40_11_a_password_is_in_no_output(
    root: Path, platformctl: Platformctl, dsn: str, status: int
) -> None:
    from urllib.parse import quote

    given = dsn.replace("{p}", quote(CANARY, safe=""))
    for argv in (["db", "sync"], ["db", "status", "--json"], ["db", "verify", "-v"]):
        ran = platformctl(*argv, cwd=root, env={"PLATFORMSTATE_DSN": given})
        assert ran.status == status, ran.stderr
        for secret in (CANARY, quote(CANARY, safe=""), CANARY[:9]):
            assert secret not in ran.stdout + ran.stderr


@pytest.mark.parametrize("dsn", [f"host=x password={CANARY}", f"postgresql://u:{CANARY}@h/db"])
def test_40_11_a_password_on_the_command_line_is_refused(
    root: Path, platformctl: Platformctl, dsn: str
) -> None:
    ran = platformctl("db", "sync", "--dsn", dsn, "--json", cwd=root)
    assert ran.status == 2
    assert ran.document["error"]["code"] == "db_password_in_argv"
    assert CANARY not in ran.stdout + ran.stderr


def test_40_12_both_engines_have_one_root(root: Path, pg: Mirror, lite: Mirror) -> None:
    for mirror in (pg, lite):
        mirror.sync()
    assert pg.verify().data["root"] == lite.verify().data["root"]


def test_40_12_an_export_gives_the_same_bytes_twice(root: Path, lite: Mirror) -> None:
    lite.sync()
    one, two = (export_commit(str(root), Wish(), ExportWish(jsonl=name)).data for name in ("../a", "../b"))
    assert one["root"] == two["root"] == lite.verify().data["root"]["found"]
    names = sorted(path.name for path in (root / "../a").iterdir())
    assert len(names) == 11
    assert [(root / "../a" / name).read_bytes() for name in names] == [
        (root / "../b" / name).read_bytes() for name in names
    ]
    with pytest.raises(StateError) as refused:
        export_commit(str(root), Wish(), ExportWish(jsonl="../a"))
    assert refused.value.code == "output_exists"
    assert (
        export_commit(str(root), Wish(), ExportWish(jsonl="../a", force=True)).data["bytes"] == one["bytes"]
    )


def test_40_12_an_exported_file_is_a_target_to_verify(root: Path) -> None:
    data = export_commit(str(root), Wish(), ExportWish(sqlite="../state.db")).data
    mirror = Mirror(root, Wish(Flags(sqlite="../state.db")), None)
    assert mirror.verify().data["root"]["found"] == data["root"]


def test_40_13_the_message_alone_touches_no_row(mirror: Mirror) -> None:
    first = mirror.sync().data["sync_id"]
    mirror.git("commit", "-q", "--amend", "-m", "another message")
    same = mirror.sync().data
    assert (same["relation"], same["files"]["read"]) == ("same_tree", 0)
    assert {str(row[0]) for row in mirror.sql("SELECT sync_id FROM task")} == {first}


def test_40_13_a_rebased_commit_diverges(mirror: Mirror) -> None:
    mirror.edit("One")
    mirror.sync()
    mirror.replace(TASK, "title: One", "title: Two")
    mirror.git("commit", "-q", "-a", "--amend", "-m", "rebased")
    synced = mirror.sync()
    assert synced.data["relation"] == "diverged"
    assert [warning.code for warning in synced.warnings] == ["db_history_diverged"]
    assert mirror.equal()


def test_40_13_another_branch_is_refused_unless_it_is_wanted(mirror: Mirror) -> None:
    mirror.sync()
    mirror.git("checkout", "-q", "-b", "other")
    assert mirror.refused().code == "db_ref_changed"
    assert mirror.refused(rebuild=True).code == "db_ref_changed"
    switched = mirror.sync(switch_ref=True).data
    assert (switched["ref"], switched["relation"]) == ("refs/heads/other", "same_tree")


def test_40_14_evidence_is_committed_and_can_be_checked(pg: Mirror) -> None:
    pg.sync()
    data = pg.verify(evidence=True).data
    assert data["recorded"] is True
    path = data["evidence"]
    assert pg.git("log", "-1", "--format=%s").strip() == f"evidence: record {Path(path).stem}"
    assert pg.git("status", "--porcelain") == ""
    assert pg.verify(check=path).data["ok"] is True
    document = json.loads(pg.text(path))
    assert document["target"]["system_id"] == str(pg.one("SELECT system_identifier FROM pg_control_system()"))
    root = document["root"]["found"]
    pg.write(path, pg.text(path).replace(root, ("0" if root[0] != "0" else "1") + root[1:]))
    with pytest.raises(StateError) as refused:
        pg.verify(check=path)
    assert (refused.value.code, refused.value.exit_status) == ("db_evidence_stale", 1)


def test_40_14_a_sqlite_file_is_no_evidence(lite: Mirror) -> None:
    lite.sync()
    with pytest.raises(StateError) as refused:
        lite.verify(evidence=True)
    assert refused.value.code == "usage_invalid"


def test_40_15_a_migration_that_was_changed_is_refused(pg: Mirror) -> None:
    pg.sync()
    pg.sql("UPDATE schema_migration SET checksum = sha256('other')")
    assert pg.refused().code == "db_migration_changed"
    assert [row["object"] for row in pg.verify().data["drift"]] == ["migration 1"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE store_head SET schema_version = 99",
        "INSERT INTO schema_migration SELECT 99, 'later', sha256('x'), now(), 'me', '9', 1",
    ],
)
def test_40_15_tables_of_a_later_version_are_refused(pg: Mirror, statement: str) -> None:
    pg.sync()
    pg.sql(statement)
    pg.edit()
    assert pg.refused().code == "db_schema_newer"


def test_40_16_the_sync_role_syncs_and_does_no_more(pg: Mirror) -> None:
    assert pg.database is not None
    suffix = pg.database.name
    names = [f"owner_{suffix}", f"sync_{suffix}", f"read_{suffix}"]
    script = grant_text(None, *names).data["sql"]
    try:
        for _ in range(2):
            pg.database.run(script)
        pg.database.run(f'ALTER ROLE "{names[1]}" LOGIN')
        role = pg.database.conninfo.replace("user=postgres", f"user={names[1]}")
        synced = Mirror(pg.root, Wish(Flags(dsn=role)), pg.database._replace(conninfo=role))
        assert synced.sync().data["result"] == "synced"
        assert synced.equal()
        for refused in ("CREATE TABLE t (a int)", "DELETE FROM sync_run", "UPDATE verify_run SET ok = true"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                synced.sql(refused)
    finally:
        pg.database.run(f"DROP OWNED BY {', '.join(names)} CASCADE")
        pg.database.run(f"DROP ROLE {', '.join(names)}")


def test_40_17_conflict_markers_are_refused_with_their_place(mirror: Mirror) -> None:
    mirror.sync()
    before = mirror.sql("SELECT sync_id FROM sync_run")
    mirror.write(
        TASK, mirror.text(TASK).replace("## Goal\n", "## Goal\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n")
    )
    mirror.replace(LEDGER, '"count":3', '"count":"x"')
    mirror.commit("conflict")
    refused = mirror.refused()
    assert (refused.code, refused.exit_status) == ("state_invalid", 1)
    found = {(problem.path, problem.code) for problem in refused.problems}
    assert found == {(LEDGER, "field_type_wrong"), (TASK, "conflict_markers_present")}
    assert all(problem.line > 1 for problem in refused.problems if problem.path == TASK)
    assert mirror.sql("SELECT sync_id FROM sync_run") == before


def test_40_17_what_is_not_committed_is_not_exported(mirror: Mirror) -> None:
    mirror.replace(OTHER, "title: ", "title: uncommitted ")
    answer = mirror.sync()
    assert [warning.code for warning in answer.warnings] == ["db_uncommitted_not_exported"]
    assert answer.data["uncommitted"] == 1
    assert not str(mirror.one("SELECT title FROM task WHERE task_id = 'gh-461'")).startswith("uncommitted")
    assert mirror.verify().error is None
