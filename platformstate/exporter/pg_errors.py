"""What PostgreSQL's refusals mean here; its own words are shown only where they name no value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from platformstate.errors import Problem, StateError
from platformstate.exporter.tables import TABLES

_CODES: Final = {
    "42501": (
        "db_permission_denied",
        "{said}",
        "platformctl db grant-sql prints the grants; run it as an owner",
    ),
    "53100": ("db_disk_full", "the server's disk is full", "free some space there and repeat the command"),
    "53400": ("db_disk_full", "{said}", "raise that limit for this role and repeat the command"),
    "57014": (
        "db_statement_timeout",
        "a statement ran longer than allowed",
        "--statement-timeout S allows more",
    ),
    "25006": ("db_read_only", "the server takes no writes", "name the primary server"),
    "28P01": ("db_unreachable", "the server refused the password", "check ~/.pgpass or PLATFORMSTATE_DSN"),
    "28000": ("db_unreachable", "the server does not let this user in", "check pg_hba.conf and the user"),
    "3D000": ("db_unreachable", "there is no such database", "createdb, or name another"),
    "53300": ("db_unreachable", "the server has no free connection", "repeat the command later"),
    "42P07": (
        "db_migration_changed",
        "{said}",
        "the schema holds what is none of ours: name another with --schema",
    ),
    "42P01": (
        "db_migration_pending",
        "{said}",
        "platformctl db status; drop the schema, db migrate, db sync",
    ),
    "42703": (
        "db_migration_pending",
        "{said}",
        "platformctl db status; drop the schema, db migrate, db sync",
    ),
}
# What tables say that somebody changed: what is written obeys every rule and has every type of ours.
_CHANGED: Final = (
    "08P01", "22P03", "23502", "23505", "23514", "23P01", "27000", "42804", "428C9", "44000", "P0001",
)  # fmt: skip
_LOCKED: Final = "55P03"
_NOT_UNDERSTOOD: Final = "08P01"
_AGAIN: Final = ("40001", "40P01", "57P01", "57P02", "57P03", "57P05")
_UNDO: Final = "undo that (platformctl db verify names it), or drop the tables, then db migrate and db sync"
_LOOK: Final = "platformctl db verify tells whether somebody changed the tables; if nobody did, report a bug"
_UNREACHABLE: Final = "the server cannot be reached, or the connection was lost"


class TryAgain(Exception):
    """The server asked for the whole transaction once more, or went away in the middle of it."""


class Locked(Exception):
    """A lock was not free in time."""


def is_transient(error: psycopg.Error) -> bool:
    """Say whether the same transaction may succeed when it is tried again."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    if state == _NOT_UNDERSTOOD:  # the server's own is an error of one statement, a pooler's ends the session
        return error.diag.severity_nonlocalized != "ERROR"
    return state in _AGAIN or state.startswith("08")


@contextmanager
def explained() -> Iterator[None]:
    """Turn the driver's errors into ours. Raises: TryAgain, Locked, and the `db_…` codes."""
    try:
        yield
    except psycopg.Error as error:
        raise _meaning(error) from None


def _meaning(error: psycopg.Error) -> Exception:
    if error.sqlstate == _LOCKED:
        return Locked()
    if is_transient(error):
        return TryAgain()
    if error.sqlstate == "23503":
        return _dangling(error)
    if error.sqlstate in _CODES:
        code, message, hint = _CODES[error.sqlstate]
        return StateError(code, message.format(said=error.diag.message_primary or error.sqlstate), hint=hint)
    table = f" of {error.diag.table_name}" if error.diag.table_name else ""
    if error.sqlstate in _CHANGED:
        what = error.diag.constraint_name or error.diag.column_name or "a type, a trigger or a rule"
        message = f"{what}{table} was added or changed by somebody and refuses a row; nothing was written"
        return StateError("db_migration_changed", message, hint=_UNDO)
    message = f"PostgreSQL refused a statement{table} (SQLSTATE {error.sqlstate})"
    return StateError("internal_error", message, hint=_LOOK)


def _dangling(error: psycopg.Error) -> StateError:
    if error.diag.table_name not in TABLES:
        message = f"rows of {error.diag.table_name}, a table of somebody else, refer to what would vanish"
        hint = "drop that reference, or let it cascade; platformctl db verify names it"
        return StateError("db_migration_changed", f"{message}; nothing was written", hint=hint)
    message = f"a row of {error.diag.table_name} names a record that is not there"
    problem = Problem("state", 1, 1, "reference_dangling", message, "platformctl validate --rev COMMIT")
    return StateError("state_invalid", f"{message}; nothing was written", problems=(problem,))


def unreachable(error: psycopg.Error | None = None) -> StateError:
    """Return the error for a server that does not answer; the driver's words may hold a password."""
    if error is not None and error.sqlstate in _CODES:
        code, message, hint = _CODES[error.sqlstate]
        return StateError(code, message.format(said=""), hint=hint)
    hint = "check host, port and database; platformctl db status tells when it is back"
    return StateError("db_unreachable", _reason(error), hint=hint, retryable=True)


def _reason(error: psycopg.Error | None) -> str:
    """Return why a connection failed, from a closed list of words."""
    said = str(error or "").lower()
    words = (
        ("password authentication failed", "the server refused the password"),
        ("no password supplied", "the server asks for a password and none was given"),
        ("does not exist", "there is no such database or role"),
        ("no pg_hba.conf entry", "the server does not let this user in from here"),
        ("timeout", "the server did not answer in time"),
        ("timed out", "the server did not answer in time"),
        ("connection refused", "nothing listens there"),
        ("could not translate host name", "the host's name is not known"),
        ("failed to resolve host", "the host's name is not known"),
        ("no such file or directory", "there is no socket, or no certificate file, at that place"),
        ("certificate", "the server's certificate could not be verified"),
        ("ssl", "the server does not speak TLS as asked"),
        ("definition of service", "there is no such service"),
    )
    return next((f"{_UNREACHABLE}: {text}" for word, text in words if word in said), _UNREACHABLE)
