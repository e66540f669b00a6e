"""Read what people fill in: a template of ours, or any Markdown with front matter of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from platformstate import packaged
from platformstate.core.catalog import KINDS
from platformstate.errors import Problem, StateError, shown

_HAS_SCHEMA: Final = re.compile(r"---\r?\n(?:(?!---\r?\n).*\n)*?schema[ \t]*:")


def read_form(data: bytes, name: str, kind: str) -> tuple[Mapping[str, Any], str]:
    """Return front matter and body of a filled form; every key is a field of the kind, or `x-…`.

    Front matter without `schema` is foreign and read through python-frontmatter. Raises:
    record_invalid, with line and column of each finding.
    """
    text = data.decode("utf-8", "replace")
    meta, body = _own(data, name, kind) if _HAS_SCHEMA.match(text) else _foreign(data, name)
    _refuse_unknown(meta, text, name, kind)
    return meta, body


def without_comments(body: str, template: str) -> str:
    """Return a body without the comment lines that its template holds for whoever fills it in."""
    lines = packaged.read("templates", template).decode().splitlines()
    comments = {line.strip() for line in lines if line.lstrip().startswith("<!--")}
    return "".join(line for line in body.splitlines(keepends=True) if line.strip() not in comments)


def form_refused(name: str, problems: Sequence[Problem]) -> StateError:
    """Return the error for a form that cannot become a record."""
    first = problems[0]
    return StateError(
        "record_invalid",
        first.message,
        hint=first.fix,
        path=name,
        line=first.line,
        col=first.col,
        problems=tuple(problems),
    )


def _own(data: bytes, name: str, kind: str) -> tuple[Mapping[str, Any], str]:
    from platformstate.codec.record import parse_as

    parsed = parse_as(data, name, KINDS[kind])
    errors = [problem for problem in parsed.problems if problem.severity == "error"]
    if parsed.document is None or errors:
        raise form_refused(name, errors or parsed.problems)
    meta = parsed.document.meta
    if meta.get("schema") != f"{kind}/1":
        message = f"schema {shown(meta.get('schema'))} is not {kind}/1"
        fix = f"write schema: {kind}/1, or remove the line"
        raise form_refused(
            name, [_problem(data.decode(), name, "/schema", "schema_version_unknown", message, fix)]
        )
    return meta, parsed.document.body


def _foreign(data: bytes, name: str) -> tuple[Mapping[str, Any], str]:
    from platformstate.codec.frontmatter_handler import foreign

    return foreign(data, name)


def _refuse_unknown(meta: Mapping[str, Any], text: str, name: str, kind: str) -> None:
    from difflib import get_close_matches

    known = KINDS[kind].shape.keys
    problems = []
    for key in meta:
        if key in known or key.startswith("x-"):
            continue
        nearest = get_close_matches(key, known, n=1)
        fix = (
            f"write {nearest[0]}, or remove the key"
            if nearest
            else "remove the key, or begin its name with x-"
        )
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        message = f"{shown(key)!r} is no field of a {kind}"
        problems.append(_problem(text, name, pointer, "field_unknown", message, fix))
    if problems:
        raise form_refused(name, problems)


def _problem(text: str, name: str, pointer: str, code: str, message: str, fix: str) -> Problem:
    from platformstate.codec.locate import position

    line, col = position(text, "markdown", pointer, of_key=True) if text.startswith("---\n") else (1, 1)
    return Problem(name, line, col, code, message, fix, pointer)
