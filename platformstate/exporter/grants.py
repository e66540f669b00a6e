"""The grants of the three roles: who owns the tables, who syncs, who reads. Pure text."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from platformstate.errors import StateError, shown
from platformstate.exporter.tables import TABLES
from platformstate.exporter.target import check_schema
from platformstate.exporter.views import VIEWS

_ROLE: Final = re.compile(r"[a-z_][a-z0-9_-]{0,62}")


class Roles(NamedTuple):
    """The names of the three roles."""

    owner: str = "platformstate_owner"
    sync: str = "platformstate_sync"
    read: str = "platformstate_read"


def grants(schema: str, roles: Roles) -> str:
    """Return an idempotent script. Raises: usage_invalid, db_schema_name_invalid for a name that needs quoting."""
    for name in roles:
        if _ROLE.fullmatch(name) is None:
            raise StateError(
                "usage_invalid", f"{shown(name)} is no name of a role", hint="letters, digits, _ and -"
            )
    check_schema(schema)
    written = ", ".join(f'"{schema}".{name}' for name in (*TABLES, "source_file", "store_head"))
    ledgers = ", ".join(f'"{schema}".{name}' for name in ("sync_run", "verify_run"))
    read = ", ".join(f'"{schema}".{name}' for name in ("schema_migration", *VIEWS))
    return "\n".join(
        [
            "-- Run by an administrator after each platformctl db migrate; running it again changes nothing.",
            *(_role(name) for name in roles),
            f'CREATE SCHEMA IF NOT EXISTS "{schema}";',
            f'ALTER SCHEMA "{schema}" OWNER TO "{roles.owner}";',
            _owned(schema, roles.owner),
            f'GRANT USAGE ON SCHEMA "{schema}" TO "{roles.sync}", "{roles.read}";',
            f'GRANT SELECT, INSERT, UPDATE, DELETE ON {written} TO "{roles.sync}";',
            f'GRANT SELECT, INSERT ON {ledgers} TO "{roles.sync}";',
            f'GRANT SELECT ON {read} TO "{roles.sync}";',
            f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO "{roles.read}";',
            f"DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO \"{roles.sync}\"', current_database()); END $$;",
            "",
        ]
    )


def _role(name: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{name}') THEN"
        f' CREATE ROLE "{name}"; END IF; END $$;'
    )


def _owned(schema: str, owner: str) -> str:
    return (
        "DO $$ DECLARE found record; BEGIN FOR found IN SELECT c.relname, c.relkind FROM pg_class c"
        f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{schema}' AND c.relkind IN ('r', 'v')"
        f' LOOP EXECUTE format(\'ALTER %s "{schema}".%I OWNER TO "{owner}"\','
        " CASE found.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, found.relname); END LOOP; END $$;"
    )
