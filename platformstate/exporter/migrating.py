"""Apply pending migrations to PostgreSQL, each in one transaction under the migration lock."""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

from platformstate.errors import StateError
from platformstate.exporter import pg_text
from platformstate.exporter.migrations import (
    Applied,
    Comparison,
    Migration,
    compare,
    packaged,
    refuse_foreign,
)
from platformstate.exporter.pg_connect import Connection, sql
from platformstate.exporter.pg_errors import Locked, TryAgain, explained, unreachable
from platformstate.exporter.postgres import PostgresTarget, applied_migrations, rolled_back

_REMEMBER = """INSERT INTO schema_migration (version, name, checksum, tool_version, ms)
VALUES (%s, %s, decode(%s, 'hex'), %s, %s)"""

_IS_THERE = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s"


class Done(NamedTuple):
    """One migration that was applied, and how long it took."""

    migration: Migration
    ms: int

    def as_json(self) -> dict[str, Any]:
        """Return what `db migrate` shows of it."""
        return {**self.migration.as_json(), "ms": self.ms}


def standing(target: PostgresTarget) -> tuple[tuple[Applied, ...], Comparison]:
    """Return what was applied and what is pending. Raises: db_schema_newer, db_migration_changed."""
    known = packaged("postgres")
    try:
        with target.reading() as connection:
            applied = applied_migrations(connection, target.schema)
    except TryAgain:
        raise unreachable() from None
    refuse_foreign(applied, known)
    return applied, compare(applied, known)


def migrate(target: PostgresTarget, tool_version: str, *, adopt: bool = False) -> list[Done]:
    """Apply every pending migration; with `adopt` only remember those that a DBA applied by hand.

    Raises: db_locked, db_permission_denied, db_migration_changed when adopted tables are not the expected.
    """
    done: list[Done] = []
    for migration in standing(target)[1].pending:
        try:
            found = _apply(target, migration, tool_version, adopt=adopt)
        except Locked:
            raise target.locked("") from None
        except TryAgain:
            raise unreachable() from None
        done += [found] if found is not None else []
    return done


def _apply(target: PostgresTarget, migration: Migration, tool_version: str, *, adopt: bool) -> Done | None:
    started = perf_counter()
    connection = target.begin("ISOLATION LEVEL READ COMMITTED READ WRITE")
    try:
        with explained():
            lock = pg_text.migration_lock(target.schema)
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
            if _is_done(connection, target.schema, migration):
                return None
            _make(connection, target, migration, adopt=adopt)
            ms = round((perf_counter() - started) * 1000)
            row = [migration.version, migration.name, migration.checksum, tool_version, ms]
            connection.execute(_REMEMBER, row)
            connection.execute("COMMIT")
    finally:
        rolled_back(connection)
    return Done(migration, ms)


def _is_done(connection: Connection, schema: str, migration: Migration) -> bool:
    return migration.version in {each.version for each in applied_migrations(connection, schema)}


def _make(connection: Connection, target: PostgresTarget, migration: Migration, *, adopt: bool) -> None:
    if adopt:
        from platformstate.exporter.pg_catalog import drift

        found = drift(connection, target.schema, with_migrations=False)
        if found:
            first = found[0]
            raise StateError(
                "db_migration_changed",
                f"{first.object} is {first.found or 'absent'}, expected {first.expected or 'absent'};"
                f" {len(found)} differences in all",
                hint="apply the text of db migrate --print-sql, then adopt it",
            )
        return
    if (
        connection.execute(_IS_THERE, [target.schema]).fetchone() is None
    ):  # an owner of the schema may lack the right
        connection.execute(sql(f'CREATE SCHEMA "{target.schema}"'))
    connection.execute(sql(migration.sql))
