"""The text of a record that is about to be written: a person's file keeps every byte it can.

One changed field is one changed line; comments, quotes, flow lists, unknown keys, line ends and the
body survive. The result is read again and has to be the record that was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from platformstate.codec.container import FENCE, parts
from platformstate.codec.decoding import BOM, without_crlf
from platformstate.codec.json_text import parse_text
from platformstate.codec.line_edits import LineEdits, applied, same
from platformstate.codec.nodes import Node
from platformstate.codec.render import canonical_as, spec_for
from platformstate.codec.yaml_nodes import YamlTree
from platformstate.codec.yaml_values import values
from platformstate.core.document import Document
from platformstate.core.kind import KindSpec, Shape


def text_of(document: Document[Any]) -> str:
    """Return the whole text of a record's file: its source edited, or canonical when it has none."""
    return text_as(document, spec_for(document))


def text_as(document: Document[Any], spec: KindSpec) -> str:
    """Return the text of a record of a known kind."""
    if document.source is None:
        return canonical_as(document, spec)
    if spec.container == "json":
        held, _ = parse_text(without_crlf(document.source), document.path)
        return document.source if same(held, document.meta) else canonical_as(document, spec)
    edited = _edited(without_crlf(document.source.removeprefix(BOM)), document, spec)
    if edited is None:
        return canonical_as(document, spec)
    return edited.replace("\n", "\r\n") if "\r\n" in document.source else edited


def _edited(text: str, document: Document[Any], spec: KindSpec) -> str | None:
    split = parts(text, spec.container)
    yaml = split.yaml if split.yaml.endswith("\n") else f"{split.yaml}\n"
    edited = None if split.code else yaml_with(yaml, document.meta, spec.shape)
    if edited is None:
        return None
    if spec.container != "markdown":
        return edited if text.endswith("\n") else edited.removesuffix("\n")
    if document.body == split.body:
        return FENCE + edited + text[split.start + len(split.yaml) :]
    body = document.body
    return f"{FENCE}{edited}{FENCE}{body}" + ("\n" if body and not body.endswith("\n") else "")


def yaml_with(yaml: str, meta: Mapping[str, Any], shape: Shape) -> str | None:
    """Return YAML that holds this record with as few changed lines as can be; None when none does."""
    held = _held(yaml, shape)
    if held is None:
        return None
    edits = LineEdits(yaml)
    try:
        edits.root(*held, meta, shape)
    except ValueError:
        return None
    edited = applied(yaml, edits.edits)
    now = None if edited is None else _held(edited, shape)
    return edited if now is not None and same(now[1], meta) else None


def _held(yaml: str, shape: Shape) -> tuple[Node, dict[str, Any]] | None:
    """Return the tree and the values of YAML that is edited line by line, None when it cannot be."""
    tree = YamlTree(yaml)
    if tree.found or tree.root is None or tree.root.kind != "mapping" or tree.root.flow:
        return None
    value, misread = values(tree.root, shape, yaml)
    return None if misread else (tree.root, value)
