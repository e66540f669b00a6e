"""A record as plain lines that differ exactly where its meaning does: what `git diff` shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from platformstate.codec.layout import ordered
from platformstate.codec.record import parse_as
from platformstate.codec.shapes import ANYTHING, child_of, item_of
from platformstate.codec.utc import with_utc
from platformstate.core.catalog import KINDS
from platformstate.core.kind import KindSpec, Shape
from platformstate.policy.diff_fields import as_text, by_key

_KIND: Final = re.compile(rb'^(?:[\s{]*"?schema"?[ \t]*:[ \t]*["\']?)([a-z_]+)/[0-9]+', re.MULTILINE)
_SEARCHED_BYTES: Final = 4096


def plain_text(data: bytes, name: str) -> str:
    """Return a record field by field and then its body; what does not parse is returned as it is.

    The kind is read from the text: git hands over a copy whose path says nothing.
    """
    spec = _spec(data, name)
    document = None if spec is None else parse_as(data, name, spec).document
    if document is None or spec is None:
        return data.decode("utf-8", "backslashreplace")
    fields = "".join(f"{line}\n" for line in _lines(with_utc(document.meta, spec.shape), spec.shape, ""))
    return f"{fields}\n{document.body}" if document.body else fields


def _spec(data: bytes, name: str) -> KindSpec | None:
    found = _KIND.search(data[:_SEARCHED_BYTES])
    kind = found[1].decode("ascii") if found else ""
    if kind in KINDS and KINDS[kind].container != "jsonl":
        return KINDS[kind]
    return KindSpec("other", 0, name, "markdown", "given", ANYTHING) if name.endswith(".md") else None


def _lines(value: Any, shape: Shape, name: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key in ordered(value, shape) if shape.keys else sorted(value):
            yield from _lines(value[key], child_of(shape, key), f"{name}/{key}" if name else key)
    elif isinstance(value, list) and value:
        yield from _list_lines(value, shape, name)
    elif isinstance(value, str):
        yield from (f"{name}: {line}" for line in value.split("\n"))
    else:
        yield f"{name}: {as_text(value)}"


def _list_lines(items: list[Any], shape: Shape, name: str) -> Iterator[str]:
    keyed = by_key(items, shape) if shape.merge.startswith("by:") else None
    if keyed is not None:
        for key, item in keyed.items():
            yield from _lines(item, item_of(shape), f"{name}/{key}")
        return
    rows = sorted(items, key=as_text) if shape.merge == "set" else items
    for index, item in enumerate(rows):
        below = f"{name}/{index}" if isinstance(item, (Mapping, list)) and item else name
        yield from _lines(item, item_of(shape), below)
