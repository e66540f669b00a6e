"""Know a record's `schema:` line before its fields are judged: what it names decides which rules hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from platformstate.core.catalog import KINDS
from platformstate.validation import engines
from platformstate.validation.wording import Finding, quoted


@cache
def named(kind: str) -> str | None:
    """Return what the `schema` field of a kind says, None for a kind whose records have none."""
    constant: str | None = engines.schema(kind)["properties"].get("schema", {}).get("const")
    return constant


def version_finding(kind: str, meta: Mapping[str, Any]) -> Finding | None:
    """Return what is wrong when a record says that it is of another kind or version."""
    expected = named(kind) if kind in KINDS else None
    found = meta.get("schema")
    if not isinstance(found, str) or found == expected:
        return None
    if found in {named(known) for known in KINDS}:
        message = f"schema {quoted(found)} stands where {expected} belongs"
        return Finding("field_value_invalid", ("schema",), message, f"write {expected}, or move the file")
    if kind == "store":
        message = f"the store's format {quoted(found)} is not known to this program, which knows {expected}"
        return Finding("store_version_unsupported", ("schema",), message, "install a newer platformctl")
    knows = f", which knows {expected} here" if expected else ""
    message = f"schema {quoted(found)} is not known to this program{knows}"
    fix = f"write {expected}, or install a newer platformctl" if expected else "install a newer platformctl"
    return Finding("schema_version_unknown", ("schema",), message, fix)
