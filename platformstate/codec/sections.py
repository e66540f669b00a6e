"""Body text: `## ` sections, and the list items in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

HEADING: Final = re.compile(r"##[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE: Final = re.compile(r"(`{3,}|~{3,})(.*)")
_ITEM: Final = re.compile(r"[-*+][ \t]+(.*)")


def sections(body: str) -> dict[str, str]:
    """Return the text under each `## ` heading, in order; text before the first under "".

    A heading inside a fenced block is text. Two equal headings are joined. Outer blank lines go.
    """
    found: dict[str, list[str]] = {}
    heading = ""
    for line, fenced in lines_of(body):
        match = None if fenced else HEADING.fullmatch(line)
        if match is not None:
            heading = match.group(1)
            before = found.setdefault(heading, [])
            before.extend([""] if before else [])
        else:
            found.setdefault(heading, []).append(line)
    texts = {name: "\n".join(lines).strip("\n") for name, lines in found.items()}
    return {name: text for name, text in texts.items() if name or text.strip()}


def lines_of(body: str) -> Iterator[tuple[str, bool]]:
    """Yield each line and whether it stands in a fenced block; an unclosed fence opens none."""
    lines = body.split("\n")
    closes = -1
    for index, line in enumerate(lines):
        if index > closes and (fence := _FENCE.fullmatch(line)):
            closes = _closing(lines, index, fence.group(1))
        yield line, index <= closes


def _closing(lines: list[str], opening: int, fence: str) -> int:
    for index in range(opening + 1, len(lines)):
        found = _FENCE.fullmatch(lines[index])
        if found and found.group(1).startswith(fence) and not found.group(2).strip():
            return index
    return -1


def items(text: str) -> list[str]:
    """Return the list items of a section, continued lines joined; a paragraph counts as an item."""
    found: list[list[str]] = []
    blank, listed = True, False
    for line in text.split("\n"):
        item = _ITEM.fullmatch(line)
        if item is not None:
            found.append([item.group(1)])
            listed = True
        elif not line.strip():
            blank = True
            if found:
                found[-1].append("")
            continue
        elif listed and line.startswith("  "):
            found[-1].append(line[2:])
        elif blank or not found:
            found.append([line])
            listed = False
        else:
            found[-1].append(line)
        blank = False
    return ["\n".join(lines).rstrip("\n") for lines in found]


def item_text(text: str) -> str:
    """Return a text as one list item: `- ` before it, continued lines indented by two."""
    first, *rest = text.strip().split("\n")
    return "\n".join([f"- {first}", *(f"  {line}" if line.strip() else "" for line in rest)])


def body_of(texts: Mapping[str, str]) -> str:
    """Return a body with these sections, in order; empty ones are left out.

    Each begins with a blank line, so that the first stands apart from the front matter's fence.
    """
    kept = ((heading, text.strip("\n")) for heading, text in texts.items())
    return "".join(
        f"\n## {heading}\n{text}\n" if heading else f"\n{text}\n" for heading, text in kept if text
    )
