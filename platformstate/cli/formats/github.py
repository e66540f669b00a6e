"""Workflow commands of GitHub Actions: findings as annotations, and a summary of the step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from platformstate.cli.findings import message_of
from platformstate.codec.safe import safe_line

# GitHub shows no more than these of one step.
MAX_OF_A_KIND: Final = 10
_KINDS: Final = ("error", "warning")
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})
_CELL: Final = str.maketrans({"|": "\\|", "<": "&lt;", "`": "'", "@": "&#64;"})


def render(data: Mapping[str, Any], paths: Collection[str]) -> str:
    """Return one workflow command a finding, errors first; the rest is counted in a last notice."""
    lines, left = [], 0
    for kind in _KINDS:
        found = [each for each in data["problems"] if each["severity"] == kind]
        lines += [_command(each) for each in found[:MAX_OF_A_KIND]]
        left += data["counts"][kind] - len(found[:MAX_OF_A_KIND])
    if left:
        noun = "finding" if left == 1 else "findings"
        lines.append(f"::notice title=platformstate::{left} more {noun}; platformctl validate shows all")
    elif not lines:
        lines.append(f"::notice title=platformstate::{_judged(paths)}, nothing wrong")
    return "\n".join(lines)


def summary(data: Mapping[str, Any], paths: Collection[str]) -> str:
    """Return what stands on the page of the step, as Markdown."""
    errors, warnings = data["counts"]["error"], data["counts"]["warning"]
    head = f"### platformstate: {errors} errors, {warnings} warnings in {_judged(paths)}\n"
    rows = [_row(each) for each in data["problems"]]
    table = ["", "| place | code | finding |", "|---|---|---|", *rows] if rows else []
    cut = ["", "More were found than are listed."] if data["problems_truncated"] else []
    return "\n".join([head, *table, *cut, ""])


def _judged(paths: Collection[str]) -> str:
    return "1 file" if len(paths) == 1 else f"{len(paths)} files"


def _command(problem: Mapping[str, Any]) -> str:
    place = f"file={_property(problem['path'])},line={problem['line']},col={problem['col']}"
    title = f"title={_property(problem['code'])}"
    message = safe_line(f"{message_of(problem)}. Fix: {problem['fix']}").translate(_DATA)
    return f"::{problem['severity']} {place},{title}::{message}"


def _property(text: str) -> str:
    return safe_line(text).translate(_PROPERTY)


def _row(problem: Mapping[str, Any]) -> str:
    place = f"{problem['path']}:{problem['line']}:{problem['col']}"
    cells = (f"`{_cell(place)}`", f"`{problem['code']}`", _cell(message_of(problem)))
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return safe_line(text).replace("\\", "\\\\").translate(_CELL)
