"""A load of many batches: rows of several tables in turn, straight into their tables or over staging."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from platformstate.exporter import pg_binary, pg_text
from platformstate.exporter.bookkeeping import SOURCE_FILE
from platformstate.exporter.layout import Column
from platformstate.exporter.pg_connect import sql
from platformstate.exporter.pg_copying import Copying
from platformstate.exporter.pg_writer import BATCH_BYTES
from platformstate.exporter.units import Unit, unit_of
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


def test_the_inventory_holds_every_exported_file_with_its_blob_and_its_units_rows(mirror: Mirror) -> None:
    mirror.sync()
    listed = mirror.git("ls-tree", "-r", "HEAD", "state").splitlines()
    blobs = {path: line.split()[2] for line in listed for path in [line.partition("\t")[2]]}
    found = mirror.sql("SELECT path, blob_oid, unit, table_name, row_count FROM source_file")
    assert {path: bytes(blob).hex() for path, blob, *_ in found} == {
        path: blob for path, blob in blobs.items() if unit_of(path)
    }
    for path, _, unit, table, rows in found:
        assert Unit(unit, table or unit_of(unit).table) == unit_of(path)  # type: ignore[union-attr]
        there = mirror.one(f"SELECT count(*) FROM {table} WHERE source_path = ?", path) if table else 0
        assert (table is None) == (path != unit)
        assert rows == there
    assert any(table is None for *_, table, _ in found)


VALUES = {
    "text": [b"a", b"", "é✓".encode(), b"b" * 3000],
    "jsonb": [b"{}", b'{"a": 1}', b'"' + b"x" * 3000 + b'"'],
    "uuid": [b"0b0e6f5e-0000-4000-8000-00000000000a", b"1b0e6f5e-0000-4000-8000-00000000000b"],
    "bytea": [b"00ff", b"abcd" * 20],
    "integer": [b"-1", b"0", b"2147483647"],
    "bigint": [b"-1", b"0", b"9223372036854775807"],
    "boolean": [b"true", b"false"],
    "timestamptz": [b"0001-01-01T00:00:00.000000Z", b"2026-11-20T10:11:30.500000Z"],
}


def test_a_batch_of_any_type_arrives_as_it_was(database: Database) -> None:
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for type, values in VALUES.items():
            for mixed in (values, [*values, None]):
                rows = [
                    (b"%d" % place, mixed[0], mixed[place % len(mixed)], mixed[-1]) for place in range(12)
                ]
                assert _copied(connection, type, rows) == rows


def _copied(connection: psycopg.Connection[Any], type: str, rows: list[Any]) -> list[Any]:
    """Send rows in batches of 1, 1 and the rest, and return the canonical bytes that are there."""
    columns = ["n", "a", "b", "c"]
    types = ["integer", type, type, type]
    made = ", ".join(map(" ".join, zip(columns, types, strict=True)))
    texts = ", ".join(pg_text.text_of(Column(*each)) for each in zip(columns, types, strict=True))
    copying = Copying(connection)
    connection.execute(sql(f"DROP TABLE IF EXISTS t; CREATE TEMP TABLE t ({made})"))
    for batch in (rows[:1], rows[1:2], rows[2:]):
        copying.write("COPY t FROM STDIN (FORMAT BINARY)", pg_binary.tuples(batch, types))
    copying.end()
    found = connection.execute(sql(f"SELECT {texts} FROM t ORDER BY t.n")).fetchall()
    return [tuple(None if each is None else each.encode() for each in row) for row in found]


@pytest.mark.parametrize("number", [1, 3, 400])
def test_a_column_is_written_alike_whether_its_values_repeat_or_not(number: int) -> None:
    written = ["text", "integer"]
    rows = [(b"same" if number % 2 else None, b"%d" % place) for place in range(number)]
    whole = pg_binary.tuples(rows, written)
    assert whole == b"".join(pg_binary.tuples([row], written) for row in rows)
    assert pg_binary.tuples([], written) == b""
