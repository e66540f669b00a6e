"""Read a record: bytes in, a document or every reason why there is none.

Stages, in order: size, bytes, container, pre-scan, parse, scalars. The first that fails reports all
of its own problems and later ones do not run. What a schema asks is judged elsewhere.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from platformstate.codec import limits
from platformstate.codec.container import Parts, parts
from platformstate.codec.decoding import decoded
from platformstate.codec.fractions import fraction_problems
from platformstate.codec.json_text import parse_text
from platformstate.codec.nodes import Node, place_at
from platformstate.codec.plain_yaml import plain_mapping
from platformstate.codec.prescan import Found, prescan
from platformstate.codec.safe import safe_text
from platformstate.codec.shapes import ANYTHING
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.kind import Kind, KindSpec
from platformstate.errors import Problem, shown

_FENCES: Final = {
    "frontmatter_missing": (
        "the file does not begin with the line ---",
        "begin the file with ---, the fields, and another line ---",
    ),
    "frontmatter_unclosed": (
        "the front matter that begins on line 1 never ends",
        "put a line --- after the last field",
    ),
}
_CONTAINERS: Final = {"md": "markdown", "yaml": "yaml", "yml": "yaml", "json": "json"}


class Parsed(NamedTuple):
    """A record that was read, or None; `problems` of a document are warnings."""

    document: Document[Any] | None
    problems: tuple[Problem, ...] = ()


def parse(data: bytes, path: str) -> Parsed:
    """Read a Markdown, YAML or JSON record; its kind follows from its path.

    A file outside the layout, and a template, is read by the same rules with no field known.
    """
    return parse_as(data, path, spec_of(path))


def spec_of(path: str) -> KindSpec:
    """Return the kind of what stands at a path, a kind without fields where it is no record."""
    place = places.place_of(path)
    name = "other" if place is None else place.kind
    if name in KINDS:
        return KINDS[name]
    container = _CONTAINERS.get(path.rpartition(".")[2], "markdown")
    return KindSpec(name, 0, path, container, "given", ANYTHING)


def parse_as(data: bytes, path: str, spec: KindSpec) -> Parsed:
    """Read a record of a known kind."""
    max_bytes = spec.max_bytes or limits.MAX_BYTES[spec.container]
    text, problems = decoded(data, path, max_bytes, spec.container)
    if text is None:
        return Parsed(None, problems)
    if spec.container == "json":
        return _json(text, path, spec, problems)
    split = parts(text, spec.container)
    meta = _plainly_fine(split, spec)
    if meta is None:
        meta, found = _closely(text, split, path, spec)
        if meta is None:
            return Parsed(None, _sorted((*problems, *found)))
    source = data.decode("utf-8") if b"\r" in data else text
    return Parsed(Document(Kind(spec.name), path, meta, split.body, source), problems)


def _plainly_fine(split: Parts, spec: KindSpec) -> dict[str, Any] | None:
    too_large = len(split.yaml) * 4 > limits.MAX_FRONT_MATTER_BYTES and spec.container == "markdown"
    if split.code or too_large or prescan(split.yaml):
        return None
    if plain := plain_mapping(split.yaml, spec.shape):
        return plain
    from platformstate.codec.yaml_fast import fast_mapping  # loads PyYAML: only for what is not that plain

    return fast_mapping(split.yaml, spec.shape) or None


def _closely(
    text: str, split: Parts, path: str, spec: KindSpec
) -> tuple[dict[str, Any] | None, tuple[Problem, ...]]:
    """Read again, slowly and with places, and say what is wrong; perhaps nothing is."""
    if split.code:
        return None, (Problem(path, 1, 1, split.code, *_FENCES[split.code]),)
    if spec.container == "markdown" and len(split.yaml.encode("utf-8")) > limits.MAX_FRONT_MATTER_BYTES:
        message = f"the front matter has more than {limits.MAX_FRONT_MATTER_BYTES:,} bytes"
        return None, (Problem(path, 1, 1, "text_too_large", message, "move long text to the body"),)
    found = [row._replace(start=row.start + split.start) for row in prescan(split.yaml)]
    if found:
        return None, _placed(found, text, path)
    from platformstate.codec.yaml_nodes import YamlTree
    from platformstate.codec.yaml_values import values

    tree = YamlTree(split.yaml, start=split.start, line=split.line)
    if tree.found:
        return None, _placed(tree.found, text, path)
    if tree.root is None or not tree.root.entries:
        return None, (_no_fields(tree.root, split.line, path),)
    meta, misread = values(tree.root, spec.shape, text)
    problems = tuple(
        Problem(path, row.node.line, row.node.col, row.code, row.message, row.fix, row.pointer)
        for row in misread[: limits.MAX_PROBLEMS]
    )
    return (None if problems else meta), problems


def _no_fields(root: Node | None, line: int, path: str) -> Problem:
    place = (root.line, root.col) if root else (line, 1)
    kind = root.kind if root and root.kind != "mapping" else None
    message = f"a {kind} stands here, not fields" if kind else "no fields stand here"
    return Problem(path, *place, "frontmatter_not_mapping", message, "write fields as key: value")


def _json(text: str, path: str, spec: KindSpec, warnings: tuple[Problem, ...]) -> Parsed:
    value, problems = parse_text(text, path)
    if problems:
        return Parsed(None, _sorted((*warnings, *problems)))
    if not isinstance(value, dict):
        message = f"{shown(safe_text(text.strip()))} is no JSON object"
        problem = Problem(path, 1, 1, "json_not_object", message, "write one object in braces")
        return Parsed(None, _sorted((*warnings, problem)))
    if wrong := fraction_problems(text, value, spec.shape, path):
        return Parsed(None, _sorted((*warnings, *wrong)))
    return Parsed(Document(Kind(spec.name), path, value, "", text), warnings)


def _placed(found: list[Found], text: str, path: str) -> tuple[Problem, ...]:
    return _sorted(Problem(path, *place_at(text, row.start), row.code, row.message, row.fix) for row in found)


def _sorted(problems: Any) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem[1:4]))
