"""Which database a command means, where its name came from, and how a password stays unseen."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.errors import StateError, shown

DEFAULT_SCHEMA: Final = "platformstate"
VARIABLE: Final = "PLATFORMSTATE_DSN"
HIDDEN: Final = "[redacted:database_password]"
_VERB: Final = re.compile(r"(?:platformctl )?\b(db (migrate|sync|verify|status|grant-sql))\b")
_SCHEMA_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_LIBPQ: Final = ("PGSERVICE", "PGHOST", "PGDATABASE")
_WAYS: Final = (
    "--sqlite FILE, --service NAME or --dsn CONNINFO; or PLATFORMSTATE_DSN;"
    " or git config platformstate.db.service NAME"
)
# How a password stands in a connection string of either form, also one that is malformed.
_IN_TEXT: Final = re.compile(
    r"(?:password|oauth_client_secret|scram_(?:client|server)_key)\s*=\s*(?:'((?:[^'\\]|\\.)*)'?|([^\s'&]+))"
    r"|://[^:/@\s]*:([^/\s]*)@|://(?!\[)[^:/@\s]*:(?!\d*(?:[/?,\s]|$))([^@/\s]+)",
    re.I,
)


class Flags(NamedTuple):
    """The target options of a command line."""

    sqlite: str | None = None
    service: str | None = None
    dsn: str | None = None
    schema: str | None = None
    connect_timeout: float = 10.0


def repeated(hint: str, flags: Flags) -> str:
    """Return a hint whose `db` commands are whole, and mean the target that the flags name."""

    def whole(found: re.Match[str]) -> str:
        names = ("schema",) if found[2] == "grant-sql" else ("sqlite", "service", "dsn", "schema")
        given = ((name, getattr(flags, name)) for name in names)
        said = (f"--{name} {shlex.quote(value)}" for name, value in given if value is not None)
        return " ".join([f"platformctl {found[1]}", *said])

    return _VERB.sub(whole, hint)


class Target(NamedTuple):
    """One database: a SQLite file, or what libpq is told; `conninfo` may hold a password, never show it."""

    engine: str
    schema: str
    path: Path | None = None
    conninfo: str = ""
    connect_timeout: float = 10.0


def resolve(
    flags: Flags, environ: Mapping[str, str], config: Mapping[str, Sequence[str]], directory: Path
) -> Target:
    """Return the one target that the first source names; `config` holds `service`, `sqlite` and `schema`.

    Raises: db_target_missing, db_target_ambiguous, db_password_in_argv, db_schema_name_invalid.
    """
    found = find(flags, environ, config, directory)
    if found is None:
        raise StateError("db_target_missing", "no database is named", hint=_WAYS)
    return found


def find(
    flags: Flags, environ: Mapping[str, str], config: Mapping[str, Sequence[str]], directory: Path
) -> Target | None:
    """Return the target, None when no source names one."""
    schema = schema_of(flags, config)
    given = [each for each in (flags.sqlite, flags.service, flags.dsn) if each is not None]
    if len(given) > 1:
        raise StateError(
            "db_target_ambiguous", "--sqlite, --service and --dsn exclude each other", hint="give one"
        )
    if flags.dsn is not None and passwords(flags.dsn):
        raise StateError(
            "db_password_in_argv",
            "a password on the command line is visible to every process of this machine",
            hint="put it into ~/.pgpass, a service file, or PLATFORMSTATE_DSN",
        )
    file, conninfo = _first(flags, environ, config)
    if file is not None:
        return Target("sqlite", "main", directory / file)
    if conninfo is None:
        return None
    return Target("postgres", schema, None, conninfo, flags.connect_timeout)


def _first(
    flags: Flags, environ: Mapping[str, str], config: Mapping[str, Sequence[str]]
) -> tuple[str | None, str | None]:
    """Return the file or the connection string of the first source that names one."""
    services, files = config.get("service", ()), config.get("sqlite", ())
    sources = (
        (flags.sqlite, None),
        (None, None if flags.service is None else _service(flags.service)),
        (None, flags.dsn),
        (None, environ.get(VARIABLE) or None),
        (None, _service(services[-1]) if services else None),
        (files[-1] if files else None, None),
        (None, "" if any(environ.get(name) for name in _LIBPQ) else None),
    )
    return next((each for each in sources if each != (None, None)), (None, None))


def _service(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"service='{escaped}'"


def schema_of(flags: Flags, config: Mapping[str, Sequence[str]]) -> str:
    """Return the schema that a flag or git config names, or the default one. Raises: db_schema_name_invalid."""
    named = config.get("schema", ())
    schema = DEFAULT_SCHEMA if not named else named[-1]
    return check_schema(schema if flags.schema is None else flags.schema)


def check_schema(schema: str) -> str:
    """Return the name of a schema that needs no quoting. Raises: db_schema_name_invalid."""
    if _SCHEMA_NAME.fullmatch(schema) is None or schema.startswith("pg_") or schema == "information_schema":
        raise StateError(
            "db_schema_name_invalid",
            f"{shown(schema)} is no name of a schema: lower-case letters, digits and _, at most 63, none of the"
            " server's own",
            hint="--schema platformstate",
        )
    return schema


def passwords(conninfo: str) -> set[str]:
    """Return every text of a connection string that is or may be a password, in plain."""
    found = {next((part for part in groups if part), "") for groups in _IN_TEXT.findall(conninfo)}
    plain = {re.sub(r"\\(.)", r"\1", each) for each in found} | {unquote(each) for each in found} | found
    return {each for each in plain if each}


def unquote(text: str) -> str:
    """Return a text with its percent escapes replaced, as libpq reads one in a URI."""
    data = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text.encode("utf-8", "surrogateescape"))
    return data.decode("utf-8", "replace")


def quote(text: str, safe: str = "") -> str:
    """Return a text with every byte escaped that is no letter, digit or one of `-._~` or `safe`."""
    kept = f"-._~{safe}".encode()
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in kept else f"%{byte:02X}"
        for byte in text.encode("utf-8", "surrogateescape")
    )


class Redactor:
    """Replaces the passwords of this process's targets in a text, in every form in which one may stand."""

    def __init__(self, secrets: Sequence[str] | set[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return a text without the passwords."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text


def _forms(secret: str) -> set[str]:
    quoted = secret.replace("\\", "\\\\").replace("'", "\\'")
    return {secret, unquote(secret), quote(secret), quote(secret, "/"), quoted, repr(secret)[1:-1]} - {""}


def secrets_of(target: Target | None, environ: Mapping[str, str]) -> set[str]:
    """Return every password that this process was given for a database."""
    texts = [environ.get(VARIABLE, ""), target.conninfo if target else ""]
    found = {secret for text in texts for secret in passwords(text)}
    return found | ({environ["PGPASSWORD"]} if environ.get("PGPASSWORD") else set())
