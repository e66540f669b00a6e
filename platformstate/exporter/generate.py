"""Write the tables and the golden DDL that follow from the schemas' annotations.

`python -m platformstate.exporter.generate` writes `tables.py`, `migrations/*/latest.sql` and, when the
latter changed, the next migration; with `--check` it writes nothing and exits 1 when a file would change.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from platformstate import packaged
from platformstate.exporter.bookkeeping import BOOKKEEPING
from platformstate.exporter.layout import (
    ENGINES,
    Column,
    Index,
    Table,
    add_column,
    create_index,
    create_table,
)
from platformstate.exporter.views import create_views

HERE: Final = Path(__file__).parent
SCHEMAS: Final = ("task", "job", "procedure", "run", "ledger", "checkpoint", "event", "evidence")
COMMENT: Final = "written by platformctl db sync; edits are overwritten"
_RUN: Final = (
    "status actor attempt coupling parent_run rescues branch base_commit started_at ended_at reason exit_code"
    " fence for_task replay_of step_count steps_sha256 receipt steps summary files"
)
_PROVENANCE: Final = "doc body source_path source_line blob_oid row_hash sync_id synced_at"
# The order of the columns as the first migration made them; what a schema adds later stands last.
_ORDER: Final = {
    "task": "task_id title status priority kind tier owner agent branch base_commit created_at created_by closed_at",
    "job": "job_id title enabled trigger_kind cron timezone",
    "procedure": "procedure_id title step_count",
    "task_run": f"task_id run_id {_RUN}",
    "procedure_run": f"procedure_id run_id {_RUN}",
    "job_run": f"job_id run_id origin writer at slot slot_to slot_count trigger_type {_RUN}",
    "task_checkpoint": "checkpoint_id task_id subject_kind subject_id run_id kind at author observer basis confidence"
    " supersedes next_action",
    "run_event": "subject_kind subject_id run_id seq type at step_index attempt",
    "evidence": "name type ok at commit_oid",
    "packet_template": "name",
}
# Columns whose value is no field of the record: type, and whether it may be null.
_DERIVED: Final = {
    "store_id": ("uuid", False),
    "task_id": ("text", True),
    "job_id": ("text", True),
    "procedure_id": ("text", True),
    "subject_kind": ("text", False),
    "subject_id": ("text", False),
    "run_id": ("text", False),
    "origin": ("text", False),
    "writer": ("text", True),
    "name": ("text", False),
    "step_count": ("integer", True),
    "receipt": ("jsonb", True),
    "steps": ("jsonb", True),
    "summary": ("text", True),
    "files": ("jsonb", False),
    "doc": ("jsonb", False),
    "body": ("text", False),
    "source_path": ("text", False),
    "source_line": ("integer", False),
    "blob_oid": ("bytea", False),
    "row_hash": ("bytea", False),
    "sync_id": ("uuid", False),
    "synced_at": ("timestamptz", False),
}
_CHECKS: Final = {
    "row_hash": "octet_length(row_hash) = 32",
    "origin": "origin IN ('ledger', 'folder')",
    "step_index": "step_index >= 0",
}
_ONLY_IN: Final = {"job_run": ("slot", "trigger_type", "at", "slot_to", "slot_count")}
_ONLY_COLUMNS: Final = {name for names in _ONLY_IN.values() for name in names}

Schema = dict[str, Any]


def tables() -> dict[str, Table]:
    """Return the ten tables of records as the schemas' annotations give them."""
    found: dict[str, dict[str, Column]] = {name: {} for name in _ORDER}
    declared: dict[str, Schema] = {"packet_template": {"key": ["name"]}}
    for kind in SCHEMAS:
        schema = json.loads(packaged.read("schemas", f"{kind}.schema.json"))
        listed = schema["x-table"] if isinstance(schema["x-table"], list) else [schema["x-table"]]
        for entry in listed:
            declared.setdefault(entry["name"], {}).update(entry)
            for column in _columns(schema, kind):
                _merge(found[entry["name"]], column)
    return {name: _table(name, declared[name], found[name]) for name in _ORDER}


def _columns(schema: Schema, kind: str) -> list[Column]:
    return list(_below(schema, schema, kind, (), True))


def _below(schema: Schema, node: Schema, kind: str, at: tuple[str, ...], required: bool) -> list[Column]:
    found = []
    for name, child in node.get("properties", {}).items():
        whole = _resolved(schema, child)
        needed = required and name in node.get("required", ())
        if "x-column" in whole:
            said = whole["x-column"]
            null = said.get("null", not needed or "null" in whole.get("type", ()))
            found.append(Column(said.get("name", name), said["type"], null, ((kind, (*at, name)),)))
        found += _below(schema, whole, kind, (*at, name), needed)
    return found


def _resolved(schema: Schema, node: Any) -> Schema:
    if not isinstance(node, dict):
        return {}
    if "$ref" not in node:
        return node
    return {**_resolved(schema, schema["$defs"][node["$ref"].rpartition("/")[2]]), **node}


def _merge(columns: dict[str, Column], column: Column) -> None:
    """Add a column, or let one that two kinds fill take its value from both."""
    other = columns.get(column.name)
    if other is None:
        columns[column.name] = column
        return
    if other.type != column.type:
        raise SystemExit(f"column {column.name} is {other.type} and {column.type}")
    columns[column.name] = column._replace(
        null=other.null or column.null, sources=(*other.sources, *column.sources)
    )


def _table(name: str, declared: Schema, columns: dict[str, Column]) -> Table:
    key = tuple(declared["key"])
    first = f"store_id {_ORDER[name]} {_PROVENANCE}".split()
    later = [column for column in columns if column not in first and _belongs(name, column)]
    made = [_column(word, columns, key) for word in [*first, *later]]
    indexes = [Index(f"{name}_source", ("store_id", "source_path"))]
    indexes += [
        Index(f"{name}_{_index_name(each)}", ("store_id", *each)) for each in declared.get("index", ())
    ]
    return Table(
        name, tuple(made), ("store_id", *key), tuple(declared.get("references", {}).items()), tuple(indexes)
    )


def _belongs(table: str, column: str) -> bool:
    return column not in _ONLY_COLUMNS or column in _ONLY_IN.get(table, ())


def _column(name: str, columns: dict[str, Column], key: tuple[str, ...]) -> Column:
    column = columns.get(name) or Column(name, *_DERIVED[name])
    return column._replace(null=column.null and name not in key, check=_CHECKS.get(name, ""))


def _index_name(columns: list[str]) -> str:
    """Return what an index is called after: its last column, but for an instant that only orders."""
    return next(name for name in reversed(columns) if name != "at").removesuffix("_id")


def golden(found: dict[str, Table], engine: str) -> str:
    """Return the whole DDL of an engine."""
    parts = [f"-- GENERATED by `python -m platformstate.exporter.generate`; do not edit. Engine: {engine}.\n"]
    for table in (*found.values(), *BOOKKEEPING):
        comment = f"COMMENT ON TABLE {table.name} IS '{COMMENT}';\n" if engine == "postgres" else ""
        parts.append(create_table(table, engine) + comment)
    return "\n".join([*parts, create_views(engine)])


def module(found: dict[str, Table]) -> str:
    """Return the text of `tables.py`."""
    lines = [
        "# GENERATED by `python -m platformstate.exporter.generate` from schemas/; do not edit.\n",
        '"""The tables of records: their columns in order, their types, and where their values come from."""\n',
        "\nfrom typing import Final\n",
        "\nfrom platformstate.exporter.layout import Column, Index, Table\n",
        "\nTABLES: Final = {\n",
    ]
    for table in found.values():
        lines.append(f'    "{table.name}": Table(\n        "{table.name}",\n        (\n')
        lines += [f"            {_shown(column)},\n" for column in table.columns]
        lines.append(f"        ),\n        {table.key!r},\n        {table.references!r},\n        (\n")
        lines += [f"            Index({index.name!r}, {index.columns!r}),\n" for index in table.indexes]
        lines.append("        ),\n    ),\n")
    return "".join([*lines, "}\n"])


def _shown(column: Column) -> str:
    rest = {"sources": column.sources, "check": column.check, "default": column.default}
    given = "".join(f", {name}={value!r}" for name, value in rest.items() if value)
    null = "" if column.null else ", null=False"
    return f"Column({column.name!r}, {column.type!r}{null}{given})"


def step(before: dict[str, Table], after: dict[str, Table], engine: str) -> str:
    """Return the statements that lead from one set of tables to a later one.

    Raises: SystemExit for what only a hand-written migration can do: a drop, a new type, a new table.
    """
    lines = []
    for name, table in after.items():
        if name not in before or before[name].columns != table.columns[: len(before[name].columns)]:
            raise SystemExit(f"{name}: write this migration by hand")
        lines += [add_column(name, column, engine) for column in table.columns[len(before[name].columns) :]]
        lines += [create_index((name, each)) for each in table.indexes if each not in before[name].indexes]
    return "".join(lines)


def outputs() -> dict[Path, str]:
    """Return each file that should be there with its text; migrations that are there stay as they are."""
    found = tables()
    wanted = {HERE / "tables.py": module(found)}
    for engine in ENGINES:
        folder = HERE / "migrations" / engine
        latest = golden(found, engine)
        wanted[folder / "latest.sql"] = latest
        numbers = sorted(path.name for path in folder.glob("[0-9]*.sql"))
        if not numbers:
            wanted[folder / "0001_tables.sql"] = latest.partition("\n")[2].lstrip("\n")
        elif (folder / "latest.sql").read_text("utf-8") != latest:
            from platformstate.exporter.tables import TABLES

            wanted[folder / f"{len(numbers) + 1:04}_columns.sql"] = step(TABLES, found, engine)
    return wanted


def main(argv: list[str]) -> int:
    """Generate, or with `--check` compare."""
    outdated = {
        path: text for path, text in outputs().items() if not path.exists() or path.read_text("utf-8") != text
    }
    for path, text in outdated.items():
        sys.stdout.write(f"{'out of date' if '--check' in argv else 'written'}: {path.relative_to(HERE)}\n")
        if "--check" not in argv:
            path.write_text(text, encoding="utf-8")
    return 1 if outdated and "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
