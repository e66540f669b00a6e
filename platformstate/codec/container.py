"""Where the YAML of a record stands in its file: between fences, or the whole of it."""

from __future__ import annotations

from typing import Final, NamedTuple

FENCE: Final = "---\n"


class Parts(NamedTuple):
    """A file's YAML with the place and line where it begins, and the body after it.

    `code` says what is wrong with the fences; then there is no YAML to read.
    """

    yaml: str
    start: int
    line: int
    body: str
    code: str = ""


def parts(text: str, container: str) -> Parts:
    """Split the text of a Markdown or YAML record."""
    if container != "markdown":
        return Parts(text, 0, 1, "")
    if not text.startswith(FENCE):
        return Parts("", 0, 1, "", "frontmatter_unclosed" if text == "---" else "frontmatter_missing")
    close = text.find("\n---\n", len(FENCE) - 1)
    if close >= 0:
        return Parts(text[len(FENCE) : close + 1], len(FENCE), 2, text[close + 1 + len(FENCE) :])
    if text.endswith("\n---"):
        return Parts(text[len(FENCE) : -3], len(FENCE), 2, "")
    return Parts("", 0, 1, "", "frontmatter_unclosed")
