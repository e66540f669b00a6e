"""One text of every value and one hash of every row: in Python, in SQLite, in each PostgreSQL at hand."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from platformstate.exporter import canonical
from platformstate.exporter.canonical import Unstorable, field, json_text
from platformstate.exporter.layout import Column, Table
from platformstate.exporter.migrations import packaged
from platformstate.exporter.pg_catalog import definition, drift, knows_print, other_views
from platformstate.exporter.pg_text import hash_of, shard_of, text_of
from platformstate.exporter.rows import BadValue, Part, Record, rows_of
from platformstate.exporter.units import unit_of
from platformstate.exporter.views import PRINTED
from tests.postgres import Server, found_binaries

STORE = "00000000-0000-4000-8000-000000000001"
BLOB = "056fe87307b773855cd52169a9d30069351f0395"


def test_the_worked_example() -> None:
    unit = unit_of("state/templates/A.md")
    assert unit is not None
    (row,) = rows_of(Record(unit, BLOB, [Part("template", 0, {}, "hi ✓\n")]), STORE)
    hashed = b"packet_template," + canonical.encoded(row.fields)
    assert (
        hashed
        == (
            "packet_template,36:00000000-0000-4000-8000-000000000001,4:A.md,2:{},7:hi ✓\n,20:state/templates/A.md,"
            "1:0,40:056fe87307b773855cd52169a9d30069351f0395,"
        ).encode()
    )
    assert row.hash.hex() == "87a6b0db965f1c244e0b71de77eb73d3361eb9fd627436f252bafe929db37529"
    assert row.shard == 0x81
    root = canonical.table_root({row.shard: canonical.shard_digest([row.hash])})
    assert root == "19d42f9b1b5192b1da6072137dc665af22659e321c7392f5493fa31a17c13659"


def test_an_empty_table_has_the_root_of_nothing() -> None:
    assert canonical.table_root({}) == sha256(b"").hexdigest() == canonical.EMPTY_ROOT


@pytest.mark.parametrize(
    "value,text",
    [
        ({"b": 1, "aa": 2, "a": 3}, '{"a": 3, "b": 1, "aa": 2}'),
        ({"é": 1, "zz": 2, "z": 3}, '{"z": 3, "zz": 2, "é": 1}'),
        ([1e21, 1.0, -0.0, 5e-324 * 0], "[1000000000000000000000, 1.0, 0.0, 0.0]"),
        ({"x": [0.1, {"y": 1.5e-7}]}, '{"x": [0.1, {"y": 0.00000015}]}'),
        ({"t": 'tab\t "q" \\ \x1f \x7f ☃'}, '{"t": "tab\\t \\"q\\" \\\\ \\u001f \x7f ☃"}'),
        (10**39, "1" + "0" * 39),
        ({}, "{}"),
        ([True, False, None], "[true, false, null]"),
    ],
)
def test_json_is_written_as_postgresql_prints_it(value: Any, text: str) -> None:
    assert json_text(value) == text


@pytest.mark.parametrize(
    "value,type",
    [
        ("a\0b", "text"),
        ("\ud800", "text"),
        ({"a": "b\0"}, "jsonb"),
        ({"a\0": "b"}, "jsonb"),
        (["\udfff"], "jsonb"),
        (float("nan"), "jsonb"),
        ({"a": float("inf")}, "jsonb"),
        (2**31, "integer"),
        (-(2**63) - 1, "bigint"),
        ("0001-01-01T00:00:00+01:00", "timestamptz"),
        ("9999-12-31T23:59:59-01:00", "timestamptz"),
    ],
)
def test_what_no_database_can_hold_is_refused(value: Any, type: str) -> None:
    with pytest.raises(Unstorable):
        field(value, type)


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert json_text({"a": "\\u0000"}) == '{"a": "\\\\u0000"}'


def test_a_bad_value_names_its_column() -> None:
    unit = unit_of("state/tasks/a/runs/20261120t101130z-3k9xma/run.md")
    assert unit is not None
    with pytest.raises(BadValue) as refused:
        list(
            rows_of(
                Record(unit, BLOB, [Part("run", 0, {"status": "defined", "attempt": 3_000_000_000})]), STORE
            )
        )
    assert refused.value.column == "attempt"


def test_instants_are_utc_with_six_digits() -> None:
    assert canonical.instant_text("2026-11-20T10:11:30Z") == "2026-11-20T10:11:30.000000Z"
    assert canonical.instant_text("2026-11-20T10:11:30.5+02:00") == "2026-11-20T08:11:30.500000Z"
    assert canonical.instant_text("0001-01-01T00:00:00Z") == "0001-01-01T00:00:00.000000Z"
    assert canonical.instant_text("0001-01-01T02:00:00+01:00") == "0001-01-01T01:00:00.000000Z"


PROBE = Table(
    "probe",
    (
        Column("store_id", "uuid", null=False),
        Column("k", "integer", null=False),
        Column("t", "text"),
        Column("j", "jsonb"),
        Column("at", "timestamptz"),
        Column("n", "bigint"),
        Column("ok", "boolean"),
        Column("b", "bytea"),
    ),
    ("store_id", "k"),
)
HOSTILE = (
    "SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German'; SET extra_float_digits = 0;"
    " SET bytea_output = 'escape'; SET IntervalStyle = 'sql_standard'; SET standard_conforming_strings = on"
)


def random_values(chance: random.Random, count: int) -> Iterator[list[Any]]:
    """Yield rows of values that were hard for databases before."""
    letters = [*"aé✓😀עמ\u0301\t\n\\'\"%$~:,0N.", "\\N", "\\.", "%s", "$1", "\u2028", "\ufeff"]

    def text() -> str:
        return "".join(chance.choices(letters, k=chance.randrange(12)))

    def number() -> float | int:
        exponent = chance.randrange(-300, 308)
        return chance.choice(
            [
                chance.randrange(-(10**40), 10**40),
                chance.uniform(0.1, 1) * 10.0**exponent,
                1e21,
                5e-324,
                1.8e307,
            ]
        )

    def value(depth: int = 0) -> Any:
        kind = chance.randrange(6 if depth < 3 else 4)
        if kind == 4:
            return [value(depth + 1) for _ in range(chance.randrange(4))]
        if kind == 5:
            return {text(): value(depth + 1) for _ in range(chance.randrange(5))}
        return [text(), number(), chance.choice([True, False]), None][kind]

    for key in range(count):
        year = chance.choice([1, 2, 999, 1000, 1969, 2000, 2026, 9999])
        at = f"{year:04}-{chance.randrange(1, 13):02}-{chance.randrange(1, 28):02}T23:59:59.{chance.randrange(10**6):06}Z"
        row = [
            text(),
            {"v": value()},
            at,
            chance.randrange(-(2**63), 2**63),
            chance.random() < 0.5,
            chance.randbytes(5).hex(),
        ]
        yield [STORE, key, *(None if chance.random() < 0.1 else each for each in row)]


@pytest.fixture(scope="module", params=found_binaries(), ids=lambda binaries: binaries.name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each version that is here."""
    made = Server(request.param)
    yield made
    made.remove()


def test_every_server_has_the_same_catalog_of_our_tables(server: Server) -> None:
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute("CREATE SCHEMA s")
        connection.execute("SET LOCAL search_path = s, pg_temp")
        for migration in packaged("postgres"):
            connection.execute(migration.sql)  # type: ignore[arg-type]
        texts = {view: f"SELECT pg_get_viewdef('{view}'::regclass)" for view in PRINTED}
        printed = {view: connection.execute(text).fetchone() for view, text in texts.items()}  # type: ignore[arg-type]
        assert {view: definition(row[0]) for view, row in printed.items() if row} == PRINTED
        assert knows_print(connection)
        assert drift(connection, "s", with_migrations=False) == []
        assert other_views(connection) == []


def test_every_server_computes_the_same_hashes(server: Server) -> None:
    rows = list(random_values(random.Random(server.binaries.name), 2_000))
    types = [column.type for column in PROBE.columns]
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        columns = ", ".join(f"{column.name} {column.type}" for column in PROBE.columns)
        connection.execute(f"CREATE TABLE probe ({columns})")  # type: ignore[arg-type]
        fields = [[field(value, type) for value, type in zip(row, types, strict=True)] for row in rows]
        texts = [[None if each is None else each.decode() for each in row] for row in fields]
        for row in texts:
            row[-1] = None if row[-1] is None else "\\x" + row[-1]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO probe VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", texts)
        connection.execute(HOSTILE)
        shown = ", ".join(text_of(column) for column in PROBE.columns)
        found = connection.execute(
            f"SELECT {hash_of(PROBE)}, {shard_of(PROBE)}, {shown} FROM probe t ORDER BY t.k"  # type: ignore[arg-type]
        ).fetchall()
    for ours, theirs in zip(fields, found, strict=True):
        assert [None if each is None else each.encode() for each in theirs[2:]] == ours
        assert theirs[0] == canonical.row_hash("probe", ours)
        assert theirs[1] == canonical.shard(ours[:2])


def test_a_document_that_is_read_again_has_the_same_text() -> None:
    for row in random_values(random.Random(7), 300):
        text = json_text(row[3])
        assert json_text(json.loads(text, parse_float=float)) == text
