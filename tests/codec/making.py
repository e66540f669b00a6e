"""Records of a made-up kind, so that each rule of the text is seen without a real schema's own rules."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from platformstate.codec.characters import refused
from platformstate.codec.record import Parsed, parse_as
from platformstate.core.document import Document
from platformstate.core.kind import Kind, KindSpec, Shape

PATH = "state/notes/n1.md"

TEXT = Shape(types=("string",))
INTEGER = Shape(types=("integer",))
INSTANT = Shape(types=("string",), format="date-time")
ITEM = Shape(
    types=("object",),
    keys={"id": TEXT, "text": TEXT, "count": INTEGER, "tags": Shape(types=("array",), items=TEXT)},
)
SHAPE = Shape(
    types=("object",),
    keys={
        "schema": Shape(types=("string",), group="identity"),
        "id": Shape(types=("string",), group="identity"),
        "title": Shape(types=("string",), group="title"),
        "status": Shape(types=("string",), group="status"),
        "reason": Shape(types=("string",), group="status"),
        "labels": Shape(types=("array",), items=TEXT, group="labels", always=True),
        "items": Shape(types=("array",), items=ITEM, group="items"),
        "git": Shape(
            types=("object",),
            keys={"commit": TEXT, "dirty": INTEGER, "branch": Shape(types=("string", "null"))},
            flow=True,
            group="git",
        ),
        "count": Shape(types=("integer",), group="numbers"),
        "size": Shape(types=("number",), group="numbers"),
        "open": Shape(types=("boolean",), group="numbers"),
        "at": Shape(types=("string",), format="date-time", group="times"),
        "day": Shape(types=("string",), format="date", group="times"),
    },
)
NOTE = KindSpec("note", 1, "notes/{id}.md", "markdown", "given", SHAPE)
YAML_NOTE = KindSpec("note", 1, "notes/{id}.yaml", "yaml", "given", SHAPE)
JSON_NOTE = KindSpec("note", 1, "notes/{id}.json", "json", "given", SHAPE)


def read(yaml: str, body: str = "") -> Parsed:
    """Read front matter of the made-up kind."""
    return parse_as(f"---\n{yaml}---\n{body}".encode(), PATH, NOTE)


def document(meta: dict[str, Any], body: str = "", source: str | None = None) -> Document[Any]:
    """Return a record of the made-up kind."""
    return Document(Kind("note"), PATH, meta, body, source)


def found(parsed: Any) -> list[str]:
    """Return findings as `code:line:col`."""
    return [f"{p.code}:{p.line}:{p.col}" for p in parsed.problems]


def _is_allowed(text: str) -> bool:
    return not any(refused(text)) and "\r" not in text


characters = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from(
    "\n\t :#-'\"[]{},|>&*!%@`"
)
texts = st.text(characters, max_size=30).filter(_is_allowed) | st.sampled_from(
    [
        "true",
        "No",
        "~",
        "null",
        "12",
        "1.5e+3",
        "0x1F",
        "1_000",
        "12:30",
        "2026-11-20",
        "=",
        "<<",
        "- a",
        "? b",
        "a: b",
        "a #b",
        " a",
        "a ",
        "a\nb",
        "a\nb\n",
        "\na",
        "a\n",
        "a\n\n",
        " a\nb",
        "a\n b\n",
        "a \nb",
        "\ta\nb",
        "---",
        "...",
        "--- x",
        "%a",
        "@a",
        "`a",
        "'",
        '"',
        "\\",
        "a:",
        ":a",
        "http://x/y:z",
        "a,b",
        "é",
        "日本",
        "x\u00a0",
        "a\tb",
    ]
)
keys = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda key: _is_allowed(key) and key != "<<"
)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-(2**53) + 1, 2**53 - 1, allow_nan=False)
scalars = texts | numbers | st.booleans() | st.none()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
items = st.fixed_dictionaries(
    {}, optional={"id": texts, "text": texts, "count": st.integers(0, 9), "tags": st.lists(texts, max_size=3)}
)
records = st.builds(
    lambda known, own: {
        "schema": "note/1",
        "id": "n1",
        **known,
        **{f"x-{key}": value for key, value in own.items()},
    },
    st.fixed_dictionaries(
        {"labels": st.lists(texts, max_size=4)},
        optional={
            "title": texts,
            "status": texts,
            "reason": texts,
            "items": st.lists(items, max_size=3),
            "git": st.fixed_dictionaries(
                {}, optional={"commit": texts, "dirty": st.integers(0, 99), "branch": texts | st.none()}
            ),
            "count": st.integers(-9, 99),
            "size": numbers,
            "open": st.booleans(),
            "at": texts,
        },
    ),
    st.dictionaries(keys, values, max_size=3),
)
bodies = (
    st.text(characters, max_size=60)
    .filter(_is_allowed)
    .map(lambda text: text and text + "\n")
    .filter(lambda text: not text.startswith("<<<<<<<"))
)
