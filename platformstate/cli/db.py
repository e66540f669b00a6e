"""`platformctl db`: keep database tables equal to the repository, and prove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from platformstate.cli import db_text
from platformstate.cli.commands import group
from platformstate.cli.db_progress import progress
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
REF = click.option("--ref", metavar="REF", help="What the tables follow; default: the checked-out branch.")
AT = click.option("--at", metavar="COMMIT", help="The commit to export; default: the tip of REF.")


def _several(*options: Decorator) -> Decorator:
    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


TARGET = _several(
    click.option("--sqlite", metavar="FILE", help="A SQLite file."),
    click.option("--service", metavar="NAME", help="A service of libpq's service file."),
    click.option("--dsn", metavar="CONNINFO", help="A connection string without a password."),
    click.option("--schema", metavar="NAME", help="The schema of the tables; default: platformstate."),
    click.option(
        "--connect-timeout", type=click.FloatRange(1), default=10.0, metavar="S", help="Default: 10."
    ),
)
PATIENCE = _several(
    click.option("--lock-timeout", type=click.FloatRange(0), default=10.0, metavar="S", help="Default: 10."),
    click.option(
        "--statement-timeout", type=click.FloatRange(1), default=600.0, metavar="S", help="Default: 600."
    ),
)


def _wish(invocation: Invocation, given: dict[str, Any]) -> Any:
    """Take the target's options out of what was given and return them with the global flags."""
    from platformstate.actions.db_place import Wish
    from platformstate.exporter.target import Flags

    flags = {name: given.pop(name) for name in Flags._fields if name in given}
    times = {name: given.pop(name) for name in ("lock_timeout", "statement_timeout") if name in given}
    return Wish(Flags(**flags), actor=invocation.actor, dry_run=invocation.dry_run, **times)


@group("db", examples=("platformctl db sync --sqlite mirror.db", "platformctl db verify --service platform"))
def db() -> None:
    """Keep database tables equal to the repository, and prove it."""


@db.command(
    "migrate",
    examples=("platformctl db migrate --service platform", "platformctl db migrate --print-sql"),
)
@TARGET
@PATIENCE
@click.option("--print-sql", is_flag=True, help="Print what is pending, all of it without a target.")
@click.option("--adopt", is_flag=True, help="Remember migrations that were applied by hand, after a look.")
@click.pass_obj
def migrate(invocation: Invocation, /, print_sql: bool, adopt: bool, **given: Any) -> None:
    """Bring the tables to this program's version; forward only."""
    from platformstate.actions.db_migrate import MigrateWish, migrate_database

    wish = _wish(invocation, given)
    answer = migrate_database(invocation.directory, wish, MigrateWish(print_sql, adopt))
    present(invocation, answer, db_text.migrate_text)


@db.command(
    "sync",
    examples=(
        "platformctl db sync --sqlite mirror.db",
        "platformctl db sync --ref refs/heads/main --at HEAD",
    ),
)
@TARGET
@PATIENCE
@REF
@AT
@click.option("--rebuild", is_flag=True, help="Parse everything again, and delete what is not there.")
@click.option("--repair", is_flag=True, help="Rewrite rows that were edited by hand.")
@click.option("--allow-rewind", is_flag=True, help="Go back to an older commit.")
@click.option("--switch-ref", is_flag=True, help="Follow another ref from now on.")
@click.option("--allow-mass-delete", is_flag=True, help="Delete a large part of a table's rows.")
@click.option("--max-delete", type=click.FloatRange(0, 100), default=20.0, metavar="PCT", help="Default: 20.")
@click.pass_obj
def sync(invocation: Invocation, /, **given: Any) -> None:
    """Make the tables equal to one commit, in one transaction."""
    from platformstate.actions.db_sync import SyncWish, sync_database

    wish = _wish(invocation, given)
    with progress(invocation) as told:
        answer = sync_database(invocation.directory, wish, SyncWish(**given), told)
    present(invocation, answer, db_text.sync_text)


@db.command(
    "verify",
    examples=(
        "platformctl db verify --sqlite mirror.db",
        "platformctl db verify --service platform --evidence",
    ),
)
@TARGET
@click.option("--deep/--quick", default=True, help="Compare every value, or files and counts alone.")
@click.option("--table", "tables", multiple=True, metavar="NAME", help="Only this table; may be repeated.")
@click.option("--evidence", is_flag=True, help="Commit a document of the proof.")
@click.option("--check", metavar="FILE", help="Hold such a document against git and the server again.")
@click.pass_obj
def verify(
    invocation: Invocation,
    /,
    deep: bool,
    tables: tuple[str, ...],
    evidence: bool,
    check: str | None,
    **given: Any,
) -> None:
    """Prove that the tables equal the commit that they were synced to."""
    from platformstate.actions.db_verify import VerifyWish, verify_database

    wish = _wish(invocation, given)
    with progress(invocation) as told:
        asked = VerifyWish(not deep, tables, evidence, check)
        answer = verify_database(invocation.directory, wish, asked, told)
    present(invocation, answer, db_text.verify_text)


@db.command(
    "status",
    examples=("platformctl db status --sqlite mirror.db", "platformctl db status --check --json"),
)
@TARGET
@click.option("--check", is_flag=True, help="Exit 1 unless migrated, synced and verified.")
@click.pass_obj
def status(invocation: Invocation, /, check: bool, **given: Any) -> None:
    """Say what the database holds of this store."""
    from platformstate.actions.db_status import database_status

    answer = database_status(invocation.directory, _wish(invocation, given), check=check)
    present(invocation, answer, db_text.status_text)


@db.command(
    "export",
    examples=("platformctl db export --sqlite state.db", "platformctl db export --jsonl out --at HEAD"),
)
@click.option("--sqlite", metavar="FILE", help="Write a new SQLite file.")
@click.option("--jsonl", metavar="DIR", help="Write a folder with one file of JSON lines a table.")
@REF
@AT
@click.option("--force", is_flag=True, help="Replace an output that is there.")
@click.pass_obj
def export(invocation: Invocation, /, **given: Any) -> None:
    """Export one commit to files; the same commit gives the same rows."""
    from platformstate.actions.db_export import ExportWish, export_commit

    with progress(invocation) as told:
        answer = export_commit(invocation.directory, _wish(invocation, {}), ExportWish(**given), told)
    present(invocation, answer, db_text.export_text)


@db.command(
    "grant-sql",
    examples=("platformctl db grant-sql", "platformctl db grant-sql --sync-role ci | psql -d platform"),
)
@click.option("--schema", metavar="NAME", help="The schema of the tables; default: platformstate.")
@click.option("--owner", default="platformstate_owner", metavar="NAME", help="Who migrates.")
@click.option("--sync-role", default="platformstate_sync", metavar="NAME", help="Who syncs and verifies.")
@click.option("--read-role", default="platformstate_read", metavar="NAME", help="Who reads.")
@click.pass_obj
def grant_sql(
    invocation: Invocation, /, schema: str | None, owner: str, sync_role: str, read_role: str
) -> None:
    """Print the grants of the three roles; connects to nothing."""
    from platformstate.actions.db_export import grant_text

    answer = grant_text(schema, owner, sync_role, read_role, directory=invocation.directory)
    present(invocation, answer, db_text.sql_text)
