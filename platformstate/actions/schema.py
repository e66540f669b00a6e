"""List, show and write out the packaged schemas and their examples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from platformstate import packaged
from platformstate.actions.answer import Answer
from platformstate.actions.output_file import is_new, write_output
from platformstate.core.catalog import KINDS
from platformstate.core.places import place_of
from platformstate.errors import StateError, shown

_STORE_EXAMPLE: Final = "store"


def list_kinds() -> Answer:
    """Return every kind with its version, place, container and the digest of its schema."""
    kinds = [
        {
            "kind": spec.name,
            "version": spec.version,
            "path": f"state/{spec.path}",
            "container": spec.container,
            "sha256": hashlib.sha256(_schema_bytes(spec.name)).hexdigest(),
        }
        for spec in KINDS.values()
    ]
    return Answer({"kinds": kinds})


def show_schema(kind: str) -> Answer:
    """Return the packaged schema of a kind. Raises: usage_invalid for a kind that there is not."""
    return Answer({"kind": _known(kind), "schema": json.loads(_schema_bytes(kind))})


def show_example(kind: str) -> Answer:
    """Return one valid canonical file of a kind and where it would stand."""
    known = _known(kind)
    places = ((path, data, place_of(path)) for path, data in _example_store())
    path, data = next((path, data) for path, data, place in places if place and place.kind == known)
    return Answer({"kind": known, "path": path, "text": data.decode()})


def export_schemas(directory: str, *, examples: bool = False, dry_run: bool = False) -> Answer:
    """Write the schemas, or with `examples` a complete small store, below a folder.

    Files that are there and equal are left alone. One that differs is never overwritten, and then
    nothing is written. Raises: output_exists.
    """
    folder = Path(directory)
    wanted = dict(_example_store()) if examples else {_file(kind): _schema_bytes(kind) for kind in KINDS}
    new = {path: data for path, data in wanted.items() if is_new(folder / path, data)}
    for path, data in new.items():
        if not dry_run:
            write_output(folder / path, data)
    return Answer({"written": list(new)})


def _known(kind: str) -> str:
    if kind in KINDS:
        return kind
    nearest = get_close_matches(kind, list(KINDS), n=1)
    meant = f"platformctl schema show {nearest[0]}" if nearest else "platformctl schema list"
    raise StateError("usage_invalid", f"there is no kind {shown(kind)!r}", hint=meant)


def _file(kind: str) -> str:
    return f"{kind}.schema.json"


def _schema_bytes(kind: str) -> bytes:
    return packaged.read("schemas", _file(kind))


def _example_store() -> Iterator[tuple[str, bytes]]:
    root = packaged.folder("examples") / _STORE_EXAMPLE
    for path in sorted((root / "state").rglob("*")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path.read_bytes()
