"""Params as a command line and a file give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from platformstate.codec.json_text import parse_json
from platformstate.errors import StateError, shown


def params_of(texts: Sequence[str], file: bytes | None) -> dict[str, Any]:
    """Return params from K=V texts, over those of a JSON object. Raises: procedure_param_invalid."""
    params: dict[str, Any] = {}
    if file is not None:
        value, problems = parse_json(file, "--params-file")
        if not isinstance(value, dict):
            reason = problems[0].message if problems else "it is no JSON object"
            raise StateError("procedure_param_invalid", f"--params-file: {reason}", problems=problems)
        params |= value
    for text in texts:
        name, equals, given = text.partition("=")
        if not equals or not name:
            raise StateError("procedure_param_invalid", f"--param {shown(text)} is not NAME=VALUE")
        params[name] = given
    return params
