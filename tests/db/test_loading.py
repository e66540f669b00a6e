"""A load of many batches: rows of several tables in turn, straight into their tables or over staging."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from platformstate.exporter import pg_binary, pg_text
from platformstate.exporter.layout import Column
from platformstate.exporter.pg_connect import sql
from platformstate.exporter.pg_copying import Copying
from platformstate.exporter.pg_errors import TryAgain, explained
from platformstate.exporter.pg_writer import BATCH_BYTES
from platformstate.exporter.units import Unit, unit_of
from tests.db.conftest import Mirror
from tests.db.injected import content, sync_that_meets
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


def _checked(connection: psycopg.Connection[Any]) -> Copying:
    """Begin a transaction with a table that refuses the number 13."""
    connection.execute("BEGIN; CREATE TEMP TABLE t (n integer CHECK (n <> 13)) ON COMMIT DROP")
    return Copying(connection)


def _numbers(*numbers: int) -> bytes:
    return pg_binary.tuples([(b"%d" % number,) for number in numbers], ["integer"])


COPY = "COPY t FROM STDIN (FORMAT BINARY)"


@pytest.mark.parametrize("last", [False, True], ids=["the next batch", "the end"])
def test_a_batch_that_is_refused_is_told_by_what_comes_next(database: Database, last: bool) -> None:
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        copying = _checked(connection)
        copying.write(COPY, _numbers(1, 2))
        copying.write(COPY, _numbers(13))
        with pytest.raises(psycopg.errors.CheckViolation):
            copying.end() if last else copying.write(COPY, _numbers(3))
        copying.abandon()
        assert connection.info.transaction_status == TransactionStatus.INERROR
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT to_regclass('pg_temp.t')").fetchone() == (None,)


@pytest.mark.parametrize("batch", [(1, 2), (13,)], ids=["taken", "refused"])
def test_an_answer_that_nobody_waited_for_stands_in_nobodys_way(database: Database, batch: list[int]) -> None:
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        copying = _checked(connection)
        copying.write(COPY, _numbers(*batch))
        copying.abandon()
        copying.abandon()
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("act", ["write", "end", "abandon"])
def test_a_connection_that_was_lost_after_a_batch_is_told_and_can_be_abandoned(
    database: Database, act: str
) -> None:
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        copying = _checked(connection)
        copying.write(COPY, _numbers(1))
        database.run("SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
        with suppress(TryAgain) if act == "abandon" else pytest.raises(TryAgain), explained():
            if act == "write":
                copying.write(COPY, _numbers(2))
            elif act == "end":
                copying.end()  # the answer may have come before the loss
                connection.execute("SELECT 1")
        copying.abandon()
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
        assert connection.closed


def test_a_row_larger_than_the_drivers_buffer_and_notices_of_a_trigger_hold_nothing_up(
    database: Database,
) -> None:
    said = bytes(range(32, 127)) * 11_000  # a driver hands on an eighth of that at once
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION pg_temp.talk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN FOR i IN 1..10 LOOP RAISE NOTICE '%', repeat('n', 90000); END LOOP; RETURN NEW; END$$"
        )
        connection.execute("BEGIN; CREATE TEMP TABLE t (s text)")
        connection.execute(
            "CREATE TRIGGER spy BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.talk()"
        )
        copying = Copying(connection)
        for _ in range(3):
            copying.write(COPY, pg_binary.tuples([(said,), (b"s",)], ["text"]))
        copying.end()
        found = connection.execute("SELECT count(*), min(s) FROM t").fetchone()
    assert found == (6, said.decode())


@pytest.mark.parametrize("flags", [{}, {"rebuild": True}], ids=["first", "rebuild"])
def test_a_load_that_is_interrupted_between_batches_leaves_the_old_state(
    fresh: Mirror, flags: dict[str, bool]
) -> None:
    _filled(fresh)
    fresh.migrate()
    if flags:
        fresh.sync()
        fresh.edit()
    before = content(fresh)

    def told(phase: str, done: int, total: int) -> None:
        if phase == "copy" and done > MANY // 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sync_that_meets(fresh, lambda point: None, told, **flags)
    assert content(fresh) == before
    assert fresh.sync().data["result"] == "synced"
    assert fresh.equal()


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
