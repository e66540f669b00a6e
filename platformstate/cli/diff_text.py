"""The text of a semantic diff: one block a record, `!` before what needs attention."""

from __future__ import annotations

import json
from typing import Any, Final

from platformstate.codec.safe import safe_line

ATTENTION: Final = ("violation", "needs_operator", "claimed")
WORDS: Final = {
    "violation": "violation",
    "needs_operator": "needs operator",
    "claimed": "only claimed",
    "info": "info",
    "formatting_only": "formatting only",
}
SIGNS: Final = {"added": "+", "removed": "-", "changed": " "}
MAX_VALUE_CHARACTERS: Final = 120


def diff_text(data: dict[str, Any], *, all_files: bool = False) -> str:
    """Return the whole diff as a person reads it in a terminal."""
    blocks = ["\n".join(_block(change)) for change in data["changes"]]
    if all_files and data["formatting_only"]:
        blocks.append("\n".join(["formatting only", *(f"    {path}" for path in data["formatting_only"])]))
    return "\n\n".join([*blocks, f"summary: {summary(data)}"])


def summary(data: dict[str, Any]) -> str:
    """Return the counts that are not zero, the highest level first."""
    counts = [f"{count} {WORDS[level]}" for level, count in data["counts"].items() if count]
    return ", ".join(counts) or "no change in meaning"


def value_text(value: Any) -> str:
    """Return a value on one line, cut where it is long."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = safe_line(text)
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[:MAX_VALUE_CHARACTERS] + "…"


def field_name(field: dict[str, Any]) -> str:
    """Return a field's pointer as words: `acceptance/ac1/state`."""
    return safe_line(field["pointer"].removeprefix("/")) or "record"


def moved(field: dict[str, Any]) -> str:
    """Return what became of a field's value."""
    if field["pointer"] == "/scope" and isinstance(field["to"], str):
        return f"touched outside: {value_text(field['to'])}"
    if field["op"] == "added":
        return f"+ {value_text(field['to'])}"
    if field["op"] == "removed":
        return f"- {value_text(field['from'])}"
    return f"{value_text(field['from'])} -> {value_text(field['to'])}"


def body_text(body: dict[str, Any]) -> str:
    """Return how much of a body changed, and under which headings."""
    headings = ", ".join(value_text(heading) for heading in body["headings"])
    lines = f"+{body['added']} -{body['removed']} lines"
    return f"{lines} ({headings})" if headings else lines


def _block(change: dict[str, Any]) -> list[str]:
    title = value_text(change["title"])
    name = f"{change['kind']} {safe_line(change['id'])}"
    shown = f": {title}" if title != change["id"] else ""
    word = f" [{WORDS[change['level']]}]" if change["level"] in ATTENTION else ""
    lines = [f"{_mark(change['level'])} {change['op']} {name}{shown}{word}"]
    lines += [f"! {'':4}{code}" for code in change["problems"]]
    lines += [
        f"{_mark(field['level'])} {'':4}{field_name(field)}: {moved(field)}" for field in change["fields"]
    ]
    lines += [f"  {'':4}body: {body_text(change['body'])}"] if change["body"] else []
    return lines + [
        f"  {'':4}{safe_line(part['path'])}: +{part['lines']} lines" for part in change["appended"]
    ]


def _mark(level: str) -> str:
    return "!" if level in ATTENTION else " "
