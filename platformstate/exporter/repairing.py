"""Make rows that were edited by hand visible to a sync: their stored hash is no longer that of their columns."""

from __future__ import annotations

from typing import Any

from platformstate.exporter import canonical
from platformstate.exporter.pg_text import hash_of
from platformstate.exporter.tables import TABLES


def repair_postgres(connection: Any, store: str) -> None:
    """Give every row of a store the hash that its columns have now, so that the merge sees what differs."""
    for table in TABLES.values():
        now = hash_of(table)
        connection.execute(
            f"UPDATE {table.name} t SET row_hash = {now} WHERE t.store_id = %s::uuid AND t.row_hash <> {now}",
            [store],
        )


def repair_sqlite(connection: Any, store: str) -> None:
    """Do the same in a SQLite file, with the hashes computed here."""
    from platformstate.exporter.sqlite_values import canonical_rows

    for table in TABLES.values():
        key = " AND ".join(f"{name} = ?" for name in table.key)
        for kept, fields in list(canonical_rows(connection, table, store)):
            now = canonical.row_hash(table.name, fields)
            if kept != now:
                at = [fields[canonical.hashed_columns(table).index(name)] for name in table.key]
                texts = [None if each is None else each.decode("utf-8") for each in at]
                connection.execute(f"UPDATE {table.name} SET row_hash = ? WHERE {key}", [now, *texts])
