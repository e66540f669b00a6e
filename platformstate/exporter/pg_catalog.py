"""Read the catalog of a PostgreSQL schema as the expected one is written.

Each question is of the server's own tables and functions by their full names: the schema is in the search
path, and whoever owns it may have put a function there that fits better than the server's own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final, NamedTuple

from platformstate.exporter import catalog
from platformstate.exporter.catalog import Drift
from platformstate.exporter.pg_connect import Connection, sql
from platformstate.exporter.postgres import applied_migrations
from platformstate.exporter.views import PRINTED, VIEWS, queries

_OWNER_OF: Final = "schema_migration"
_TYPES: Final[dict[str, str]] = {"timestamp with time zone": "timestamptz"}
_IN_SCHEMA: Final = """pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %s::name"""
_RELATIONS: Final = f"""SELECT c.relname::text, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)::text,
  ARRAY(SELECT p.inhparent::regclass::text FROM pg_catalog.pg_inherits p WHERE p.inhrelid = c.oid ORDER BY 1),
  ARRAY(SELECT p.inhrelid::regclass::text FROM pg_catalog.pg_inherits p WHERE p.inhparent = c.oid ORDER BY 1),
  c.relkind = 'p', c.relpersistence = 'u', c.relrowsecurity, c.relforcerowsecurity, c.reloftype <> 0,
  EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid = c.oid AND t.tgisinternal AND t.tgenabled <> 'O'),
  CASE c.relkind WHEN 'v' THEN c.reloptions END
FROM {_IN_SCHEMA}"""
_COLUMNS: Final = f"""SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
  a.attnotnull, CASE a.attgenerated WHEN '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
  a.attidentity <> '', a.attgenerated <> '', a.attcollation <> t.typcollation
FROM {_IN_SCHEMA} JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"""
_KEYS: Final = f"""SELECT c.relname::text, k.contype::text, k.conname::text,
  (SELECT s.nspname::text FROM pg_catalog.pg_namespace s WHERE s.oid = f.relnamespace), f.relname::text,
  ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.conrelid
    AND a.attnum = ANY(k.conkey) ORDER BY pg_catalog.array_position(k.conkey, a.attnum)),
  pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.condeferrable, k.condeferred, k.convalidated, k.connoinherit,
  k.confupdtype::text, k.confdeltype::text, k.confmatchtype::text
FROM {_IN_SCHEMA} JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid WHERE k.contype IN ('p', 'f', 'c')"""
_INDEXES: Final = f"""SELECT c.relname::text, i.relname::text,
  ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, a.attnum::integer, true) FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = x.indexrelid AND a.attnum <= x.indnkeyatts ORDER BY a.attnum),
  x.indisunique, x.indpred IS NOT NULL, NOT (x.indisvalid AND x.indisready AND x.indislive), m.amname::text
FROM {_IN_SCHEMA} JOIN pg_catalog.pg_index x ON x.indrelid = c.oid JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = i.relam WHERE NOT x.indisprimary"""
_HANGING: Final = f"""SELECT c.relname::text, 'trigger', t.tgname::text, t.tgenabled::text
FROM {_IN_SCHEMA} JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
UNION ALL SELECT c.relname::text, 'rule', r.rulename::text, r.ev_enabled::text
FROM {_IN_SCHEMA} JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid WHERE r.rulename <> '_RETURN'
UNION ALL SELECT c.relname::text, 'policy', p.polname::text, 'O'
FROM {_IN_SCHEMA} JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
UNION ALL SELECT c.relname::text, 'reference', k.conname::text, 'O'
FROM {_IN_SCHEMA} JOIN pg_catalog.pg_constraint k ON k.confrelid = c.oid AND k.contype = 'f'
JOIN pg_catalog.pg_class r ON r.oid = k.conrelid
WHERE r.relnamespace <> c.relnamespace OR NOT r.relname = ANY(%s::text[])"""
_FIRES: Final = {"O": "", "D": " (disabled)", "R": " (of replicas)", "A": " (always)"}
_DOES: Final = {"r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}
_QUERIES: Final = f"""SELECT c.relname::text, pg_catalog.pg_get_viewdef(c.oid)
FROM {_IN_SCHEMA} WHERE c.relkind = 'v' AND c.relname = ANY(%s::text[])"""
# The servers whose print of a query is known, and the names that 15 prints where 16 sees that none is needed.
_KNOWN: Final = range(15, 19)
_NEEDLESS: Final = re.compile(r"(?<=[ (])(?:task|ranked)\.")
_OTHER_ROWS: Final = """SELECT EXISTS (
  (SELECT v::text FROM {view} v EXCEPT ALL SELECT q::text FROM ({query}) q) UNION ALL
  (SELECT q::text FROM ({query}) q EXCEPT ALL SELECT v::text FROM {view} v))"""


class _Relation(NamedTuple):
    name: str
    kind: str
    owner: str
    parents: list[str]
    children: list[str]
    partitioned: bool
    unlogged: bool
    guarded: bool
    forced: bool
    of_type: bool
    unchecked: bool
    options: list[str] | None

    def odd(self, owner: str | None) -> list[str]:
        """Return what no table or view of ours is."""
        said = {
            "partitioned": self.partitioned,
            "unlogged": self.unlogged,
            "row security": self.guarded,
            "row security forced": self.forced,
            "of a type": self.of_type,
            "foreign keys disabled": self.unchecked,
            f"owner {self.owner}": owner not in (None, self.owner),
        }
        named = [f"inherits {each}" for each in self.parents] + [
            f"parent of {each}" for each in self.children
        ]
        return [*named, *(word for word, holds in said.items() if holds), *(self.options or ())]


def found(connection: Connection, schema: str, *, with_migrations: bool = True) -> dict[str, str]:
    """Return the description of every object of ours that is there, and of what is on our tables.

    The schema is the first of the search path, since the server prints no name of it then.
    """
    ours = {table.name for table in catalog.tables()}
    relations = {row[0]: _Relation(*row) for row in connection.execute(sql(_RELATIONS), [schema])}
    there = {name for name in ours & relations.keys() if relations[name].kind in ("r", "p")}
    owner = relations[_OWNER_OF].owner if _OWNER_OF in relations else None
    objects = {name: catalog.KINDS.get(relations[name].kind, "") for name in ours & relations.keys() - there}
    objects |= _columns(connection, schema, there, [r for r in relations.values() if r.name in VIEWS], owner)
    objects |= _keys(connection, schema, {name: relations[name].odd(owner) for name in there})
    objects |= _indexes(connection, schema, there)
    asked = [schema, schema, schema, schema, sorted(ours)]
    for name, what, called, state in connection.execute(sql(_HANGING), asked):
        if name in ours or name in VIEWS:
            objects[f"{name}.{what} {called}"] = f"{what} on {name}{_FIRES.get(state, '')}"
    if with_migrations:
        objects |= catalog.of_migrations(applied_migrations(connection, schema))
    return objects


def _columns(
    connection: Connection, schema: str, there: set[str], views: Iterable[_Relation], owner: str | None
) -> dict[str, str]:
    """Return the columns of tables, and the views."""
    objects: dict[str, str] = {}
    listed: dict[str, list[str]] = defaultdict(list)
    for name, column, type, filled, default, *flags in connection.execute(sql(_COLUMNS), [schema]):
        listed[name].append(column)
        if name in there:
            odd = [f"default {catalog.words(default)}"] if default is not None else []
            named = zip(("identity", "generated", "another collation"), flags, strict=True)
            odd += [word for word, holds in named if holds]
            objects[f"{name}.{column}"] = catalog.typed(_TYPES.get(str(type), str(type)), not filled, odd)
    replaced = _replaced(connection, schema)
    for view in views:
        kind = [] if view.kind == "v" else [catalog.KINDS.get(view.kind, "table")]
        kind += ["another definition"] if view.name in replaced else []
        objects[view.name] = "; ".join([", ".join(listed[view.name]), *kind, *view.odd(owner)])
    return objects


def _replaced(connection: Connection, schema: str) -> set[str]:
    """Return the views that ask another query, where it is known how the server prints it."""
    if not knows_print(connection):
        return set()
    printed = connection.execute(sql(_QUERIES), [schema, list(VIEWS)])
    return {name for name, text in printed if definition(text) != PRINTED[name]}


def knows_print(connection: Connection) -> bool:
    """Say whether it is known how this version of the server prints a view's query."""
    return connection.info.server_version // 10000 in _KNOWN


def definition(printed: str) -> str:
    """Return the sha256 of a view's query as a server of any known version prints it."""
    return sha256(_NEEDLESS.sub("", " ".join(printed.split())).encode()).hexdigest()


def _keys(connection: Connection, schema: str, tables: dict[str, list[str]]) -> dict[str, str]:
    """Return the tables with their keys, and their checks."""
    keys: dict[str, list[str]] = {}
    references: dict[str, list[str]] = defaultdict(list)
    checks: dict[str, str] = {}
    for name, kind, called, space, target, columns, expression, *how in connection.execute(
        sql(_KEYS), [schema]
    ):
        if name not in tables:
            continue
        odd = _how(*how)
        if kind == "c":
            checks[f"{name}.check {called}"] = " ".join([catalog.words(expression), *odd])
        elif kind == "p":
            keys[name] = [*columns, *odd]
        else:
            place = target if space == schema else f"{space}.{target}"
            references[name].append(catalog.referring(columns, place, odd))
    made = {
        name: catalog.described(keys.get(name, ()), references[name], odd) for name, odd in tables.items()
    }
    return made | checks


def _how(
    deferrable: bool, deferred: bool, valid: bool, local: bool, update: str, delete: str, match: str
) -> list[str]:
    """Return how a constraint is kept, where that is not the usual way."""
    said = {"deferrable": deferrable and not deferred, "deferred": deferred, "not valid": not valid}
    found = [word for word, holds in said.items() if holds]
    found += [
        f"on {what} {_DOES[does]}" for what, does in (("update", update), ("delete", delete)) if does in _DOES
    ]
    return found + (["match full"] if match == "f" else [])


def _indexes(connection: Connection, schema: str, there: set[str]) -> dict[str, str]:
    objects = {}
    for name, index, columns, *flags, method in connection.execute(sql(_INDEXES), [schema]):
        if name in there:
            odd = [word for word, holds in zip(("unique", "partial", "invalid"), flags, strict=True) if holds]
            odd += [method] if method != "btree" else []
            objects[f"{name}.index {index}"] = ", ".join(columns) + "".join(f" ({word})" for word in odd)
    return objects


def drift(connection: Connection, schema: str, *, with_migrations: bool = True) -> list[Drift]:
    """Return how the tables that are there differ from those that the migrations make."""
    wanted = catalog.expected("postgres", with_migrations=with_migrations)
    return catalog.drift(wanted, found(connection, schema, with_migrations=with_migrations))


def other_views(connection: Connection) -> list[Drift]:
    """Return the views that show other rows than their definition does; columns and tables are as expected."""
    found = []
    for view, query in queries("postgres").items():
        text = _OTHER_ROWS.format(view=view, query=query)
        row: Any = connection.execute(sql(text)).fetchone()
        if row[0]:
            found.append(Drift(view, "the rows of its definition", "other rows"))
    return found
