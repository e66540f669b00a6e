"""Put together what a command needs of an engine; each one's library is loaded only when it is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from platformstate.errors import StateError
from platformstate.exporter.migrations import check, packaged
from platformstate.exporter.ports import Engine
from platformstate.exporter.state import Head
from platformstate.exporter.target import Target


class Setting(NamedTuple):
    """What surrounds a command: its verb, its id, its clock, its chance, its patience."""

    verb: str
    sync_id: str
    now: str
    tool_version: str
    chance: Callable[[int], int]
    reach: Callable[[str], None]
    lock_timeout: float = 10.0
    statement_timeout: float = 600.0


def open_target(target: Target, setting: Setting, *, mode: str) -> Any:
    """Return a target of either engine, not yet connected, to `read`, `plan` or `write`.

    Raises: db_driver_missing.
    """
    if target.engine == "sqlite":
        from platformstate.exporter.sqlite import SqliteTarget

        assert target.path is not None
        return SqliteTarget(
            target.path,
            mode=mode,
            lock_timeout=setting.lock_timeout,
            now=setting.now,
            tool_version=setting.tool_version,
        )
    from platformstate.exporter.pg_connect import connect as _  # noqa: F401  says what is missing
    from platformstate.exporter.postgres import PostgresTarget, Timeouts

    timeouts = Timeouts(setting.lock_timeout, setting.statement_timeout)
    return PostgresTarget(
        target, verb=setting.verb, sync_id=setting.sync_id, timeouts=timeouts, writes=mode == "write"
    )


@contextmanager
def answered(opened: Any) -> Iterator[None]:
    """Turn what only a sync tries again into an answer. Raises: db_locked, db_unreachable."""
    if opened.engine == "sqlite":
        with opened.whole_or_absent():
            yield
        return
    from platformstate.exporter.pg_errors import Locked, TryAgain, unreachable

    try:
        yield
    except Locked:
        raise opened.locked("") from None
    except TryAgain:
        raise unreachable() from None


def engine_of(opened: Any, setting: Setting) -> Engine:
    """Return an opened target with what a sync needs beside it."""
    if opened.engine == "sqlite":
        return _sqlite(opened, setting)
    from platformstate.exporter.pg_errors import Locked, TryAgain, unreachable
    from platformstate.exporter.pg_writer import OutcomeUnknown
    from platformstate.exporter.postgres import applied_migrations, read_head

    def head(connection: Any, store: str) -> Head | None:
        check(applied_migrations(connection, opened.schema), packaged("postgres"), None)
        return read_head(connection, store, locking=True)

    return Engine(
        opened,
        head,
        (TryAgain,),
        (Locked,),
        (OutcomeUnknown,),
        unreachable,
        setting.chance,
        setting.reach,
    )


def _sqlite(opened: Any, setting: Setting) -> Engine:
    from platformstate.exporter.sqlite import read_head

    return Engine(
        opened,
        read_head,
        (),
        (),
        (),
        lambda: StateError("db_unreachable", "the file cannot be used"),
        setting.chance,
        setting.reach,
    )
