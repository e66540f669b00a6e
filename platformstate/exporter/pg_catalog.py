"""Read the catalog of a PostgreSQL schema as the expected one is written."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from platformstate.exporter import catalog
from platformstate.exporter.catalog import Drift
from platformstate.exporter.pg_connect import Connection
from platformstate.exporter.postgres import applied_migrations
from platformstate.exporter.views import VIEWS

_TYPES: Final[dict[str, str]] = {"timestamp with time zone": "timestamptz"}
_COLUMNS: Final = """SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum"""
_KEYS: Final = """SELECT c.relname, k.contype, f.relname,
  (SELECT array_agg(a.attname::text ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class f ON f.oid = k.confrelid
WHERE n.nspname = %s AND k.contype IN ('p', 'f')"""
_INDEXES: Final = """SELECT c.relname, i.relname, x.indisvalid,
  (SELECT array_agg(pg_get_indexdef(x.indexrelid, number, true) ORDER BY number)
   FROM generate_series(1, x.indnkeyatts) number)
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND NOT x.indisprimary"""
_TRIGGERS: Final = """SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND NOT t.tgisinternal"""


def found(connection: Connection, schema: str, *, with_migrations: bool = True) -> dict[str, str]:
    """Return the description of every object of ours that is there, and of what is on our tables."""
    objects, there = _columns(connection, schema)
    objects |= _keys(connection, schema, there)
    for name, index, valid, columns in connection.execute(_INDEXES, [schema]):
        if name in there:
            objects[f"{name}.index {index}"] = ", ".join(columns) + ("" if valid else " (invalid)")
    for trigger, name in connection.execute(_TRIGGERS, [schema]):
        if name in there:
            objects[trigger] = f"trigger on {name}"
    if with_migrations:
        objects |= catalog.of_migrations(applied_migrations(connection, schema))
    return objects


def _columns(connection: Connection, schema: str) -> tuple[dict[str, str], set[str]]:
    """Return the columns of tables and views, and which tables there are."""
    ours = {table.name for table in catalog.tables()}
    objects: dict[str, str] = {}
    views: dict[str, list[str]] = defaultdict(list)
    there = set()
    for name, kind, column, type, filled in connection.execute(_COLUMNS, [schema]):
        if name in ours and kind not in ("v", b"v"):
            there.add(name)
            objects[f"{name}.{column}"] = catalog.typed(_TYPES.get(str(type), str(type)), not filled)
        elif name in VIEWS:
            views[name].append(column)
    return objects | {name: ", ".join(columns) for name, columns in views.items()}, there


def _keys(connection: Connection, schema: str, there: set[str]) -> dict[str, str]:
    keys: dict[str, list[str]] = {}
    references: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
    for name, kind, target, columns in connection.execute(_KEYS, [schema]):
        if kind in ("p", b"p"):
            keys[name] = columns
        else:
            references[name].append((columns, target))
    return {name: catalog.described(keys.get(name, ()), references[name]) for name in there}


def drift(connection: Connection, schema: str, *, with_migrations: bool = True) -> list[Drift]:
    """Return how the tables that are there differ from those that the migrations make."""
    wanted = catalog.expected("postgres", with_migrations=with_migrations)
    return catalog.drift(wanted, found(connection, schema, with_migrations=with_migrations))
