"""Canonical text of whole files: what every writer and `fmt` produce."""

from __future__ import annotations

from typing import Any

from platformstate.codec.container import FENCE
from platformstate.codec.json_text import pretty_json
from platformstate.codec.layout import mapping_lines, ordered
from platformstate.codec.record import spec_of
from platformstate.codec.shapes import child_of, item_of
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.kind import KindSpec, Shape


def canonical(document: Document[Any]) -> str:
    """Return the canonical text of a record's whole file.

    A record that no file holds yet gets the lists that its kind always writes, empty.
    """
    return canonical_as(document, spec_for(document))


def spec_for(document: Document[Any]) -> KindSpec:
    """Return the kind of a document; that of its path where it is no record."""
    name = document.kind.name
    return KINDS[name] if name in KINDS else spec_of(document.path)


def canonical_as(document: Document[Any], spec: KindSpec) -> str:
    """Return the canonical text of a record of a known kind."""
    meta: dict[str, Any] = dict(document.meta)
    if document.source is None:
        meta = with_always(meta, spec.shape)
    if spec.container == "json":
        return pretty_json(_in_order(meta, spec.shape)).decode("utf-8")
    yaml = "".join(f"{line}\n" for line in mapping_lines(meta, spec.shape))
    return file_text(yaml, document.body, spec.container)


def file_text(yaml: str, body: str, container: str) -> str:
    """Return a file's text from its YAML and body; a body gets its final newline."""
    if container != "markdown":
        return yaml
    return f"{FENCE}{yaml}{FENCE}{body}" + ("\n" if body and not body.endswith("\n") else "")


def with_always(meta: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """Return a record with the fields that are written even when empty."""
    absent: dict[str, Any] = {
        key: [] if "array" in child.types else {}
        for key, child in shape.keys.items()
        if child.always and key not in meta
    }
    return {**meta, **absent}


def _in_order(value: Any, shape: Shape) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(value[key], child_of(shape, key)) for key in ordered(value, shape)}
    return [_in_order(member, item_of(shape)) for member in value] if isinstance(value, list) else value
