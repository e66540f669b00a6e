"""The report that GitLab reads as code quality: a JSON array, one object a finding."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from platformstate.cli.findings import message_of

_SEVERITIES: Final = {"error": "major", "warning": "minor"}


def render(data: Mapping[str, Any], paths: Collection[str]) -> str:
    """Return the array, also for no finding."""
    return json.dumps([_issue(each) for each in data["problems"]], indent=2)


def fingerprint(problem: Mapping[str, Any]) -> str:
    """Return what makes a finding the same one in another run: code, path, pointer and commit."""
    parts = (problem["code"], problem["path"], problem["pointer"], problem.get("commit") or "")
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _issue(problem: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": f"{message_of(problem)}. Fix: {problem['fix']}",
        "check_name": problem["code"],
        "fingerprint": fingerprint(problem),
        "severity": _SEVERITIES[problem["severity"]],
        "location": {"path": problem["path"], "lines": {"begin": problem["line"]}},
    }
