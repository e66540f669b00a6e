"""The SQL that a sync and a verification send to PostgreSQL. Pure text."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from platformstate.exporter.bookkeeping import SOURCE_FILE
from platformstate.exporter.canonical import hashed_columns
from platformstate.exporter.layout import Column, Table
from platformstate.exporter.tables import TABLES

LOCK_AND_NOW: Final = (
    "SELECT pg_advisory_xact_lock(%s), to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
)
EVERY: Final = {**TABLES, "source_file": SOURCE_FILE}
_STAGED: Final = "pg_temp.staged_"
# Of exactly the type that the server's function takes: one of the schema's that takes text would fit better.
_UTF8: Final = "'UTF8'::name"
_CANONICAL: Final = {
    "text": "{c}",
    "uuid": "{c}::text",
    "integer": "{c}::text",
    "bigint": "{c}::text",
    "boolean": "{c}::text",
    "jsonb": "{c}::text",
    "bytea": "encode({c}, 'hex')",
    "timestamptz": "to_char({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
}


def lock_key(text: str) -> int:
    """Return the number of an advisory lock."""
    return int.from_bytes(sha256(text.encode("utf-8")).digest()[:8], "big", signed=True)


def store_lock(schema: str, store: str) -> int:
    """Return the lock that a sync of a store holds."""
    return lock_key(f"platformstate:{schema}:{store}")


def migration_lock(schema: str) -> int:
    """Return the lock that a migration holds alone and that syncs share."""
    return lock_key(f"platformstate-migrate:{schema}")


def staged_columns(table: Table) -> tuple[str, ...]:
    """Return the columns that are staged: those that are hashed, and the hash where the table keeps it."""
    return (*hashed_columns(table), *(["row_hash"] if "row_hash" in table.names else []))


def create_staging(table: Table) -> str:
    """Return the statement that makes a table's staging table; it names no other, so it locks none."""
    types = {column.name: column.type for column in table.columns}
    columns = ", ".join(f"{name} {types[name]}" for name in staged_columns(table))
    return f"CREATE TEMP TABLE staged_{table.name} ({columns}) ON COMMIT DROP"


def copy_in(table: Table) -> str:
    """Return the COPY into a staging table."""
    return f"COPY {_STAGED}{table.name} ({', '.join(staged_columns(table))}) FROM STDIN (FORMAT BINARY)"


def copy_straight(table: Table) -> str:
    """Return the COPY into a table itself, stamps last."""
    columns = ", ".join((*staged_columns(table), *stamps(table)))
    return f"COPY {table.name} ({columns}) FROM STDIN (FORMAT BINARY)"


def _on_key(table: Table) -> str:
    return " AND ".join(f"t.{name} = s.{name}" for name in table.key)


def _differs(table: Table) -> str:
    if "row_hash" in table.names:
        return "t.row_hash IS DISTINCT FROM s.row_hash"
    rest = [name for name in staged_columns(table) if name not in table.key]
    return f"({', '.join(f't.{n}' for n in rest)}) IS DISTINCT FROM ({', '.join(f's.{n}' for n in rest)})"


def _is_new(table: Table) -> str:
    return f"t.{table.key[-1]} IS NULL"


def count_staged(table: Table) -> str:
    """Return the question how many staged rows are new, differ, and are there in all."""
    return (
        f"SELECT count(*) FILTER (WHERE {_is_new(table)}),"
        f" count(*) FILTER (WHERE NOT {_is_new(table)} AND {_differs(table)}), count(*)"
        f" FROM {_STAGED}{table.name} s LEFT JOIN {table.name} t ON {_on_key(table)}"
    )


def duplicates(table: Table) -> str:
    """Return the question which staged rows have the key of a row whose unit was not touched."""
    return (
        f"SELECT s.source_path, t.source_path FROM {_STAGED}{table.name} s JOIN {table.name} t ON {_on_key(table)}"
        " WHERE NOT EXISTS (SELECT 1 FROM pg_temp.touched u WHERE u.unit = t.source_path)"
        " ORDER BY 1, 2 LIMIT 20"
    )


def twice_staged(table: Table) -> str:
    """Return the question which files were staged with one key."""
    keys = ", ".join(table.key)
    return (
        f"SELECT min(source_path), max(source_path) FROM {_STAGED}{table.name}"
        f" GROUP BY {keys} HAVING count(*) > 1 ORDER BY 1 LIMIT 20"
    )


def stamps(table: Table) -> tuple[str, ...]:
    """Return the columns that are the same in every row of one sync."""
    return ("sync_id", "synced_at") if "synced_at" in table.names else ("sync_id",)


def merge(table: Table) -> str:
    """Return the statement that makes the table's rows equal to the staged ones; it takes the sync's id."""
    staged = staged_columns(table)
    values = ["%(sync_id)s::uuid", "now()"][: len(stamps(table))]
    names = [*staged, *stamps(table)]
    given = [*(f"s.{name}" for name in staged), *values]
    sets = [f"{name} = {value}" for name, value in zip(names, given, strict=True) if name not in table.key]
    return (
        f"MERGE INTO {table.name} t USING {_STAGED}{table.name} s ON {_on_key(table)}"
        f" WHEN MATCHED AND {_differs(table)} THEN UPDATE SET {', '.join(sets)}"
        f" WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) VALUES ({', '.join(given)})"
    )


def delete_unstaged(table: Table, *, staged: bool, all_units: bool) -> str:
    """Return the statement that deletes the rows of touched units that were not staged."""
    unit = "unit" if table.name == "source_file" else "source_path"
    wheres = ["t.store_id = %(store)s::uuid"]
    if not all_units:
        wheres.append(f"EXISTS (SELECT 1 FROM pg_temp.touched u WHERE u.unit = t.{unit})")
    if staged:
        wheres.append(f"NOT EXISTS (SELECT 1 FROM {_STAGED}{table.name} s WHERE {_on_key(table)})")
    return f"DELETE FROM {table.name} t WHERE {' AND '.join(wheres)}"


def text_of(column: Column) -> str:
    """Return the canonical text of a column as SQL."""
    return _CANONICAL[column.type].replace("{c}", f"t.{column.name}")


def _encoded(table: Table, names: tuple[str, ...]) -> str:
    by_name = {column.name: column for column in table.columns}
    parts = []
    for name in names:
        text = text_of(by_name[name])
        parts.append(f"coalesce(octet_length({text})::text || ':' || {text} || ',', '~,')")
    return " || ".join(parts)


def hash_of(table: Table) -> str:
    """Return a row's hash as SQL."""
    return f"sha256(convert_to('{table.name},' || {_encoded(table, hashed_columns(table))}, {_UTF8}))"


def shard_of(table: Table) -> str:
    """Return a row's shard as SQL."""
    return f"get_byte(sha256(convert_to({_encoded(table, table.key)}, {_UTF8})), 0)"


def shards(table: Table) -> str:
    """Return the question for each shard: rows, digest, and how many rows' stored hash is not their own."""
    wrong = "t.row_hash IS DISTINCT FROM h" if "row_hash" in table.names else "false"
    kept = ", t.row_hash" if "row_hash" in table.names else ""
    return (
        f"SELECT shard, count(*), sha256(string_agg(h, ''::bytea ORDER BY h)), count(*) FILTER (WHERE {wrong})"
        f" FROM (SELECT {shard_of(table)} AS shard, {hash_of(table)} AS h{kept} FROM {table.name} t"
        f" WHERE t.store_id = %(store)s::uuid) t GROUP BY shard ORDER BY shard"
    )


def rows_in_shards(table: Table) -> str:
    """Return the question for the canonical text of every row of some shards, with its stored hash."""
    by_name = {column.name: column for column in table.columns}
    texts = ", ".join(text_of(by_name[name]) for name in hashed_columns(table))
    kept = "t.row_hash" if "row_hash" in table.names else "NULL::bytea"
    return (
        f"SELECT {kept}, {texts} FROM {table.name} t WHERE t.store_id = %(store)s::uuid"
        f" AND {shard_of(table)} = ANY(%(shards)s)"
    )


def wrong_hashes(table: Table) -> str:
    """Return the question for the text of every row whose stored hash is not that of its columns."""
    by_name = {column.name: column for column in table.columns}
    texts = ", ".join(text_of(by_name[name]) for name in hashed_columns(table))
    return (
        f"SELECT {texts} FROM {table.name} t WHERE t.store_id = %(store)s::uuid"
        f" AND t.row_hash IS DISTINCT FROM {hash_of(table)}"
    )
