"""Servers, files and names that somebody made to deceive or to break a sync or a verification."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.db_export import ExportWish, export_commit, grant_text
from platformstate.actions.db_migrate import MigrateWish, migrate_database
from platformstate.actions.db_place import Wish
from platformstate.actions.db_status import database_status
from platformstate.errors import StateError
from platformstate.exporter.migrations import packaged, pending_sql
from platformstate.exporter.target import Flags, passwords
from tests.db.conftest import OTHER, RUN, TASK, Mirror
from tests.db.injected import content
from tests.db.test_contention import role_without

# Row security.


def test_rows_that_a_policy_hides_are_no_equality(pg: Mirror) -> None:
    """What hides the altered row from the verifier is itself told."""
    pg.sync()
    with role_without(pg, "SELECT 1") as poor:
        assert poor.verify().data["ok"] is True
        pg.sql("INSERT INTO task SELECT (t).* FROM (SELECT jsonb_populate_record(task, '{\"task_id\": \"spy\"}')"
               " AS t FROM task LIMIT 1) made")  # fmt: skip
        pg.sql("ALTER TABLE task ENABLE ROW LEVEL SECURITY")
        pg.sql("CREATE POLICY hides ON task USING (task_id <> 'spy')")
        for quick in (False, True):
            data = poor.verify(quick=quick).data
            assert data["tables"]["task"]["ok"] is True
            assert [each["object"] for each in data["drift"]] == ["task", "task.policy hides"]
            assert data["ok"] is False


def test_a_sync_that_does_not_see_every_row_is_refused(pg: Mirror) -> None:
    pg.sync()
    pg.edit()
    with role_without(pg, "SELECT 1") as poor:
        pg.sql("ALTER TABLE task ENABLE ROW LEVEL SECURITY")
        pg.sql("CREATE POLICY hides ON task USING (task_id <> 'gh-461')")
        for flags in ({}, {"dry_run": True, "rebuild": True}, {"repair": True}):
            refused = poor.refused(**flags)
            assert (refused.code, refused.exit_status) == ("db_permission_denied", 7)
            assert "row-level security" in refused.message


# The owner of the schema.

SHADOWS = {
    "convert_to": ("text, text", "bytea"),
    "cardinality": ("text[]", "integer"),
    "format": ("text, name, name", "text"),
    "unnest": ("smallint[]", "setof smallint"),
    "array_position": ("smallint[], smallint", "integer"),
    "generate_series": ("integer, smallint", "setof integer"),
    "pg_get_indexdef": ("oid, smallint, boolean", "text"),
    "to_char": ("timestamp, varchar", "text"),
    "octet_length": ("varchar", "integer"),
    "encode": ("bytea, varchar", "text"),
    "decode": ("varchar, varchar", "bytea"),
    "get_byte": ("bytea, smallint", "integer"),
    "has_schema_privilege": ("name, varchar", "boolean"),
    "has_table_privilege": ("text, varchar", "boolean"),
    "has_database_privilege": ("name, varchar", "boolean"),
    "string_agg": ("bytea, bytea", "bytea"),
    "sha256": ("bytea", "bytea"),
    "now": ("", "timestamptz"),
    "format_type": ("oid, integer", "text"),
    "jsonb_array_elements": ("jsonb", "setof jsonb"),
}


def test_a_function_of_the_schema_that_fits_better_is_never_called(pg: Mirror) -> None:
    """Who owns the schema must not run code as whoever verifies, nor choose what is hashed."""
    pg.sync()
    for name, (takes, gives) in SHADOWS.items():
        pg.sql(
            f"CREATE FUNCTION platformstate.{name}({takes}) RETURNS {gives} LANGUAGE plpgsql"
            f" AS $$ BEGIN RAISE EXCEPTION 'called'; END $$"
        )
    assert pg.equal()
    assert pg.verify(quick=True).data["ok"] is True
    assert database_status(str(pg.root), pg.wish).data["can"] == {"migrate": True, "sync": True}
    pg.edit()
    assert pg.changes() == (0, 1, 0)
    pg.sql("UPDATE task SET title = 'x'")
    assert pg.relation(repair=True) == "rebuild"
    assert pg.verify(evidence=True).data["recorded"] is True


def test_an_owner_who_may_create_no_schema_migrates_in_their_own(fresh: Mirror) -> None:
    assert fresh.database is not None
    owner = f"o_{fresh.database.name}"
    fresh.sql(f'CREATE ROLE "{owner}" LOGIN')
    try:
        fresh.sql(f'CREATE SCHEMA platformstate AUTHORIZATION "{owner}"')
        conninfo = fresh.database.conninfo.replace("user=postgres", f"user={owner}")
        own = Mirror(fresh.root, Wish(Flags(dsn=conninfo)), fresh.database)
        assert len(own.migrate().data["applied"]) == len(packaged("postgres"))
        own.sync()
        assert own.equal()
    finally:
        fresh.sql(f'DROP OWNED BY "{owner}" CASCADE')
        fresh.sql(f'DROP ROLE "{owner}"')


def test_the_text_of_a_later_migration_makes_no_schema() -> None:
    first = packaged("postgres")[:1]
    assert "CREATE SCHEMA" in pending_sql("s", first)
    assert "CREATE SCHEMA" not in pending_sql("s", (first[0]._replace(version=2),))


def test_tables_of_somebody_else_are_left_alone(fresh: Mirror) -> None:
    fresh.sql("CREATE SCHEMA platformstate")
    fresh.sql("CREATE TABLE task (a integer)")
    with pytest.raises(StateError) as refused:
        fresh.migrate()
    assert (refused.value.code, refused.value.exit_status) == ("db_migration_changed", 4)
    assert "task" in refused.value.message


def test_a_table_of_somebody_else_that_holds_a_row_back_is_named(pg: Mirror) -> None:
    pg.add_tasks(1)
    pg.commit("one more")
    pg.sync()
    pg.sql(
        "CREATE TABLE notes (store_id uuid, task_id text, FOREIGN KEY (store_id, task_id) REFERENCES task)"
    )
    pg.sql("INSERT INTO notes SELECT store_id, task_id FROM task")
    shutil.rmtree(pg.root / "state/tasks/t-0")
    pg.commit("one less")
    refused = pg.refused()
    assert (refused.code, refused.exit_status) == ("db_migration_changed", 4)
    assert "notes" in refused.message
    pg.sql("DROP TABLE notes")
    assert pg.changes() == (0, 0, 1)


ADDED = {
    "a check": ("ALTER TABLE task ADD CONSTRAINT short CHECK (title <> 'Another title')", "short"),
    "a key": ("CREATE UNIQUE INDEX one ON task (status)", "one"),
    "a column": (("ALTER TABLE task ADD COLUMN colour text; UPDATE task SET colour = 'red';"
                 " ALTER TABLE task ALTER COLUMN colour SET NOT NULL"), "colour"),
    "a trigger": (("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''%'', NEW.title; END';"
                  " CREATE TRIGGER spy BEFORE UPDATE ON task FOR EACH ROW EXECUTE FUNCTION no()"), "a trigger"),
}  # fmt: skip


@pytest.mark.parametrize("statement,told", ADDED.values(), ids=ADDED)
def test_a_rule_of_somebody_else_that_refuses_a_row_is_named(pg: Mirror, statement: str, told: str) -> None:
    pg.sync()
    pg.edit()
    pg.replace(OTHER, "title: ", "title: More of ")
    pg.add_tasks(1)
    pg.commit("two edits and one more")
    pg.sql(statement)
    before = content(pg)
    refused = pg.refused()
    assert (refused.code, refused.exit_status) == ("db_migration_changed", 4)
    assert told in refused.message
    assert "Another title" not in refused.message
    assert "db verify" in refused.hint
    assert content(pg) == before


@pytest.mark.parametrize("type", ["bigint", "smallint"])
def test_a_type_that_somebody_changed_ends_a_first_load(pg: Mirror, type: str) -> None:
    pg.sql(f"ALTER TABLE task ALTER COLUMN source_line TYPE {type}")
    refused = pg.refused()
    assert (refused.code, refused.exit_status) == ("db_migration_changed", 4)
    assert pg.one("SELECT count(*) FROM task") == 0


@pytest.mark.parametrize("told", ["never", "task.agent"])
def test_a_rule_that_somebody_added_to_a_file_is_told(lite: Mirror, told: str) -> None:
    lite.sync()
    lite.sql("CREATE UNIQUE INDEX one ON task (agent)")
    if told == "never":
        lite.sql("CREATE TRIGGER no BEFORE UPDATE ON task BEGIN SELECT raise(ABORT, 'never'); END")
    before = content(lite)
    for path in (TASK, OTHER):
        lite.replace(path, "title: ", "agent: codex\ntitle: ")
    lite.commit("one agent")
    refused = lite.refused()
    assert (refused.code, refused.exit_status) == ("db_migration_changed", 4)
    assert told in refused.message
    assert content(lite) == before


# Settings of a database or a role.

SETTINGS = (
    "quote_all_identifiers = on",
    "idle_in_transaction_session_timeout = 1",
    "standard_conforming_strings = off",
    "transform_null_equals = on",
    "default_transaction_isolation = 'serializable'",
    "row_security = off",
    "session_replication_role = 'replica'",
    "client_encoding = 'LATIN1'",
    "search_path = ''",
    "array_nulls = off",
    "client_min_messages = 'debug5'",
    "extra_float_digits = -15",
    "lock_timeout = 1",
    "bytea_output = 'escape'",
    "DateStyle = 'SQL, DMY'",
    "TimeZone = 'Pacific/Kiritimati'",
)


def test_no_setting_of_a_database_changes_what_is_written_or_found(pg: Mirror) -> None:
    assert pg.database is not None
    for setting in SETTINGS:
        pg.sql(f'ALTER DATABASE "{pg.database.name}" SET {setting}')
    pg.sync()
    pg.edit("Ärger \\ '")
    assert pg.changes() == (0, 1, 0)
    assert pg.equal()


# Names.


@pytest.mark.parametrize("name", ["pg_catalog", "pg_temp", "pg_mine", "information_schema"])
def test_a_schema_of_the_server_is_refused(lite: Mirror, name: str) -> None:
    wish = Wish(Flags(dsn="host=/nowhere", schema=name))
    with pytest.raises(StateError) as refused:
        Mirror(lite.root, wish, None).migrate()
    assert refused.value.code == "db_schema_name_invalid"
    with pytest.raises(StateError) as refused:
        grant_text(name, "a", "b", "c")
    assert refused.value.code == "db_schema_name_invalid"


def test_a_schema_may_be_named_like_a_word_of_sql(fresh: Mirror) -> None:
    for name in ("select", "a" * 63):
        mirror = Mirror(fresh.root, fresh.wish._replace(target=fresh.wish.target._replace(schema=name)), None)
        mirror.migrate()
        mirror.sync()
        assert mirror.equal()


OPEN = (
    "postgresql://localhost:5432/d",
    "postgresql://u@h:5432",
    "postgresql://[::1]:5432/d",
    "postgresql://u@[::1]:5432,[fe80::1]:5433/d?target_session_attrs=read-write",
    "postgresql://a:1,b:2/d",
    "host=a,b port=1,2 user=u",
)
SECRET = (
    "postgresql://u:secret@[::1]:5432/d",
    "postgresql://u:1@h",
    "postgresql://u:secret",
    "host=h oauth_client_secret=secret",
    "host=h scram_client_key=secret scram_server_key='secret'",
)


def test_a_port_is_no_password() -> None:
    assert [dsn for dsn in OPEN if passwords(dsn)] == []
    assert [dsn for dsn in SECRET if not passwords(dsn)] == []


def test_a_path_that_no_index_holds_is_a_finding(mirror: Mirror) -> None:
    long = f"{RUN}/artifacts/{'/'.join(os.urandom(100).hex() for _ in range(13))}"
    oid = mirror.git("hash-object", "-w", "--stdin", stdin="x").strip()
    for size in (900, 901):  # an index entry of PostgreSQL ends at 2,704 bytes
        mirror.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{long[:size]}")
        mirror.git("commit", "-q", "-m", "long")
        if size == 900:
            assert mirror.sync().data["result"] == "synced"
            mirror.git("rm", "-q", "--cached", "--", long[:size])
    refused = mirror.refused()
    assert (refused.code, refused.problems[0].code) == ("state_invalid", "path_name_invalid")


DATES = {
    "after the last year": b"253402300800 +0000",
    "after all time": b"9" * 40 + b" +0000",
    "before the first year": b"-" + b"9" * 17 + b" +0000",
    "none": b"",
}


@pytest.mark.parametrize("date", DATES.values(), ids=DATES)
def test_a_commit_of_no_year_is_a_commit(lite: Mirror, date: bytes) -> None:
    made = lite.git("cat-file", "commit", "HEAD").encode()
    head, _, rest = made.partition(b"\ncommitter Ann <ann@example.org> ")
    made = head + b"\ncommitter Ann <ann@example.org> " + date + b"\n" + rest.partition(b"\n")[2]
    argv = ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
    oid = subprocess.run(argv, cwd=lite.root, input=made, capture_output=True, check=True).stdout.decode()
    lite.git("update-ref", "refs/heads/main", oid.strip())
    assert lite.sync().data["to_commit"] == oid.strip()
    assert lite.equal()
    assert lite.sync().data["result"] == "up_to_date"


def test_the_schema_of_git_config_is_that_of_what_is_printed(lite: Mirror, tmp_path: Path) -> None:
    lite.git("config", "platformstate.db.schema", "mirror")
    printed = migrate_database(str(lite.root), Wish(), MigrateWish(print_sql=True)).data
    assert (printed["schema"], 'SCHEMA IF NOT EXISTS "mirror"' in printed["sql"]) == ("mirror", True)
    roles = ("a", "b", "c")
    assert '"mirror".task' in grant_text(None, *roles, directory=str(lite.root)).data["sql"]
    assert '"other".task' in grant_text("other", *roles, directory=str(lite.root)).data["sql"]
    assert '"platformstate".task' in grant_text(None, *roles, directory=str(tmp_path)).data["sql"]


def test_a_ref_whose_name_is_no_text_is_refused(lite: Mirror) -> None:
    subprocess.run([b"git", b"update-ref", b"refs/heads/w\xff", b"HEAD"], cwd=lite.root, check=True)
    assert lite.refused(ref="refs/heads/w\udcff").code == "ref_not_found"


# Outputs.


def exported(lite: Mirror, **asked: Any) -> str:
    """Export and return what refused it, or nothing."""
    try:
        export_commit(str(lite.root), Wish(), ExportWish(**asked))
    except StateError as refused:
        return refused.code
    return ""


def test_force_replaces_an_export_and_nothing_else(lite: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "task.jsonl").write_text("")
    (folder / "thesis.txt").write_text("years of work")
    for name in ("../precious", ".", "..", "state"):
        assert exported(lite, jsonl=name, force=True) == "output_exists"
        assert exported(lite, sqlite=name, force=True) == "output_exists"
    assert (folder / "thesis.txt").read_text() == "years of work"
    assert lite.git("status", "--porcelain") == ""
    (folder / "thesis.txt").unlink()
    assert exported(lite, jsonl="../precious") == "output_exists"
    assert exported(lite, jsonl="../precious", force=True) == ""
    assert exported(lite, jsonl="../precious", force=True) == ""


def test_a_link_is_never_followed_by_an_export(lite: Mirror, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "file").symlink_to(tmp_path / "target")
    (tmp_path / "target").write_text("kept")
    for name in ("dangling", "link", "file"):
        assert exported(lite, sqlite=f"../{name}") == "output_exists"
        assert exported(lite, jsonl=f"../{name}") == "output_exists"
    assert exported(lite, jsonl="../link", force=True) == "output_exists"
    assert exported(lite, sqlite="../file", force=True) == ""
    assert (tmp_path / "target").read_text() == "kept"
    assert list(kept.iterdir()) == []


def test_an_output_that_cannot_be_is_refused(lite: Mirror) -> None:
    for name in ("no/such/folder/x", "n" * 300):
        assert exported(lite, sqlite=name) == "usage_invalid"
        assert exported(lite, jsonl=name) == "usage_invalid"
    assert sorted(os.listdir(lite.root)) == [".git", "state"]


# SQLite files.

RETYPED = (
    "status = CAST(status AS BLOB)",
    "blob_oid = lower(hex(blob_oid))",
    "title = CAST(x'ff41' AS TEXT)",
    "task_id = CAST(task_id AS BLOB)",
)


def test_a_value_of_another_type_is_an_alteration(lite: Mirror) -> None:
    """A reader who asks for `status = 'done'` does not find the same bytes as a BLOB."""
    for change in RETYPED:
        lite.sync()
        lite.sql(f"UPDATE task SET {change} WHERE task_id = 'gh-460'")
        table = lite.verify().data["tables"]["task"]
        assert table["ok"] is False, change
        lite.sync(repair=True)
        assert lite.equal()


@contextmanager
def held(path: Path, statement: str) -> Iterator[None]:
    """Make a file and leave it closed."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    yield


def test_a_file_of_somebody_else_is_left_alone(lite: Mirror, tmp_path: Path) -> None:
    for number, table in enumerate(("task (a)", "schema_migration (a)")):
        path = tmp_path / f"foreign-{number}.db"
        with held(path, f"CREATE TABLE {table}"):
            before = path.read_bytes()
            for _ in range(2):  # a refusal leaves no lock behind either
                refused = Mirror(lite.root, Wish(Flags(sqlite=str(path)), lock_timeout=0.1), None).refused()
                assert (refused.code, refused.exit_status) == ("db_migration_changed", 4)
            assert path.read_bytes() == before


def test_what_a_crash_left_in_a_write_ahead_log_is_read(lite: Mirror, tmp_path: Path) -> None:
    lite.sync()
    path = lite.root / "../mirror.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("UPDATE task SET title = 'in the log'")
    connection.commit()
    for name in ("mirror.db", "mirror.db-wal"):
        shutil.copy(lite.root / ".." / name, tmp_path / name.replace("mirror", "crashed"))
    connection.close()
    crashed = Mirror(lite.root, Wish(Flags(sqlite=str(tmp_path / "crashed.db"))), None)
    assert crashed.verify().data["differences"] == 2
    crashed.sync(repair=True)
    assert crashed.equal()


def test_names_of_files_are_taken_as_they_are(lite: Mirror) -> None:
    for name in ("a?b#c%41.db", "file:x?mode=memory", ":memory:", "x\udcff.db"):
        mirror = Mirror(lite.root, Wish(Flags(sqlite=f"../{name}")), None)
        mirror.sync()
        assert mirror.equal()
        assert (lite.root / ".." / name).is_file()
    assert Mirror(lite.root, Wish(Flags(sqlite="n" * 300)), None).refused().code == "db_unreachable"


def test_a_file_that_was_cut_or_overwritten_is_refused(lite: Mirror) -> None:
    lite.sync()
    path = lite.root / "../mirror.db"
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], data[:12288] + b"A" * 81920 + data[94208:]):
        path.write_bytes(damaged)
        assert lite.refused(repair=True).code == "db_server_unsupported"
        with pytest.raises(StateError) as refused:
            lite.verify()
        assert refused.value.code == "db_server_unsupported"


def test_a_limit_of_the_size_of_files_leaves_the_old_rows(lite: Mirror) -> None:
    lite.sync()
    before = (lite.root / "../mirror.db").read_bytes()
    lite.add_tasks(120)
    lite.replace(TASK, "title: ", "title: More ")
    lite.commit("many")
    import resource
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 65536, hard))
    try:
        refused = lite.refused()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.code in ("db_unreachable", "db_disk_full")
    assert (lite.root / "../mirror.db").read_bytes() == before
    assert lite.changes() == (120, 1, 0)
    assert lite.equal()
