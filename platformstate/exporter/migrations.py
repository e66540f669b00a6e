"""The packaged migrations, forward only, and how they compare with those that a database has applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from platformstate.errors import StateError


class Migration(NamedTuple):
    """One step of the tables; its checksum is over its text with LF line ends."""

    version: int
    name: str
    sql: str
    checksum: str

    def as_json(self) -> dict[str, Any]:
        """Return what `db migrate` and `db status` show of it."""
        return {"version": self.version, "name": self.name, "checksum": self.checksum}


class Applied(NamedTuple):
    """A migration as a database remembers it."""

    version: int
    name: str
    checksum: str


class Comparison(NamedTuple):
    """The versions that wait, those that were changed, and those that this program does not know."""

    pending: tuple[Migration, ...]
    changed: tuple[int, ...]
    unknown: tuple[int, ...]


@cache
def packaged(engine: str) -> tuple[Migration, ...]:
    """Return the migrations of an engine in their order."""
    folder = Path(__file__).parent / "migrations" / engine
    return tuple(read(path) for path in sorted(folder.glob("[0-9]*.sql")))


def read(path: Path) -> Migration:
    """Return one migration file."""
    data = path.read_bytes().replace(b"\r\n", b"\n")
    number, _, name = path.stem.partition("_")
    return Migration(int(number), name, data.decode("utf-8"), sha256(data).hexdigest())


def schema_version(engine: str = "postgres") -> int:
    """Return the version of the tables that this program writes."""
    return packaged(engine)[-1].version


def compare(applied: Iterable[Applied], known: Sequence[Migration]) -> Comparison:
    """Return what is pending, changed and unknown."""
    done = {each.version: each.checksum for each in applied}
    versions = {each.version for each in known}
    return Comparison(
        tuple(each for each in known if each.version not in done),
        tuple(each.version for each in known if done.get(each.version, each.checksum) != each.checksum),
        tuple(sorted(done.keys() - versions)),
    )


def check(applied: Sequence[Applied], known: Sequence[Migration], head_version: int | None) -> None:
    """Refuse tables that are not exactly of this program's version.

    Raises: db_schema_newer, db_migration_changed, db_migration_pending.
    """
    refuse_foreign(applied, known, head_version)
    found = compare(applied, known)
    if found.pending:
        raise StateError(
            "db_migration_pending",
            f"the tables are at version {max((a.version for a in applied), default=0)},"
            f" this program writes version {known[-1].version}",
            hint="platformctl db migrate",
        )


def refuse_foreign(
    applied: Sequence[Applied], known: Sequence[Migration], head_version: int | None = None
) -> None:
    """Refuse tables of a later version, or with a migration that was changed.

    Raises: db_schema_newer, db_migration_changed.
    """
    found = compare(applied, known)
    latest = known[-1].version
    there = max([head_version or 0, *found.unknown])
    if there > latest:
        raise StateError(
            "db_schema_newer",
            f"the tables are at version {there}, this program knows {latest}",
            hint="install a newer platformctl; nothing is ever taken back",
        )
    if found.changed or found.unknown:
        which = ", ".join(map(str, (*found.changed, *found.unknown)))
        raise StateError(
            "db_migration_changed",
            f"migration {which} was applied with another text than this program holds",
            hint="compare with platformctl db migrate --print-sql; migrations are never run again",
        )


def pending_sql(schema: str, pending: tuple[Migration, ...]) -> str:
    """Return the statements that a DBA would run by hand, each migration in a transaction."""
    if not pending:
        return ""
    texts = (
        f"-- migration {each.version} {each.name}, sha256 {each.checksum}\nBEGIN;\n{each.sql}COMMIT;\n"
        for each in pending
    )
    create = f'CREATE SCHEMA IF NOT EXISTS "{schema}";\n' if pending[0].version == 1 else ""
    head = f'{create}SET search_path = "{schema}", pg_catalog;\n'
    return "\n".join([head, *texts])
