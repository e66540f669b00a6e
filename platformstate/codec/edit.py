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
    tree = YamlTree(yaml)
    if tree.found or tree.root is None or tree.root.kind != "mapping" or tree.root.flow:
        return None
    old, _ = values(tree.root, shape, yaml)
    for edited in (_by_lines, _by_keys):
        result = edited(yaml, tree.root, old, meta, shape)
        if result is not None and _holds(result, meta, shape):
            return result
    return None


def _by_lines(
    yaml: str, root: Node, old: Mapping[str, Any], meta: Mapping[str, Any], shape: Shape
) -> str | None:
    edits = LineEdits(yaml)
    try:
        edits.root(root, old, meta, shape)
    except ValueError:
        return None
    return applied(yaml, edits.edits)


def _by_keys(
    yaml: str, root: Node, old: Mapping[str, Any], meta: Mapping[str, Any], shape: Shape
) -> str | None:
    """Write each changed top-level key anew; keys that come and go are lines of their own as ever."""
    kept = {key: old[key] for key in meta if key in old}
    moved = LineEdits(yaml)
    for key, value in kept.items():
        if not same(value, meta[key]):
            moved.anew(root, key, meta[key], shape)
    rewritten = applied(yaml, moved.edits)
    if rewritten is None:
        return None
    tree = YamlTree(rewritten)
    if tree.root is None or tree.root.kind != "mapping":
        return None
    return _by_lines(rewritten, tree.root, values(tree.root, shape, rewritten)[0], meta, shape)


def _holds(yaml: str, meta: Mapping[str, Any], shape: Shape) -> bool:
    tree = YamlTree(yaml)
    if tree.found or tree.root is None:
        return False
    value, misread = values(tree.root, shape, yaml)
    return not misread and same(value, meta)
