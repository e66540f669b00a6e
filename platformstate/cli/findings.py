"""The text of a judgement: one finding a place, its fix below, as editors and people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from platformstate.codec.safe import safe_line

MAX_RELAYED: Final = 20


def findings_text(data: dict[str, Any]) -> str:
    """Return the findings alone, for hooks and editors: nothing when there is none."""
    if not data:
        return ""
    lines = [finding_text(problem) for problem in data["problems"]]
    hidden = sum(data["counts"].values()) - len(lines)
    if data["problems_truncated"]:
        lines.append(f"and {hidden} more; --max-problems 0 shows all")
    return "\n".join(lines)


def plain_lines(data: dict[str, Any]) -> str:
    """Return the first findings, one line each, for a push whose output another program relays."""
    lines = [finding_text(problem).partition("\n")[0] for problem in data.get("problems", ())]
    found = sum(data["counts"].values()) if lines else 0
    if found > MAX_RELAYED:
        lines[MAX_RELAYED:] = [f"and {found - MAX_RELAYED} more; platformctl validate --range shows all"]
    return "\n".join(lines)


def verdict_text(data: dict[str, Any]) -> str:
    """Return the findings, or one line that says there are none."""
    noun = "file" if data["files"] == 1 else "files"
    return findings_text(data) or f"{data['files']} {noun}, nothing wrong"


def finding_text(problem: dict[str, Any]) -> str:
    """Return one finding: place, code and message, and its fix below."""
    label = "" if problem["severity"] == "error" else f"{problem['severity']}: "
    place = f"{problem['path']}:{problem['line']}:{problem['col']}"
    found = safe_line(f"{place}: {label}{problem['code']} {message_of(problem)}")
    return f"{found}\n  fix: {safe_line(problem['fix'])}"


def message_of(problem: Mapping[str, Any]) -> str:
    """Return what was found, and in which commit where it is not the tree that is judged."""
    where = f" (in commit {problem['commit'][:12]})" if "commit" in problem else ""
    return f"{problem['message']}{where}"
