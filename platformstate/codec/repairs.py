"""What `fmt --fix` settles in the source before it is formatted; it never guesses a value."""

from __future__ import annotations

from platformstate.codec.container import parts
from platformstate.codec.line_edits import Edit, applied
from platformstate.codec.nodes import Node
from platformstate.codec.prescan import prescan
from platformstate.codec.quoting import quoted
from platformstate.codec.spans import Spans
from platformstate.codec.yaml_nodes import YamlTree
from platformstate.codec.yaml_values import Misread, values
from platformstate.core.kind import KindSpec


def repaired(text: str, spec: KindSpec) -> str:
    """Return a text whose ambiguous scalars and cut comments are quoted and whose empty keys are gone.

    What cannot be settled so stays as it is, for the reader to report.
    """
    split = parts(text, spec.container)
    if split.code or prescan(split.yaml):
        return text
    tree = YamlTree(split.yaml, start=split.start, line=split.line)
    if tree.root is None or any(found.code != "yaml_scalar_ambiguous" for found in tree.found):
        return text
    closed = text if text.endswith("\n") else f"{text}\n"
    keys = {found.start for found in tree.found}
    edits = [Edit(key.start, key.end, quoted(key.text)) for key in _keys(tree.root) if key.start in keys]
    _, misread = values(tree.root, spec.shape, closed)
    owners = _owners(tree.root)
    for row in misread:
        edits.extend(_settled(row, owners.get(id(row.node)), Spans(closed)))
    return applied(closed, edits) or text


def _settled(row: Misread, owner: Node | None, spans: Spans) -> list[Edit]:
    node = row.node
    if row.code == "yaml_comment_ambiguous":
        end = spans.line_end(node.end) - 1
        if "\n" in spans.text[node.start : node.end]:
            return []
        whole = spans.text[node.start : end].rstrip()
        return [Edit(node.start, node.start + len(whole), quoted(whole))]
    if row.code != "yaml_scalar_ambiguous":
        return []
    if node.text:
        return [Edit(node.start, node.end, quoted(node.text))]
    if owner is None or spans.before(owner).strip(" "):
        return []
    return [Edit(spans.line_start(owner.start), spans.line_end(owner.start), "")]


def _keys(node: Node) -> list[Node]:
    found = [key for key, _ in node.entries]
    for child in (*(value for _, value in node.entries), *node.items):
        found.extend(_keys(child))
    return found


def _owners(node: Node) -> dict[int, Node]:
    """Return each mapping value's key, by the identity of the value's node."""
    found = {id(value): key for key, value in node.entries}
    for child in (*(value for _, value in node.entries), *node.items):
        found.update(_owners(child))
    return found
