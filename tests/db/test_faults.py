"""What goes wrong between a repository and a database: each fault has its code and leaves the old state."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from platformstate.actions.db_place import Wish
from platformstate.actions.db_status import database_status
from platformstate.errors import StateError
from platformstate.exporter import target as targets
from platformstate.exporter.pg_text import migration_lock
from platformstate.exporter.target import Flags
from tests.conftest import Platformctl
from tests.db.conftest import CHECKPOINT, JOURNAL, OTHER, RUN, TASK, Mirror
from tests.postgres import Database, Server, found_binaries


@pytest.mark.parametrize(
    "flags,environ,config,expected",
    [
        (Flags(), {}, {}, None),
        (Flags(sqlite="a"), {"PLATFORMSTATE_DSN": "host=x"}, {}, ("sqlite", "")),
        (Flags(service="s"), {}, {}, ("postgres", "service='s'")),
        (Flags(), {"PLATFORMSTATE_DSN": "host=x"}, {"service": ["s"]}, ("postgres", "host=x")),
        (Flags(), {}, {"service": ["a", "s"], "sqlite": ["f"]}, ("postgres", "service='s'")),
        (Flags(), {"PGHOST": "h"}, {"sqlite": ["f"]}, ("sqlite", "")),
        (Flags(), {"PGDATABASE": "d"}, {}, ("postgres", "")),
    ],
)
def test_the_first_source_that_names_a_target_wins(
    flags: Flags, environ: dict[str, str], config: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    found = targets.find(flags, environ, config, Path("/w"))
    assert (found and (found.engine, found.conninfo)) == expected


@pytest.mark.parametrize(
    "hint,flags,expected",
    [
        ("platformctl db sync --repair", Flags(sqlite="my m.db"), "platformctl db sync --sqlite 'my m.db' --repair"),
        ("drop it, db migrate, db sync", Flags(service="s", schema="x"),
         "drop it, platformctl db migrate --service s --schema x, platformctl db sync --service s --schema x"),
        ("platformctl db grant-sql", Flags(dsn="host=h", schema="x"), "platformctl db grant-sql --schema x"),
        ("git fetch, or --allow-rewind", Flags(sqlite="m"), "git fetch, or --allow-rewind"),
        ("platformctl db status", Flags(), "platformctl db status"),
    ],
)  # fmt: skip
def test_what_to_do_next_names_the_target_that_was_named(hint: str, flags: Flags, expected: str) -> None:
    assert targets.repeated(hint, flags) == expected


def test_hints_are_commands_that_work_as_typed(lite: Mirror, platformctl: Platformctl) -> None:
    file = "../of mine.db"
    argv = ["db", "verify", "--sqlite", file]
    seen = []
    for _ in range(2):
        hint = platformctl(*argv, "--json", cwd=lite.root).document["error"]["hint"]
        seen.append(hint)
        assert platformctl(*shlex.split(hint)[1:], cwd=lite.root).status == 0
        with sqlite3.connect(lite.root / file) as connection:
            connection.execute("UPDATE task SET title = 'x'")
    assert seen == [
        f"platformctl db sync --sqlite '{file}'",
        f"platformctl db sync --sqlite '{file}' --repair",
    ]
    [next] = platformctl("db", "migrate", "--sqlite", "../new.db", "--json", cwd=lite.root).document["next"]
    assert next == "platformctl db sync --sqlite ../new.db"


def code_of(mirror: Mirror, **flags: Any) -> str:
    wish = mirror.wish._replace(target=Flags(**flags))
    with pytest.raises(StateError) as refused:
        Mirror(mirror.root, wish, None).sync()
    return refused.value.code


def test_targets_that_are_refused(lite: Mirror) -> None:
    assert code_of(lite) == "db_target_missing"
    assert code_of(lite, sqlite="a", service="b") == "db_target_ambiguous"
    assert code_of(lite, dsn="hots=x") == "db_dsn_invalid"
    assert code_of(lite, dsn="password=x") == "db_password_in_argv"
    assert code_of(lite, dsn="host=x", schema="A") == "db_schema_name_invalid"
    assert code_of(lite, dsn="host=/nowhere") == "db_unreachable"
    assert code_of(lite, service="nobody-knows-it") == "db_unreachable"
    assert code_of(lite, sqlite="no/such/folder/m.db") == "db_unreachable"
    (lite.root / "../text").write_text("this is no database at all\n" * 100)
    assert code_of(lite, sqlite="../text") == "db_server_unsupported"


def test_without_the_driver_sqlite_goes_on(lite: Mirror) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None; from platformstate.cli import main;"
        " sys.exit(main(sys.argv[1:]))"
    )
    statuses = []
    for target in (["--dsn", "host=x"], ["--sqlite", "../m.db"]):
        argv = [sys.executable, "-c", program, "db", "sync", *target]
        done = subprocess.run(argv, cwd=lite.root, capture_output=True, text=True, check=False)
        statuses.append((done.returncode, "db_driver_missing" in done.stderr))
    assert statuses == [(7, True), (0, False)]


def test_a_disk_without_room_leaves_no_file_that_was_not_there(
    lite: Mirror, platformctl: Platformctl
) -> None:
    """There is room for a part of the tables, then for the tables alone; SQLite tells both as it can."""
    file = lite.root / "../mirror.db"
    assert platformctl("db", "migrate", "--sqlite", str(file), cwd=lite.root).status == 0
    empty = file.read_bytes()
    for was_there in (None, b"", empty):
        for verb, room in (("migrate", 4096), ("sync", 4096), ("sync", len(empty))):
            file.unlink()
            if was_there is not None:
                file.write_bytes(was_there)
            with room_for(room), pytest.raises(StateError) as refused:
                lite.sync() if verb == "sync" or was_there == empty else lite.migrate()
            assert refused.value.code in ("db_unreachable", "db_disk_full")
            assert (file.read_bytes() if file.exists() else None) == was_there
            assert list(file.parent.glob("mirror.db-*")) == []
            lite.sync()
            assert lite.equal()


@contextmanager
def room_for(most: int) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_detached_head_needs_a_ref(mirror: Mirror) -> None:
    mirror.git("checkout", "-q", "--detach")
    assert mirror.refused().code == "db_ref_required"
    assert mirror.sync(ref="refs/heads/main", at="HEAD").data["ref"] == "refs/heads/main"
    assert mirror.sync(ref="main").data["result"] == "up_to_date"
    assert mirror.refused(ref="nowhere").code == "ref_not_found"
    assert mirror.refused(ref="main", at="0123abc").code == "ref_not_found"
    assert mirror.equal()


def test_verify_before_the_first_sync(mirror: Mirror) -> None:
    with pytest.raises(StateError) as refused:
        mirror.verify()
    assert refused.value.code == "db_never_synced"


def test_a_commit_that_is_not_here_cannot_be_verified(mirror: Mirror) -> None:
    mirror.edit()
    mirror.sync()
    mirror.git("reset", "-q", "--hard", "HEAD~1")
    mirror.git("reflog", "expire", "--expire=now", "--all")
    mirror.git("gc", "-q", "--prune=now")
    with pytest.raises(StateError) as refused:
        mirror.verify()
    assert (refused.value.code, refused.value.exit_status) == ("commit_not_found", 3)


def test_status_says_what_is_missing(mirror: Mirror) -> None:
    def code() -> str | None:
        answer = database_status(str(mirror.root), mirror.wish, check=True)
        return answer.error and answer.error.code

    assert code() == "db_out_of_step"
    mirror.sync()
    assert code() == "db_out_of_step"
    mirror.verify()
    assert code() is None
    mirror.edit()
    assert code() == "db_out_of_step"


def test_quick_finds_lost_rows_but_no_altered_ones(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("UPDATE task SET title = 'x'")
    assert mirror.verify(quick=True).error is None
    mirror.sql("DELETE FROM run_event WHERE source_line = 1")
    tables = mirror.verify(quick=True).data["tables"]
    assert [name for name, table in tables.items() if not table["ok"]] == ["run_event"]


def test_an_index_that_was_dropped_and_a_trigger_that_was_added(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("DROP INDEX task_status")
    if mirror.engine == "postgres":
        mirror.sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        mirror.sql("CREATE TRIGGER spy BEFORE UPDATE ON task FOR EACH ROW EXECUTE FUNCTION f()")
    else:
        mirror.sql("CREATE TRIGGER spy BEFORE UPDATE ON task BEGIN SELECT 1; END")
    answer = mirror.verify()
    assert [row["object"] for row in answer.data["drift"]] == ["task.index task_status", "task.trigger spy"]
    assert answer.error is not None
    assert answer.error.code == "db_parity_differs"


def test_everything_but_the_store_deleted(mirror: Mirror) -> None:
    mirror.sync()
    for name in ("tasks", "jobs", "procedures", "evidence", "templates"):
        shutil.rmtree(mirror.root / "state" / name)
    mirror.commit("empty")
    mirror.sync()
    assert {
        row[0] for row in mirror.sql("SELECT count(*) FROM task UNION SELECT count(*) FROM source_file")
    } == {0}
    assert mirror.equal()


def test_a_line_that_is_added_replaces_the_rows_of_its_file_alone(mirror: Mirror) -> None:
    first = mirror.sync().data["sync_id"]
    from tests.db.conftest import LEDGER

    line = mirror.text(LEDGER).splitlines()[-1]
    mirror.write(LEDGER, mirror.text(LEDGER) + line.replace("T11:00:00Z", "T12:00:00Z") + "\n")
    mirror.commit("line")
    synced = mirror.sync().data
    assert synced["tables"]["job_run"] == {"inserted": 1, "updated": 4, "deleted": 0, "unchanged": 0}
    assert [name for name, counts in synced["tables"].items() if counts["inserted"] + counts["updated"]] == [
        "job_run"
    ]
    assert mirror.one("SELECT count(*) FROM task WHERE sync_id = ?", first) == 2
    assert mirror.equal()


def test_files_of_a_run_are_named_with_their_blobs(mirror: Mirror) -> None:
    mirror.sync()
    mirror.write(f"{RUN}/artifacts/a b.txt", "x\n")
    mirror.git("add", "-f", "-A")
    mirror.git("commit", "-q", "-m", "artifact")
    assert mirror.changes("task_run") == (0, 1, 0)
    blob = mirror.git("rev-parse", f"HEAD:{RUN}/artifacts/a b.txt").strip()
    assert blob in str(mirror.one("SELECT files FROM task_run"))
    assert mirror.equal()


def test_a_run_without_its_task_is_dangling(mirror: Mirror) -> None:
    mirror.sync()
    (mirror.root / TASK).unlink()
    mirror.commit("orphans")
    refused = mirror.refused()
    assert refused.code == "state_invalid"
    found = {(problem.path, problem.code) for problem in refused.problems}
    assert (f"{RUN}/run.md", "reference_dangling") in found
    assert (CHECKPOINT, "reference_dangling") in found


@pytest.mark.parametrize("edited", [False, True])
def test_one_checkpoint_in_two_files_is_a_duplicate(mirror: Mirror, edited: bool) -> None:
    if not edited:
        mirror.sync()
    other = RUN.replace("3k9xma", "zzzzzz")
    shutil.copytree(mirror.root / RUN, mirror.root / other)
    for path in (mirror.root / other).rglob("*"):
        if path.is_file() and path.name not in ("events.jsonl", "run_receipt.json"):
            path.write_text(path.read_text().replace("3k9xma", "zzzzzz"))
    (mirror.root / other / "events.jsonl").unlink()
    (mirror.root / other / "run_receipt.json").unlink(missing_ok=True)
    mirror.commit("copied")
    refused = mirror.refused()
    assert refused.code == "state_invalid"
    assert "id_duplicate" in {problem.code for problem in refused.problems}


BAD_FILES = {
    "nul": (b"---\nschema: task/1\nid: gh-461\n\ntitle: a\x00b\n---\n", None),
    "surrogate": (b'---\nschema: task/1\nid: gh-461\n\ntitle: "\\ud800"\n---\n', None),
    "duplicate key": (b"---\nschema: task/1\nid: gh-461\nid: gh-461\n---\n", "key_duplicate"),
    "not a number": (b"---\nschema: task/1\nid: gh-461\nx-a: .nan\n---\n", None),
    "a large file": (b"x" * (10 * 1024 * 1024), "text_too_large"),
    "a bom": (b"\xef\xbb\xbf---\nschema: task/1\nid: gh-461\n---\n", None),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "path_mode_invalid"),
}


@pytest.mark.parametrize("data,code", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_and_nothing_is_written(lite: Mirror, data: bytes, code: str | None) -> None:
    lite.sync()
    before = lite.sql("SELECT row_hash, sync_id FROM task")
    lite.write(OTHER, data)
    lite.commit("bad")
    refused = lite.refused()
    assert refused.code == "state_invalid"
    assert {problem.path for problem in refused.problems} == {OTHER}
    assert code is None or code in {problem.code for problem in refused.problems}
    assert lite.sql("SELECT row_hash, sync_id FROM task") == before


def test_a_number_that_no_column_holds_is_a_finding(mirror: Mirror) -> None:
    mirror.replace(f"{RUN}/run.md", "attempt: 1\n", "attempt: 3000000000\n")
    mirror.commit("large")
    refused = mirror.refused()
    assert {(problem.path, problem.code) for problem in refused.problems} == {
        (f"{RUN}/run.md", "db_value_unstorable")
    }


def test_a_symlink_and_a_broken_journal_are_refused(lite: Mirror) -> None:
    (lite.root / OTHER).unlink()
    (lite.root / OTHER).symlink_to("../gh-460/task.md")
    lines = lite.text(JOURNAL).splitlines(keepends=True)
    lite.write(JOURNAL, "".join([lines[0], *lines[2:]]))
    lite.commit("bad")
    found = {(problem.path, problem.code) for problem in lite.refused().problems}
    assert {(OTHER, "path_mode_invalid"), (JOURNAL, "run_journal_corrupt")} <= found


STRAYS = {
    f"{RUN}/artifacts/two\nlines": "path_name_invalid",
    "state/evidence/notes.txt": "path_unexpected",
    "state/tasks/gh-460/xrun.md": "path_unexpected",
    "state/jobs/elsewhere": "path_mode_invalid",
}


def test_a_file_without_a_place_is_refused_as_validate_refuses_it(mirror: Mirror) -> None:
    """However the files to read are found: all of them, by the difference of two trees, by the inventory."""
    mirror.sync()
    for path in STRAYS:
        target = mirror.root / path
        target.parent.mkdir(exist_ok=True)
        os.symlink("x", target) if path.endswith("elsewhere") else target.write_text("x")
    mirror.write("state/notes/ours.txt", "a folder of somebody's own is not looked at")
    mirror.commit("strays")
    for flags in ({}, {"rebuild": True}, {"dry_run": True}):
        refused = mirror.refused(**flags)
        assert refused.code == "state_invalid"
        assert {problem.path: problem.code for problem in refused.problems} == STRAYS
    mirror.sql("DELETE FROM store_head")
    assert {problem.path for problem in mirror.refused().problems} == STRAYS.keys()
    for path in STRAYS:
        (mirror.root / path).unlink()
    mirror.commit("without")
    mirror.sync()
    assert mirror.equal()


def test_a_template_whose_name_ends_as_a_runs_header_does_comes_too(mirror: Mirror) -> None:
    mirror.sync()
    mirror.write("state/templates/dryrun.md", mirror.text("state/templates/A.md"))
    mirror.commit("one more")
    assert mirror.changes("packet_template") == (1, 0, 0)
    assert mirror.equal()


@pytest.mark.parametrize("flag", ["repair", "rebuild"])
def test_a_row_that_no_inventory_lists_any_more_is_found_and_deleted(lite: Mirror, flag: str) -> None:
    lite.add_tasks(1)
    lite.commit("one more")
    lite.sync()
    lite.sql("DELETE FROM store_head")
    lite.sql("DELETE FROM source_file WHERE path = 'state/tasks/t-0/task.md'")
    shutil.rmtree(lite.root / "state/tasks/t-0")
    lite.commit("one less")
    assert lite.relation() == "unknown_base"
    extra = lite.verify().data["tables"]["task"]["extra"]
    assert [key["task_id"] for key in extra] == ["t-0"]
    assert lite.relation(**{flag: True}) == "rebuild"
    assert lite.equal()


def test_another_store_in_one_schema_stands_beside_the_first(mirror: Mirror) -> None:
    mirror.sync()
    mirror.replace("state/store.yaml", "7b1d7a52", "8b1d7a52")
    mirror.commit("another store")
    assert mirror.relation() == "initial"
    assert mirror.one("SELECT count(DISTINCT store_id) FROM task") == 2
    assert mirror.equal()


def test_an_inventory_of_another_parser_is_made_again(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("UPDATE store_head SET parser_version = 99")
    mirror.sql("UPDATE source_file SET parser_version = 99")
    again = mirror.sync().data
    assert (again["relation"], again["tables"]["task"]["unchanged"]) == ("rebuild", 2)
    assert mirror.equal()


def test_a_shallow_clone_syncs_by_the_inventory(mirror: Mirror, tmp_path: Path) -> None:
    mirror.sync()
    for number in range(3):
        mirror.edit(f"Edit {number}")
    mirror.git("clone", "-q", "--depth", "1", f"file://{mirror.root}", str(tmp_path / "shallow"))
    flags = mirror.wish.target
    wish = (
        mirror.wish
        if flags.dsn
        else mirror.wish._replace(target=Flags(sqlite=str(mirror.root / "../mirror.db")))
    )
    shallow = Mirror(tmp_path / "shallow", wish, mirror.database)
    synced = shallow.sync()
    assert (synced.data["relation"], synced.data["files"]["read"]) == ("unknown_base", 1)
    assert shallow.equal()


def test_a_repository_with_sha256_objects(root: Path, lite: Mirror, pg: Mirror, tmp_path: Path) -> None:
    new = Mirror(tmp_path / "sha256", pg.wish, pg.database)
    new.root.mkdir()
    new.git("init", "-q", "-b", "main", "--object-format=sha256")
    shutil.copytree(root / "state", new.root / "state")
    assert len(new.commit("first")) == 64
    new.sync()
    assert new.equal()


# Faults that only a server has.


def test_a_statement_that_runs_too_long(pg: Mirror) -> None:
    assert pg.database is not None
    holder = psycopg.connect(f"{pg.database.conninfo} options='-c search_path=platformstate'")
    holder.execute("LOCK TABLE store_head IN ACCESS EXCLUSIVE MODE")
    slow = Mirror(pg.root, pg.wish._replace(statement_timeout=0.3, lock_timeout=0), pg.database)
    refused = slow.refused()
    holder.close()
    assert (refused.code, refused.exit_status) == ("db_statement_timeout", 8)


def test_a_migration_that_goes_on_holds_a_sync_back(pg: Mirror) -> None:
    assert pg.database is not None
    with psycopg.connect(pg.database.conninfo, application_name="migrating") as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [migration_lock("platformstate")])
        refused = pg.refused()
    assert refused.code == "db_locked"
    assert "migrating" in refused.message


def test_two_migrations_at_once_make_the_tables_once(fresh: Mirror) -> None:
    done: list[Any] = []
    threads = [
        threading.Thread(target=lambda: done.append(fresh.migrate().data["applied"])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, done)) == [0, 1]


def test_a_database_that_takes_no_writes(pg: Mirror) -> None:
    pg.sync()
    pg.edit()
    assert pg.database is not None
    pg.database.run(f'ALTER DATABASE "{pg.database.name}" SET default_transaction_read_only = on')
    assert pg.refused().code == "db_read_only"
    answer = pg.verify()
    assert answer.error is None
    assert answer.data["recorded"] in (True, False)


@pytest.mark.parametrize(
    "missing",
    ["REVOKE TEMP ON DATABASE {db} FROM PUBLIC, {role}", "REVOKE DELETE ON platformstate.task FROM {role}"],
)
def test_a_role_that_lacks_a_privilege(pg: Mirror, missing: str) -> None:
    from platformstate.actions.db_export import grant_text

    assert pg.database is not None
    role = f"r_{pg.database.name}"
    names = [f"o_{pg.database.name}", role, f"p_{pg.database.name}"]
    pg.sync()
    pg.edit()
    try:
        pg.database.run(grant_text(None, *names).data["sql"])
        pg.database.run(f'ALTER ROLE "{role}" LOGIN')
        pg.database.run(missing.format(db=f'"{pg.database.name}"', role=f'"{role}"'))
        conninfo = pg.database.conninfo.replace("user=postgres", f"user={role}")
        other = Mirror(pg.root, Wish(Flags(dsn=conninfo)), pg.database)
        refused = other.refused()
        assert (refused.code, refused.exit_status) == ("db_permission_denied", 7)
        assert "permission denied" in refused.message
    finally:
        pg.database.run(f"DROP OWNED BY {', '.join(names)} CASCADE")
        pg.database.run(f"DROP ROLE {', '.join(names)}")


def test_a_full_disk_is_told(pg: Mirror) -> None:
    from platformstate.exporter.pg_errors import explained

    with pytest.raises(StateError) as refused, explained():
        raise psycopg.errors.DiskFull
    assert refused.value.code == "db_disk_full"


def test_a_database_that_is_not_utf8(root: Path, postgres_server: str) -> None:
    name = f"ascii_{os.getpid()}"
    server = Database(f"{postgres_server} dbname=postgres", "postgres")
    server.run(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    try:
        mirror = Mirror(root, Wish(Flags(dsn=f"{postgres_server} dbname={name}")), None)
        assert mirror.refused().code == "db_server_unsupported"
    finally:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


def test_settings_of_a_hostile_server_change_nothing(pg: Mirror) -> None:
    assert pg.database is not None
    for setting in ("TimeZone = 'Asia/Kathmandu'", "DateStyle = 'German'", "bytea_output = 'escape'"):
        pg.database.run(f'ALTER DATABASE "{pg.database.name}" SET {setting}')
    pg.sync()
    assert pg.equal()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may stop."""
    server = Server(found_binaries()[0])
    yield server
    server.remove()


@pytest.mark.soak
@pytest.mark.parametrize("phase", ["copied", "locked", "merged"])
def test_40_07_a_server_that_stops_in_the_middle(root: Path, own_server: Server, phase: str) -> None:
    from platformstate.store.failpoints import Failpoints

    database = Database(own_server.conninfo(), "postgres")
    mirror = Mirror(root, Wish(Flags(dsn=database.conninfo)), database)
    mirror.migrate()
    mirror.sync()
    before = mirror.sql("SELECT title, sync_id FROM task ORDER BY 1")
    mirror.edit()
    stopped: list[str] = []

    def stop(self: Failpoints, name: str, step: int | None = None) -> None:
        if name == f"db.{phase}" and not stopped:
            stopped.append(name)
            own_server.stop()

    original, Failpoints.reach = Failpoints.reach, stop  # type: ignore[method-assign]
    try:
        assert mirror.refused().code in ("db_unreachable", "db_outcome_unknown")
    finally:
        Failpoints.reach = original  # type: ignore[method-assign]
    own_server.start()
    assert mirror.sql("SELECT title, sync_id FROM task ORDER BY 1") == before
    assert mirror.sync().data["result"] == "synced"
    assert mirror.equal()


def test_40_07_a_sync_that_is_interrupted_leaves_the_old_state(pg: Mirror) -> None:
    pg.sync()
    pg.edit()
    assert pg.database is not None
    holder = psycopg.connect(f"{pg.database.conninfo} options='-c search_path=platformstate'")
    holder.execute("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
    argv = [
        sys.executable,
        "-m",
        "platformstate",
        "db",
        "sync",
        "--dsn",
        pg.database.conninfo,
        "--lock-timeout",
        "60",
    ]
    child = subprocess.Popen(argv, cwd=pg.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = %s)"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not pg.database.run(waiting, pg.database.name)[0][0]:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == 130
    holder.close()
    assert pg.one("SELECT count(*) FROM sync_run") == 1
    assert pg.sync().data["result"] == "synced"
    assert pg.equal()
