"""Rewrite a file to canonical text without changing what it says: the whole of `fmt` but the disk.

Comments go with their entries. With `fix` also what cannot be read is settled where nothing has to
be guessed: ambiguous scalars become the text that they are, cut comments part of their value.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from platformstate.codec import limits
from platformstate.codec.comments import notes_of
from platformstate.codec.container import parts
from platformstate.codec.decoding import decoded
from platformstate.codec.layout import mapping_lines
from platformstate.codec.line_edits import same
from platformstate.codec.nodes import Node
from platformstate.codec.record import parse_as, spec_of
from platformstate.codec.render import file_text
from platformstate.codec.repairs import repaired
from platformstate.codec.utc import with_utc
from platformstate.codec.yaml_nodes import YamlTree
from platformstate.codec.yaml_values import values
from platformstate.core.kind import KindSpec
from platformstate.errors import Problem

_BOM: Final = b"\xef\xbb\xbf"


class Formatted(NamedTuple):
    """A file's canonical text; None with what is wrong where it does not parse.

    None without problems: a file that is never formatted (JSON, JSON lines).
    """

    text: str | None
    problems: tuple[Problem, ...] = ()


def formatted(data: bytes, path: str, *, fix: bool = False) -> Formatted:
    """Return a file's text as `fmt` writes it."""
    return formatted_as(data, path, spec_of(path), fix=fix)


def formatted_as(data: bytes, path: str, spec: KindSpec, *, fix: bool = False) -> Formatted:
    """Return the text of a record of a known kind as `fmt` writes it."""
    if spec.container not in ("markdown", "yaml") or not path.endswith((".md", ".yaml")):
        return Formatted(None)
    data = data.removeprefix(_BOM)
    text, _ = decoded(data, path, spec.max_bytes or limits.MAX_BYTES[spec.container], spec.container)
    for candidate in () if text is None else (repaired(text, spec), text) if fix else (text,):
        if parse_as(candidate.encode("utf-8"), path, spec).document is not None:
            return Formatted(_laid_out(candidate, path, spec))
    problems = parse_as(data, path, spec).problems
    return Formatted(None, tuple(problem for problem in problems if problem.severity == "error"))


def _laid_out(text: str, path: str, spec: KindSpec) -> str:
    split = parts(text, spec.container)
    root = YamlTree(split.yaml, start=split.start, line=split.line).root
    assert root is not None
    held, _ = values(root, spec.shape, text)
    meta = with_utc(held, spec.shape)
    return checked(_written(root, meta, spec, text), path, spec, meta, split.body)


def checked(result: str, path: str, spec: KindSpec, meta: dict[str, Any], body: str) -> str:
    """Return a formatted text that says what it has to say. Raises RuntimeError for any other."""
    again = parse_as(result.encode("utf-8"), path, spec).document
    if again is None or not same(again.meta, meta) or again.body.rstrip("\n") != body.rstrip("\n"):
        raise RuntimeError(f"formatting {path} would change what it says")
    return result


def _written(root: Node, meta: dict[str, Any], spec: KindSpec, text: str) -> str:
    split = parts(text, spec.container)
    notes, after_all = notes_of(root, spec.shape, text, split.start, split.start + len(split.yaml))
    lines = [*mapping_lines(meta, spec.shape, notes), *after_all]
    return file_text("".join(f"{line}\n" for line in lines), split.body, spec.container)
