"""Read the kinds' schemas and follow their references; the meta-schema judges them first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import jsonschema

ROOT: Final = Path(__file__).parent.parent
SCHEMAS: Final = ROOT / "schemas"
ORDER: Final = (
    "task",
    "run",
    "checkpoint",
    "event",
    "receipt",
    "evidence",
    "store",
    "procedure",
    "resolved_steps",
    "job",
    "ledger",
)

Schema = dict[str, Any]


def load(path: Path) -> Schema:
    """Return one schema file."""
    schema: Schema = json.loads(path.read_text(encoding="utf-8"))
    return schema


def kinds() -> dict[str, Schema]:
    """Return every kind's schema, the known ones in their usual order, new ones after them by name."""
    files = {path.name.removesuffix(".schema.json"): path for path in SCHEMAS.glob("*.schema.json")}
    names = sorted(files, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return {name: load(files[name]) for name in names}


def faults(schema: Schema) -> list[str]:
    """Return what the meta-schema and the shared definitions find wrong with a kind's schema."""
    jsonschema.Draft202012Validator.check_schema(schema)
    meta = jsonschema.Draft202012Validator(load(SCHEMAS / "meta" / "kind.schema.json"))
    return [
        f"/{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in meta.iter_errors(schema)
    ]


def differing_definitions(schemas: dict[str, Schema]) -> list[str]:
    """Return the names of definitions that two schemas give in two ways."""
    seen: dict[str, Any] = {}
    differing = set()
    for schema in schemas.values():
        for name, definition in schema.get("$defs", {}).items():
            if seen.setdefault(name, definition) != definition:
                differing.add(name)
    return sorted(differing)


def resolved(schema: Schema, node: Any) -> Schema:
    """Return a node with its reference followed; what stands beside the reference wins."""
    if not isinstance(node, dict):
        return {}
    if "$ref" not in node:
        return node
    target = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return {**resolved(schema, target), **{key: value for key, value in node.items() if key != "$ref"}}
