"""`{name}` in the texts of a procedure: found, judged, replaced. Never used for what a shell reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_PART: Final = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]{0,31})\}|[{}]")
_LITERAL: Final = {"{{": "{", "}}": "}"}


def placeholder_faults(text: str, known: Mapping[str, object]) -> Iterator[str]:
    """Yield what is wrong with each brace of a text: a lone one, or the name of no param."""
    for found in _PART.finditer(text):
        if found[1] is not None and found[1] not in known:
            yield f"{{{found[1]}}} names no param"
        elif found[1] is None and found[0] not in _LITERAL:
            yield f"a lone {found[0]} stands in the text; write {found[0] * 2} for a brace"


def has_placeholder(text: str) -> bool:
    """Say whether a text depends on a param."""
    return any(found[1] is not None for found in _PART.finditer(text))


def filled(text: str, texts: Mapping[str, str]) -> str:
    """Return a text that has no fault with its params' texts in place and its braces made single."""
    return _PART.sub(lambda found: texts[found[1]] if found[1] else _LITERAL[found[0]], text)
