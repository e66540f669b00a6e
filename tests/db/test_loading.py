"""A load of many batches: rows of several tables in turn, straight into their tables or over staging."""

from __future__ import annotations

import psycopg
import pytest

from platformstate.exporter import pg_binary, pg_text
from platformstate.exporter.bookkeeping import SOURCE_FILE
from platformstate.exporter.pg_copying import Copying
from platformstate.exporter.pg_writer import BATCH_BYTES
from tests.db.conftest import Mirror
from tests.postgres import Database

MANY = 400


def _filled(mirror: Mirror) -> None:
    mirror.add_tasks(MANY)
    mirror.commit("many")
    size = sum(len(mirror.text(f"state/tasks/t-{number}/task.md")) for number in range(MANY))
    assert size > BATCH_BYTES


def test_a_first_load_of_several_batches_equals_its_commit(fresh: Mirror) -> None:
    _filled(fresh)
    fresh.migrate()
    assert fresh.relation() == "initial"
    assert fresh.equal()
    stamps = fresh.sql("SELECT DISTINCT sync_id::text, synced_at FROM task")
    assert stamps == fresh.sql("SELECT sync_id::text, synced_at FROM store_head")


def test_a_rebuild_of_several_batches_stages_and_changes_nothing(fresh: Mirror) -> None:
    _filled(fresh)
    fresh.migrate()
    fresh.sync()
    before = fresh.sql("SELECT task_id, xmin::text, synced_at FROM task ORDER BY task_id")
    assert fresh.relation(rebuild=True) == "rebuild"
    assert fresh.sql("SELECT task_id, xmin::text, synced_at FROM task ORDER BY task_id") == before
    assert fresh.equal()


def test_one_id_in_two_files_of_a_first_load_names_both_and_loads_nothing(fresh: Mirror) -> None:
    _filled(fresh)
    fresh.migrate()
    first = next(path for path in fresh.root.glob("state/tasks/*/runs/*/checkpoints/*.md"))
    run = first.parent.parent
    other = run.with_name("20261120t111130z-9k9xma")
    (other / "checkpoints").mkdir(parents=True)
    text = (run / "run.md").read_text().replace(run.name, other.name)
    (other / "run.md").write_text(text)
    (other / "checkpoints" / first.name).write_text(first.read_text().replace(run.name, other.name))
    fresh.commit("copied")
    refused = fresh.refused()
    found = [problem for problem in refused.problems if problem.code == "id_duplicate"]
    assert [problem.path for problem in found] == [
        str((other / "checkpoints" / first.name).relative_to(fresh.root))
    ]
    assert str(first.relative_to(fresh.root)) in found[0].message
    assert fresh.one("SELECT count(*) FROM task") == 0


def test_a_copy_that_is_abandoned_leaves_the_connection_usable(database: Database) -> None:
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        connection.execute("BEGIN")
        connection.execute(pg_text.create_staging(SOURCE_FILE))
        copying = Copying(connection)
        copying.write(pg_text.copy_in(SOURCE_FILE), b"")
        copying.abandon()
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("number", [1, 3, 400])
def test_a_column_is_written_alike_whether_its_values_repeat_or_not(number: int) -> None:
    written = ["text", "integer"]
    rows = [(b"same" if number % 2 else None, b"%d" % place) for place in range(number)]
    whole = pg_binary.tuples(rows, written)
    assert whole == b"".join(pg_binary.tuples([row], written) for row in rows)
    assert pg_binary.tuples([], written) == b""
