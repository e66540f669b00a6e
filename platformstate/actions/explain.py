"""Explain a code of the registry."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Final

from platformstate.actions.answer import Answer
from platformstate.errors import StateError, registry, shown

_LISTED: Final = ("family", "severity", "exit", "summary")
_EXPLAINED: Final = (*_LISTED, "cause", "example", "fix")


def explain_code(code: str) -> Answer:
    """Return what a code means, why it is raised, an example, and the fix.

    Raises: code_not_found, which names the nearest codes.
    """
    known = registry()
    if code not in known:
        nearest = get_close_matches(code, known, n=3)
        hint = " or ".join(f"platformctl explain {name}" for name in nearest)
        raise StateError(
            "code_not_found",
            f"no code is called {shown(code)!r}",
            hint=hint or "platformctl explain --list",
            data={"nearest": nearest},
        )
    return Answer({"code": code, **_chosen(known[code], _EXPLAINED)})


def list_codes() -> Answer:
    """Return every code of the program in the order of the registry."""
    return Answer(
        {"codes": [{"code": code, **_chosen(entry, _LISTED)} for code, entry in registry().items()]}
    )


def _chosen(entry: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: entry.get(key) for key in keys}
