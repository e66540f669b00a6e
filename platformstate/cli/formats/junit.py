"""A test report in JUnit's XML: one test case a judged file, one failure an error in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from platformstate.cli.findings import message_of
from platformstate.codec.safe import safe_line

SUITE: Final = "platformstate"
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\ufffe": "?", "\uffff": "?"}
)


def render(data: Mapping[str, Any], paths: Collection[str]) -> str:
    """Return the document; a file that is gone but has a finding is a case of its own."""
    found: dict[str, list[Mapping[str, Any]]] = {path: [] for path in paths}
    for problem in data["problems"]:
        found.setdefault(problem["path"], []).append(problem)
    failures = sum(each["severity"] == "error" for each in data["problems"])
    counts = f'tests="{len(found)}" failures="{failures}" errors="0"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuites name="{SUITE}" {counts}>',
            f'<testsuite name="{SUITE}" {counts}>',
            *(_case(path, found[path]) for path in sorted(found)),
            "</testsuite>",
            "</testsuites>",
        ]
    )


def _case(path: str, problems: Sequence[Mapping[str, Any]]) -> str:
    errors = [each for each in problems if each["severity"] == "error"]
    warnings = [each for each in problems if each["severity"] == "warning"]
    inside = [_failure(each) for each in errors]
    if warnings:
        inside.append(f"<system-out>{_text(chr(10).join(_line(each) for each in warnings))}</system-out>")
    begin = f'<testcase name="{_text(path)}" classname="{SUITE}"'
    return f"{begin}/>" if not inside else "\n".join([f"{begin}>", *inside, "</testcase>"])


def _failure(problem: Mapping[str, Any]) -> str:
    place = f'message="{_text(message_of(problem))}" type="{problem["code"]}"'
    return f"<failure {place}>{_text(_line(problem))}</failure>"


def _line(problem: Mapping[str, Any]) -> str:
    place = f"{problem['path']}:{problem['line']}:{problem['col']}"
    return f"{place}: {problem['code']} {message_of(problem)}; fix: {problem['fix']}"


def _text(text: str) -> str:
    """Return text that may stand in XML, which has no way to write most control characters."""
    return "\n".join(safe_line(line) for line in text.split("\n")).translate(_ESCAPES)
