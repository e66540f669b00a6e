"""The static analysis format SARIF 2.1.0: one run, the rules that were broken, and where."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from platformstate import __version__
from platformstate.cli.findings import message_of
from platformstate.cli.formats.gitlab import fingerprint
from platformstate.errors import registry

VERSION: Final = "2.1.0"
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
# What a URI may hold as it is; all else is written as percent and two digits.
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def render(data: Mapping[str, Any], paths: Collection[str]) -> str:
    """Return the document, also for no finding."""
    codes = sorted({each["code"] for each in data["problems"]})
    order = {code: index for index, code in enumerate(codes)}
    driver = {
        "name": "platformstate",
        "version": __version__,
        "rules": [_rule(code) for code in codes],
    }
    results = [_result(each, order) for each in data["problems"]]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    entry = registry()[code]
    return {
        "id": code,
        "shortDescription": {"text": entry["summary"]},
        "help": {"text": f"platformctl explain {code}: {entry.get('fix', entry['summary'])}"},
        "helpUri": f"urn:platformstate:code:{code}",
        "defaultConfiguration": {"level": entry["severity"]},
    }


def _result(problem: Mapping[str, Any], order: Mapping[str, int]) -> dict[str, Any]:
    found = {
        "ruleId": problem["code"],
        "ruleIndex": order[problem["code"]],
        "level": problem["severity"],
        "message": {"text": f"{message_of(problem)}. Fix: {problem['fix']}"},
        "locations": [{"physicalLocation": _location(problem)}],
        "partialFingerprints": {"platformstate/1": fingerprint(problem)},
    }
    return found if "commit" not in problem else {**found, "properties": {"commit": problem["commit"]}}


def _location(problem: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": _uri(problem["path"])},
        "region": {"startLine": problem["line"], "startColumn": problem["col"]},
    }


def _uri(path: str) -> str:
    data = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in data)
