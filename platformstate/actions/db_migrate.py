"""Bring PostgreSQL's tables to this program's version, or print what would do it."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from platformstate import __version__
from platformstate.actions.answer import Answer
from platformstate.actions.db_place import Place, Wish, unseen
from platformstate.exporter import target as targets
from platformstate.exporter.migrations import Applied, Migration, packaged, pending_sql


class MigrateWish(NamedTuple):
    """The flags of `db migrate`."""

    print_sql: bool = False
    adopt: bool = False


def migrate_database(directory: str, wish: Wish, asked: MigrateWish) -> Answer:
    """Apply what is pending; nothing pending writes nothing.

    Raises: db_schema_newer, db_migration_changed, db_locked, db_permission_denied, db_target_missing.
    """
    with unseen(wish) as clean:
        return clean(_migrate(Place(directory, wish), asked))


def _migrate(place: Place, asked: MigrateWish) -> Answer:
    target = targets.find(place.wish.target, os.environ, place.config(), place.directory)
    if target is None and asked.print_sql:
        return _printed(place)
    target = place.target()
    if target.engine == "sqlite":
        return _of_sqlite(place, asked)
    from platformstate.exporter import migrating

    id = place.uuid()
    with place.opened(
        "migrate", id, mode="read" if _only_reads(place, asked) else "write", target=target
    ) as opened:
        applied, found = migrating.standing(opened)
        pending = found.pending
        done = [] if _only_reads(place, asked) else migrating.migrate(opened, __version__, adopt=asked.adopt)
        left = pending if not done else ()
        sql = pending_sql(target.schema, pending) if asked.print_sql else None
    return _answer("postgres", target.schema, applied, [each.as_json() for each in done], left, sql)


def _only_reads(place: Place, asked: MigrateWish) -> bool:
    return place.wish.dry_run or asked.print_sql


def _printed(place: Place) -> Answer:
    schema = targets.schema_of(place.wish.target, place.config())
    known = packaged("postgres")
    return _answer("postgres", schema, (), [], known, pending_sql(schema, known))


def _of_sqlite(place: Place, asked: MigrateWish) -> Answer:
    """Make or migrate a SQLite file, which `db sync` does by itself as well."""
    mode = "plan" if _only_reads(place, asked) else "write"
    known = packaged("sqlite")
    with place.opened("migrate", place.uuid(), mode="plan") as before:
        there = before.path.exists()
        applied = before.standing("").applied if there else ()
    pending = known[len(applied) :]
    done: list[dict[str, Any]] = []
    if mode == "write" and pending:
        with place.opened("migrate", place.uuid(), mode="write") as opened:
            opened.standing("")
        done = [{**each.as_json(), "ms": 0} for each in pending]
    sql = "\n".join(each.sql for each in pending) if asked.print_sql else None
    return _answer("sqlite", "main", applied, done, () if done else pending, sql)


def _answer(
    engine: str,
    schema: str,
    applied: tuple[Applied, ...],
    done: list[dict[str, Any]],
    pending: tuple[Migration, ...],
    sql: str | None,
) -> Answer:
    before = max((each.version for each in applied), default=0)
    after = max([before, *(int(each["version"]) for each in done)])
    data = {
        "engine": engine,
        "schema": schema,
        "from_version": before,
        "to_version": after,
        "applied": done,
        "pending": [each.as_json() for each in pending],
        "sql": sql,
    }
    return Answer(data, ("platformctl db sync",) if done else ())
