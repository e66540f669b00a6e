"""The shapes of `data`, from the short notation of `data.json` to JSON Schema.

A value is a word (`text`, `integer`, `number`, `boolean`, `oid`, `sha256`, `null`, `any`, another shape's
name, or `a|b` for one of these texts), with `?` where null may stand; `[X]` is a list of X, an object has
exactly its keys, and one whose name ends in ` +` may be absent. `record KIND +key` is the schema of a
record with more keys.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OID = {"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"}
WORDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "oid": OID,
    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "null": {"type": "null"},
    "any": {},
}


@cache
def notation() -> dict[str, dict[str, Any]]:
    """Return what `data.json` holds."""
    loaded: dict[str, dict[str, Any]] = json.loads((HERE / "data.json").read_text("utf-8"))
    return loaded


def schema_of(shape: Any, *, partial: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of a shape; `partial` lets every key of the outermost object be absent."""
    if isinstance(shape, list):
        return {"type": "array", "items": schema_of(shape[0])}
    if isinstance(shape, dict):
        return _object(shape, partial)
    if shape.endswith("?"):
        return {"anyOf": [schema_of(shape[:-1]), {"type": "null"}]}
    if shape.startswith("record "):
        return _record(shape.split()[1], [word[1:] for word in shape.split()[2:]])
    if "|" in shape:
        return {"enum": shape.split("|")}
    if shape in WORDS:
        return WORDS[shape]
    return schema_of(notation()["shapes"][shape], partial=partial)


def _object(shape: dict[str, Any], partial: bool) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [] if partial else [key for key in shape if not key.endswith(" +")],
        "properties": {key.removesuffix(" +"): schema_of(value) for key, value in shape.items()},
        "additionalProperties": False,
    }


def _record(kind: str, more: list[str]) -> dict[str, Any]:
    """Return what front matter of a kind allows, without saying again what each of its fields is."""
    path = HERE.parent.parent / "schemas" / f"{kind}.schema.json"
    schema = json.loads(path.read_text("utf-8"))
    return {
        "type": "object",
        "required": [*schema["required"], *more],
        "properties": dict.fromkeys([*schema["properties"], *more], True),
        "patternProperties": {"^x-": True},
        "additionalProperties": False,
    }
