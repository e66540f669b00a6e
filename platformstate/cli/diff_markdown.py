"""The Markdown of a semantic diff, as a comment on a pull request.

Every value stands in a code span in which nothing can end the span or the table, name a person, or
pass for a heading. A comment that would grow too long is cut between two lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from platformstate.cli.diff_text import (
    ATTENTION,
    WORDS,
    body_text,
    field_name,
    moved,
    summary,
    value_text,
)
from platformstate.codec.safe import safe_line

MARK: Final = "<!-- platformstate-diff -->"
MAX_CHARACTERS: Final = 60_000
_ROOM: Final = 200
_FOLD, _FOLD_END = "<details>", "</details>"
_NEUTRAL: Final = str.maketrans({"|": "¦", "`": "ʼ", "<": "‹", "@": "＠"})
_BREAKS: Final = re.compile(r"\s+")
_HEAD: Final = ("| | Field | Change |", "|---|---|---|")


def diff_markdown(data: dict[str, Any], *, all_files: bool = False) -> str:
    """Return the whole diff as one comment of at most 60,000 characters."""
    lines = [MARK, f"## State changes: {summary(data)}", "", _sides(data), ""]
    used = sum(map(len, lines)) + len(lines)
    rest = [*_attention(data), *_info(data), *(_formatting(data) if all_files else ())]
    for number, line in enumerate(rest):
        used += len(line) + 1
        if used > MAX_CHARACTERS - _ROOM:
            fold = ["", _FOLD_END] if _is_open(lines) else []
            return "\n".join([*lines, *fold, "", _cut(len(rest) - number)])
        lines.append(line)
    return "\n".join(lines).rstrip("\n")


def _sides(data: dict[str, Any]) -> str:
    sides = (data["from"], data["to"])
    names = (
        f"{_code(side['rev'])} ({side['commit'][:12]})" if side["commit"] else _code(side["rev"])
        for side in sides
    )
    return " → ".join(names)


def _attention(data: dict[str, Any]) -> Iterator[str]:
    for change in data["changes"]:
        if change["level"] in ATTENTION:
            yield from _record(change)


def _info(data: dict[str, Any]) -> Iterator[str]:
    """Yield the changes that need nobody, folded away."""
    found = [change for change in data["changes"] if change["level"] not in ATTENTION]
    if found:
        yield from (f"{_FOLD}<summary>{len(found)} for information</summary>", "")
        for change in found:
            yield from _record(change)
        yield from (_FOLD_END, "")


def _formatting(data: dict[str, Any]) -> Iterator[str]:
    if data["formatting_only"]:
        yield from ("**formatting only**", "")
        yield from (f"- {_code(path)}" for path in data["formatting_only"])


def _record(change: dict[str, Any]) -> Iterator[str]:
    title = value_text(change["title"])
    level = f"! **{WORDS[change['level']]}**: " if change["level"] in ATTENTION else ""
    head = f"{level}{change['op']} {change['kind']} {_code(change['id'])}"
    yield head + (f" {_code(title)}" if title != change["id"] else "")
    yield ""
    if rows := list(_rows(change)):
        yield from (*_HEAD, *rows, "")


def _rows(change: dict[str, Any]) -> Iterator[str]:
    yield from (f"| ! | problem | {_code(code)} |" for code in change["problems"])
    for field in change["fields"]:
        mark = "!" if field["level"] in ATTENTION else ""
        yield f"| {mark} | {_code(field_name(field))} | {_code(moved(field).replace(' -> ', ' → '))} |"
    if change["body"]:
        yield f"| | body | {_code(body_text(change['body']))} |"
    for part in change["appended"]:
        yield f"| | {_code(part['path'])} | {_code('+{} lines'.format(part['lines']))} |"


def _code(text: str) -> str:
    """Return a text in a code span that it cannot leave."""
    return f"`{_BREAKS.sub(' ', safe_line(text)).translate(_NEUTRAL).strip() or ' '}`"


def _is_open(lines: list[str]) -> bool:
    return any(line.startswith(_FOLD) for line in lines) and _FOLD_END not in lines


def _cut(left: int) -> str:
    noun = "line is" if left == 1 else "lines are"
    return f"_Cut at {MAX_CHARACTERS:,} characters: {left} more {noun} in what `platformctl diff` prints._"
