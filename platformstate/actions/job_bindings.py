"""Values for a job's target as a command line gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from platformstate.errors import StateError, shown


def bindings_of(text: str | None) -> dict[str, Any] | None:
    """Return the object that `--bindings` gives, as JSON or as `@FILE`. Raises: usage_invalid, job_bindings_invalid."""
    if text is None:
        return None
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as failed:
            raise StateError("usage_invalid", f"--bindings {shown(text)} cannot be read") from failed
    value = _parsed(text)
    if not isinstance(value, dict):
        raise StateError("job_bindings_invalid", f"--bindings {shown(text)} is no JSON object")
    return value


def overlay_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return the values that `--set K=V` gives; V is JSON where it parses, else text. Raises: usage_invalid."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise StateError("usage_invalid", f"--set {shown(text)} is not K=V")
        parsed = _parsed(value)
        found[name] = value if parsed is None and value != "null" else parsed
    return found


def _parsed(text: str) -> Any:
    from platformstate.codec.json_text import parse_text

    value, problems = parse_text(text, "bindings")
    return None if problems else value
