"""Connect to PostgreSQL: parameters, TLS, and what a server must be."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from platformstate.errors import StateError
from platformstate.exporter.state import Server
from platformstate.exporter.target import Target

try:
    import psycopg
    from psycopg import conninfo as parsing
except ImportError as missing:
    raise StateError(
        "db_driver_missing",
        "PostgreSQL needs the driver psycopg, which is not installed; --sqlite FILE needs nothing",
        hint="pip install 'platformstate[postgres]'",
    ) from missing

from platformstate.exporter.pg_errors import unreachable

# What the driver tells of errors that it ignored is in nobody's answer, and would pass no redactor.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

OLDEST: Final = 150000
# A server that vanished without a word is noticed after a minute; the system's own default is two hours.
_KEEPALIVES: Final = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
_LOCAL: Final = ("", "localhost", "127.0.0.1", "::1")
# Where a service is that libpq may find and we do not: as far away as can be.
_ELSEWHERE: Final = "elsewhere"
Connection = psycopg.Connection[tuple[Any, ...]]


def connect(target: Target, application: str, environ: Mapping[str, str], *, writes: bool) -> Connection:
    """Return a connection on which every transaction is begun by hand.

    Raises: db_dsn_invalid, db_unreachable, db_server_unsupported, db_read_only.
    """
    given = parameters(target.conninfo, environ)
    service = _of_service(given, environ)
    settings = {
        **{name: service.get(name, value) for name, value in _KEEPALIVES.items()},
        **given,
        "connect_timeout": str(max(2, round(target.connect_timeout))),
        "application_name": application,
        "client_encoding": "UTF8",
        "keepalives": "1",
    }
    failed: psycopg.Error | None = None
    try:
        connection: Connection = psycopg.connect("", autocommit=True, prepare_threshold=None, **settings)  # type: ignore[arg-type]  # every parameter is a text
    except psycopg.Error as error:
        failed = error
    if failed is not None:
        raise unreachable(failed)
    _check(connection, writes=writes)
    return connection


def parameters(conninfo: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return a connection string's parameters, TLS added where the host is another. Raises: db_dsn_invalid."""
    given: dict[str, str] | None = None
    try:
        given = {name: str(value) for name, value in parsing.conninfo_to_dict(conninfo).items()}
    except (psycopg.Error, ValueError):
        pass  # its message repeats parts of the text, perhaps of a password
    if given is None:
        raise StateError(
            "db_dsn_invalid",
            "the connection string is malformed",
            hint="write host=… dbname=… user=…, or postgresql://USER@HOST/DATABASE",
        )
    return {**given, **_tls(given, environ)}


def _tls(given: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    known = {**_of_environment(environ), **_of_service(given, environ), **given}
    pairs = zip_longest(known.get("hostaddr", "").split(","), known.get("host", "").split(","), fillvalue="")
    hosts = [address or host for address, host in pairs]
    if "sslmode" in known or all(host in _LOCAL or host[0] in "/@" for host in hosts):
        return {}
    own = Path(environ.get("HOME", "/"), ".postgresql", "root.crt")
    if "sslrootcert" in known or own.exists():
        return {"sslmode": "verify-full"}
    file = environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or "system"
    return {"sslmode": "verify-full", "sslrootcert": file}


def _of_environment(environ: Mapping[str, str]) -> dict[str, str]:
    names = {
        "PGHOST": "host",
        "PGHOSTADDR": "hostaddr",
        "PGSSLMODE": "sslmode",
        "PGSSLROOTCERT": "sslrootcert",
    }
    return {name: environ[variable] for variable, name in names.items() if environ.get(variable)}


def _of_service(given: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a service file says of the service that is named; libpq itself reads it again."""
    name = given.get("service") or environ.get("PGSERVICE")
    files = [environ.get("PGSERVICEFILE") or str(Path(environ.get("HOME", "/"), ".pg_service.conf"))]
    files.append(str(Path(environ.get("PGSYSCONFDIR", "/etc/postgresql-common"), "pg_service.conf")))
    for file in files if name else ():
        if os.path.isfile(file) and (found := _section(Path(file), name or "")):
            return found
    return {"host": _ELSEWHERE} if name else {}


def _section(file: Path, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    inside = False
    for line in file.read_text("utf-8", "replace").splitlines():
        text = line.strip()
        if text.startswith("["):
            inside = text == f"[{name}]"
        elif inside and "=" in text and not text.startswith("#"):
            key, _, value = text.partition("=")
            found[key.strip()] = value.strip()
    return found


def _check(connection: Connection, *, writes: bool) -> None:
    facts = connection.info
    fault = None
    if facts.server_version < OLDEST:
        fault = f"the server is PostgreSQL {server_version(connection)}, 15 or newer is needed"
    elif facts.parameter_status("server_encoding") not in ("UTF8", None):
        fault = f"the database is encoded in {facts.parameter_status('server_encoding')}, UTF8 is needed"
    if fault is not None:
        connection.close()
        raise StateError(
            "db_server_unsupported", fault, hint="createdb --encoding UTF8 --template template0 NAME"
        )
    if writes:
        refuse_standby(connection)
        if facts.parameter_status("default_transaction_read_only") == "on":
            connection.close()
            raise StateError("db_read_only", "the server takes no writes", hint="name the primary server")


def refuse_standby(connection: Connection) -> None:
    """Refuse to write on a server that only follows another. Raises: db_read_only."""
    if connection.info.parameter_status("in_hot_standby") == "on":
        connection.close()
        raise StateError("db_read_only", "the server is a standby", hint="name the primary server")


def server_version(connection: Connection) -> str:
    """Return the server's version as people write it."""
    number = connection.info.server_version
    return f"{number // 10000}.{number % 10000}"


def described(connection: Connection, schema: str) -> Server:
    """Return what may be told of a connection; never its connection string."""
    facts = connection.info
    host = facts.host or ""
    return Server(
        "postgres",
        server_version(connection),
        schema,
        facts.dbname,
        facts.user,
        "local socket" if not host or host.startswith(("/", "@")) else host,
        facts.port,
    )


def sql(text: str) -> Any:
    """Return a statement that was put together from our own names alone."""
    return text
