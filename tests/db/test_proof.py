"""What a verification is worth: what counts as one, what a hand may do to the tables, what evidence survives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.db_status import database_status
from platformstate.actions.db_verify import VerifyWish, verify_database
from platformstate.errors import StateError
from platformstate.exporter.target import Flags
from tests.db.conftest import OTHER, TASK, Mirror
from tests.postgres import Database


def out_of_step(mirror: Mirror) -> str | None:
    """Return what `db status --check` objects to."""
    answer = database_status(str(mirror.root), mirror.wish, check=True)
    return None if answer.error is None else answer.error.message


def test_a_verification_of_one_table_is_none_of_the_whole(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("DELETE FROM run_event")
    partly = mirror.verify(tables=("task",)).data
    assert (partly["ok"], partly["recorded"], partly["root"]) == (True, False, None)
    assert out_of_step(mirror) is not None
    assert mirror.one("SELECT count(*) FROM verify_run") == 0
    assert mirror.sql("SELECT verified_at FROM v_sync_lag") == [(None,)]


def test_a_difference_in_one_table_is_remembered(lite: Mirror) -> None:
    lite.sync()
    lite.verify()
    lite.sql("DELETE FROM run_event")
    assert lite.verify(tables=("run_event",)).data["recorded"] is True
    assert out_of_step(lite) is not None


def test_quick_is_no_deep_verification(lite: Mirror) -> None:
    lite.sync()
    quick = lite.verify(quick=True).data
    assert (quick["ok"], quick["root"]) == (True, None)
    assert all(
        (table["expected_root"], table["found_root"]) == (None, None) for table in quick["tables"].values()
    )
    assert out_of_step(lite) is not None


def test_a_detached_head_is_compared_with_the_ref_that_the_tables_follow(lite: Mirror) -> None:
    lite.git("checkout", "-q", "--detach")
    lite.sync(ref="refs/heads/main", at="HEAD")
    lite.verify()
    assert out_of_step(lite) is None
    lite.edit()
    assert out_of_step(lite) is not None


def test_a_later_failure_of_the_same_head_is_out_of_step(lite: Mirror) -> None:
    lite.sync()
    lite.verify()
    assert out_of_step(lite) is None
    lite.sql("UPDATE task SET title = 'x'")
    lite.verify()
    assert "verification" in str(out_of_step(lite))
    lite.sync(repair=True)
    assert out_of_step(lite) is not None
    lite.verify()
    assert out_of_step(lite) is None


def test_rows_of_another_parser_are_out_of_step(lite: Mirror) -> None:
    """The next sync makes them again, whatever was verified of the old ones."""
    lite.sync()
    lite.verify()
    lite.sql("UPDATE store_head SET parser_version = 0")
    assert "tip" in str(out_of_step(lite))
    assert lite.relation() == "rebuild"


def test_behind_counts_commits_to_the_tip(lite: Mirror) -> None:
    lite.sync()
    for number in range(2):
        lite.edit(f"Edit {number}")
    answer = lite.verify()
    assert (answer.error, answer.data["behind"]) == (None, 2)
    assert answer.data["commit"] == lite.git("rev-parse", "HEAD~2").strip()


# A hand in the tables.

TAMPERED = {
    "title": "title = 'x'",
    "body": "body = body || ' '",
    "priority": "priority = NULL",
    "created_at": "created_at = '2001-01-01T00:00:00.000000Z'",
    "doc": "doc = '{}'",
    "source_line": "source_line = 7",
}


def test_40_06_every_column_is_compared(mirror: Mirror) -> None:
    mirror.sync()
    for column, change in TAMPERED.items():
        mirror.sql(f"UPDATE task SET {change} WHERE task_id = 'gh-460'")
        table = mirror.verify().data["tables"]["task"]
        assert table["altered"] == [{"key": {"task_id": "gh-460"}, "columns": [column]}]
        assert (table["shards_differing"], table["expected"], table["found"]) == (1, 2, 2)
        assert mirror.sync(repair=True).data["tables"]["task"]["updated"] == 1
    assert mirror.equal()


def test_40_06_a_hash_forged_with_its_row_is_found(pg: Mirror) -> None:
    from platformstate.exporter.pg_text import hash_of
    from platformstate.exporter.tables import TABLES

    pg.sync()
    pg.sql("UPDATE task SET title = 'forged' WHERE task_id = 'gh-460'")
    pg.sql(f"UPDATE task t SET row_hash = {hash_of(TABLES['task'])}")
    table = pg.verify().data["tables"]["task"]
    assert table["altered"] == [{"key": {"task_id": "gh-460"}, "columns": ["title", "row_hash"]}]


def test_40_06_a_row_under_another_key_is_missing_and_extra(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("UPDATE packet_template SET name = 'B.md'")
    answer = mirror.verify()
    table = answer.data["tables"]["packet_template"]
    assert (table["missing"], table["extra"]) == ([{"name": "A.md"}], [{"name": "B.md"}])
    assert answer.data["differences"] == 2
    mirror.sync(repair=True)
    assert mirror.equal()


def test_40_06_the_inventory_is_compared_and_repaired_as_well(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("UPDATE source_file SET row_count = 9 WHERE path = ?", TASK)
    mirror.sql("DELETE FROM source_file WHERE path = ?", OTHER)
    table = mirror.verify().data["tables"]["source_file"]
    assert table["altered"] == [{"key": {"path": TASK}, "columns": ["row_count"]}]
    assert table["missing"] == [{"path": OTHER}]
    mirror.sync(repair=True)
    assert mirror.equal()


def test_a_dry_run_of_a_repair_counts_what_the_repair_writes(mirror: Mirror) -> None:
    mirror.sync()
    mirror.sql("UPDATE task SET title = 'x' WHERE task_id = 'gh-460'")
    mirror.sql("DELETE FROM packet_template")
    planned = mirror.sync(repair=True, dry_run=True).data
    assert planned["tables"]["task"] == {"inserted": 0, "updated": 1, "deleted": 0, "unchanged": 1}
    done = mirror.sync(repair=True).data
    assert (planned["relation"], planned["tables"]) == (done["relation"], done["tables"])


def test_only_the_first_twenty_are_listed_and_all_are_counted(lite: Mirror) -> None:
    lite.add_tasks(30)
    lite.commit("many")
    lite.sync()
    lite.sql("UPDATE task SET title = 'x'")
    data = lite.verify().data
    assert (len(data["tables"]["task"]["altered"]), data["differences"]) == (20, 32)


SHADOWS = (
    "CREATE FUNCTION platformstate.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$",
    "CREATE FUNCTION platformstate.octet_length(text) RETURNS integer LANGUAGE sql AS 'SELECT 0'",
    "CREATE FUNCTION platformstate.encode(bytea, text) RETURNS text LANGUAGE sql AS $$ SELECT '' $$",
)


def test_a_function_that_hides_the_servers_own_is_not_called(pg: Mirror) -> None:
    assert pg.database is not None
    for statement in SHADOWS:
        pg.database.run(statement)
    pg.sync()
    assert pg.equal()


def test_a_column_that_was_dropped_is_told_without_a_verification(pg: Mirror) -> None:
    pg.sync()
    pg.sql("ALTER TABLE task DROP COLUMN owner CASCADE")
    with pytest.raises(StateError) as refused:
        pg.verify()
    assert refused.value.code == "db_migration_pending"
    assert "owner" in refused.value.message


# Evidence.


def test_40_14_a_dry_run_writes_no_evidence(pg: Mirror) -> None:
    pg.sync()
    before = pg.git("rev-parse", "HEAD")
    wish = pg.wish._replace(dry_run=True)
    data = verify_database(str(pg.root), wish, VerifyWish(evidence=True)).data
    assert (data["ok"], data["recorded"], data["evidence"]) == (True, False, None)
    assert pg.git("rev-parse", "HEAD") == before
    assert pg.one("SELECT count(*) FROM verify_run") == 0


def test_40_14_tables_that_differ_give_no_evidence(pg: Mirror) -> None:
    pg.sync()
    pg.sql("UPDATE task SET title = 'x'")
    before = pg.git("rev-parse", "HEAD")
    answer = pg.verify(evidence=True)
    assert answer.error is not None
    assert answer.data["evidence"] is None
    assert pg.git("rev-parse", "HEAD") == before


@pytest.fixture
def proven(pg: Mirror) -> tuple[Mirror, str]:
    """A mirror and its evidence."""
    pg.sync()
    return pg, str(pg.verify(evidence=True).data["evidence"])


def stale(pg: Mirror, path: str) -> str:
    with pytest.raises(StateError) as refused:
        pg.verify(check=path)
    assert (refused.value.code, refused.value.exit_status) == ("db_evidence_stale", 1)
    return refused.value.message


def rewritten(pg: Mirror, path: str, **changes: Any) -> None:
    document = json.loads(pg.text(path))
    for name, value in changes.items():
        whole, _, part = name.partition("__")
        if part:
            document[whole][part] = value
        else:
            document[whole] = value
    pg.write(path, json.dumps(document))


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "not ok": ({"ok": False}, "(a)"),
    "quick": ({"mode": "quick"}, "(a)"),
    "another engine": ({"target__engine": "sqlite"}, "(a)"),
    "another id": ({"id": "db-verify-20261120t101130z-zzzzzz"}, "(a)"),
    "another commit": ({"commit": "0" * 40}, "(b)"),
    "another store": ({"store_id": "0b0e6f5e-0000-4000-8000-000000000000"}, "(b)"),
    "a root": ({"root__expected": "0" * 64}, "(e)"),
    "another cluster": ({"target__system_id": "1"}, "(server)"),
    "another time": ({"at": "2026-11-20T10:11:31Z"}, "(server)"),
}


def test_40_14_evidence_that_was_changed_is_stale(proven: tuple[Mirror, str]) -> None:
    pg, path = proven
    text = pg.text(path)
    for changes, letter in CHANGES.values():
        rewritten(pg, path, **changes)
        assert stale(pg, path).startswith(letter)
        pg.write(path, text)
    assert pg.verify(check=path).data["ok"] is True


def test_40_14_evidence_of_a_database_that_forgot_it_is_stale(proven: tuple[Mirror, str]) -> None:
    pg, path = proven
    pg.sql("DELETE FROM verify_run")
    assert stale(pg, path).startswith("(server)")


def test_40_14_evidence_is_stale_where_there_are_no_tables(proven: tuple[Mirror, str]) -> None:
    pg, path = proven
    pg.sql("DROP SCHEMA platformstate CASCADE")
    assert stale(pg, path).startswith("(server)")


def test_40_14_evidence_of_postgresql_is_stale_for_a_file(proven: tuple[Mirror, str]) -> None:
    pg, path = proven
    lite = Mirror(pg.root, pg.wish._replace(target=Flags(sqlite="../other.db")), None)
    lite.sync()
    assert stale(lite, path).startswith("(b)")


def test_40_14_a_commit_after_the_evidence_leaves_it_good(proven: tuple[Mirror, str]) -> None:
    pg, path = proven
    pg.edit()
    pg.sync()
    assert pg.verify(check=path).data["ok"] is True
    pg.git("checkout", "-q", "--orphan", "elsewhere")
    pg.commit("another history")
    assert stale(pg, path).startswith("(b)")


def test_40_14_evidence_names_no_host(proven: tuple[Mirror, str], database: Database) -> None:
    pg, path = proven
    assert database.conninfo.split()[0].removeprefix("host=") not in pg.text(path)
    assert set(json.loads(pg.text(path))["tables"]) == set(pg.verify().data["tables"])


def test_an_export_of_a_copy_is_the_same(lite: Mirror, tmp_path: Path) -> None:
    """Roots depend on content alone: not on the clone, the time, or the id of a sync."""
    lite.sync()
    copy = Mirror(Path(shutil.copytree(lite.root, tmp_path / "copy", symlinks=True)), lite.wish, None)
    copy.wish = copy.wish._replace(target=Flags(sqlite="../another.db"))
    copy.sync()
    assert copy.verify().data["root"] == lite.verify().data["root"]
