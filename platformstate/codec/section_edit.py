"""Change one `## ` section of a body and leave every other byte of it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from platformstate.codec.sections import HEADING, lines_of


class Span(NamedTuple):
    """A section: its heading, where it begins, where its text begins, where it ends."""

    heading: str
    start: int
    text: int
    end: int


def with_section(body: str, heading: str, text: str, order: Sequence[str] = ()) -> str:
    """Return the body with a section's text replaced, or added before the first that follows in `order`.

    Empty text removes the section.
    """
    if not text.strip():
        return without_section(body, heading)
    if body and not body.endswith("\n"):
        body += "\n"
    new = text.strip("\n") + "\n"
    found = spans(body)
    for span in found:
        if span.heading == heading:
            gap = "\n" if span.end < len(body) else ""
            return body[: span.text] + new + gap + body[span.end :]
    later = order[order.index(heading) + 1 :] if heading in order else ()
    for span in found:
        if span.heading in later:
            return f"{body[: span.start]}## {heading}\n{new}\n{body[span.start :]}"
    return f"{body}{_gap(body)}## {heading}\n{new}"


def without_section(body: str, heading: str) -> str:
    """Return the body without a section."""
    for span in spans(body):
        if span.heading == heading:
            before, after = body[: span.start], body[span.end :]
            return before + after if after else before.rstrip("\n") + ("\n" if before.strip() else "")
    return body


def spans(body: str) -> list[Span]:
    """Return where each section stands, in order."""
    starts = list(_headings(body))
    ends = [*(start for _, start, _ in starts[1:]), len(body)]
    return [Span(name, start, text, end) for (name, start, text), end in zip(starts, ends, strict=False)]


def _headings(body: str) -> Iterator[tuple[str, int, int]]:
    place = 0
    for line, fenced in lines_of(body):
        found = None if fenced else HEADING.fullmatch(line)
        after = min(place + len(line) + 1, len(body))
        if found is not None:
            yield found.group(1), place, after
        place = after


def _gap(body: str) -> str:
    if not body or body.endswith("\n\n"):
        return "" if body else "\n"
    return "\n" if body.endswith("\n") else "\n\n"
