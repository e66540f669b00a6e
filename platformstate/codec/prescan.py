"""One look over YAML before any parser sees it: what would crash or confuse one is refused here.

Quotes and block text are not told apart; the places that a person can reach are exact all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from platformstate.codec import limits

_BRACKETS: Final = re.compile(r"[\[\]{}]")
_MARKERS: Final = re.compile(
    r"^(?:(?P<document>(?:---|\.\.\.)(?=[ \t]|$))|(?P<directive>%)|(?P<tab> *\t))", re.MULTILINE
)


class Found(NamedTuple):
    """A place in the text and what is wrong there."""

    start: int
    code: str
    message: str
    fix: str


def prescan(text: str) -> list[Found]:
    """Return what makes a YAML text unfit to be parsed, by place."""
    # Cheap signs first: most texts hold none and are done here.
    marked = "\t" in text or "\n---" in text or "\n..." in text or "\n%" in text or text[:1] in "%-."
    long = len(text) > limits.MAX_NESTING_SCANNED
    if not (marked or long):
        return []
    markers = islice(_markers(text), limits.MAX_PROBLEMS) if marked else ()
    return sorted([*markers, *(_depth(text) if long else ())])


def _markers(text: str) -> Iterator[Found]:
    for match in _MARKERS.finditer(text):
        if match["document"]:
            message = f"{match['document']!r} begins another YAML document"
            yield Found(
                match.start(), "yaml_document_multiple", message, "keep one document, or quote the text"
            )
        elif match["directive"]:
            message = "a line that begins with % is a YAML directive"
            yield Found(
                match.start(), "yaml_directive_refused", message, "remove the line, or quote the text"
            )
        else:
            message = "a tab stands in the indentation"
            yield Found(match.end() - 1, "yaml_syntax_invalid", message, "indent with spaces")


def _depth(text: str) -> Iterator[Found]:
    index = _too_deep(text)
    if index is None and max(map(len, text.split("\n"))) > limits.MAX_NESTING_SCANNED:
        indent = re.search(rf"^[ \t?:-]{{{limits.MAX_NESTING_SCANNED + 1}}}", text, re.MULTILINE)
        index = indent and indent.end() - 1
    if index is not None:
        yield Found(index, "depth_exceeded", f"nested deeper than {limits.MAX_DEPTH} levels", "nest less")


def _too_deep(text: str) -> int | None:
    if text.count("[") + text.count("{") <= limits.MAX_NESTING_SCANNED:
        return None
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth = depth + 1 if match.group() in "[{" else max(depth - 1, 0)
        if depth > limits.MAX_NESTING_SCANNED:
            return match.start()
    return None
