"""What follows from the schemas: tables, migrations, units; and what a changed schema asks for."""

from __future__ import annotations

import sqlite3
from hashlib import sha256

import pytest

from platformstate import validation
from platformstate.core.catalog import PLACES
from platformstate.exporter import sqlite_catalog
from platformstate.exporter.generate import golden, main, step, tables
from platformstate.exporter.layout import Column
from platformstate.exporter.migrations import Applied, Migration, compare, packaged
from platformstate.exporter.pg_catalog import found as pg_found
from platformstate.exporter.rows import PARSER_VERSION, Part, Record, rows_of
from platformstate.exporter.sqlite import statements
from platformstate.exporter.tables import TABLES
from platformstate.exporter.units import NOT_EXPORTED, unit_of
from tests.db.conftest import Mirror
from tests.schemas.corpus import PLACES as CORPUS
from tests.schemas.corpus import files, kind_of

GOLDEN_ROWS = {1: "35879ab90ff2109df3a1fb11917229b4f8bb3bd257859a951015abf1aa4508c0"}


def test_generated_files_are_what_the_schemas_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out
    assert tables() == TABLES


def test_migrations_in_turn_make_the_tables_of_the_golden_file() -> None:
    catalogs = []
    for text in ["".join(each.sql for each in packaged("sqlite")), golden(tables(), "sqlite")]:
        connection = sqlite3.connect(":memory:")
        for statement in statements(text):
            connection.execute(statement)
        catalogs.append(sqlite_catalog.found(connection))
        connection.close()
    assert catalogs[0] == catalogs[1]


def test_migrations_in_turn_make_the_tables_of_the_golden_file_in_postgresql(pg: Mirror) -> None:
    import psycopg

    assert pg.database is not None
    with psycopg.connect(pg.database.conninfo, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA golden")
        connection.execute("SET search_path = golden")
        connection.execute(golden(tables(), "postgres"))  # type: ignore[arg-type]
        made = pg_found(connection, "golden", with_migrations=False)
        connection.execute("SET search_path = platformstate")
        assert made == pg_found(connection, "platformstate", with_migrations=False)


def test_a_new_column_stands_last_and_becomes_a_migration() -> None:
    before = tables()
    task = before["task"]
    new = Column("team", "text", sources=(("task", ("team",)),))
    after = {**before, "task": task._replace(columns=(*task.columns, new))}
    assert step(before, after, "postgres") == "ALTER TABLE task ADD COLUMN team text;\n"
    with pytest.raises(SystemExit):
        step(after, before, "postgres")


def test_every_kind_of_place_has_a_table_or_a_reason() -> None:
    examples = {
        kind: "state/" + place.format(id="x", owner="x", run="x", subject="tasks/x")
        for kind, place in PLACES.items()
    }
    examples["ledger"] = "state/jobs/x/ledger/2026-11.k3m7qa2b.jsonl"
    for kind, path in examples.items():
        unit = unit_of(path)
        assert (unit is not None and unit.table in TABLES) or kind in NOT_EXPORTED, kind


def test_rows_of_the_corpus_change_only_with_the_parser_version() -> None:
    """When this fails, raise PARSER_VERSION and write the new digest: synced rows must be made again."""
    digest = sha256()
    for path in files("valid"):
        place = CORPUS[kind_of(path)]
        unit = unit_of(place)
        judged = validation.read(path.read_bytes(), place)
        if unit is None or unit.path != place:
            continue
        if judged.rows is not None:
            parts = [Part(kind_of(path), line, row) for line, row in judged.rows]
        elif judged.document is not None:
            parts = [Part(kind_of(path), 0, judged.document.meta, judged.document.body)]
        for row in rows_of(Record(unit, "0" * 40, parts), "00000000-0000-4000-8000-000000000001"):
            digest.update(row.hash)
    assert {PARSER_VERSION: digest.hexdigest()} == GOLDEN_ROWS


def test_migrations_are_compared_by_checksum() -> None:
    known = [Migration(1, "a", "", "x"), Migration(2, "b", "", "y")]
    found = compare([Applied(1, "a", "z"), Applied(3, "c", "w")], known)
    assert ([each.version for each in found.pending], found.changed, found.unknown) == ([2], (1,), (3,))


def test_a_migration_with_crlf_has_the_same_checksum(tmp_path: object) -> None:
    from pathlib import Path

    from platformstate.exporter.migrations import read

    folder = Path(str(tmp_path))
    (folder / "0001_a.sql").write_bytes(b"SELECT 1;\nSELECT 2;\n")
    one = read(folder / "0001_a.sql")
    (folder / "0001_a.sql").write_bytes(b"SELECT 1;\r\nSELECT 2;\r\n")
    assert read(folder / "0001_a.sql") == one
