"""How a plain YAML scalar reads: only true, false, null and JSON numbers are more than text.

What any YAML version would read as something else is ambiguous, and never guessed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

Reading = Literal["text", "boolean", "null", "integer", "number", "date", "ambiguous"]

BOOLEANS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n"})
NULLS: Final = frozenset({"", "~", "null"})
_WORDS: Final[dict[str, Reading]] = {"true": "boolean", "false": "boolean", "null": "null"}
LONGEST_WORD: Final = 5
# A longer plain scalar that begins otherwise is text at first sight.
NUMERIC_STARTS: Final = frozenset("0123456789+-.~=<")

# So begin the ids of runs and checkpoints, which are many; no number and no date does.
_STAMPED: Final = re.compile(r"[0-9]{2,}[A-DF-Za-df-z]")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-][0-9]+)?")
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:[Zz]|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
)
_AMBIGUOUS: Final = re.compile(
    r"~|=|<<"
    r"|[-+]?0b[01_]+|[-+]?0o[0-7_]+|[-+]?0x[0-9a-fA-F_]+"
    r"|[-+]?[0-9][0-9_]*"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|nan)",
    re.IGNORECASE,
)


def reading(text: str) -> Reading:
    """Return how a plain scalar reads."""
    if len(text) <= LONGEST_WORD:
        return _reading_of_word(text)
    if text[0] not in NUMERIC_STARTS or _STAMPED.match(text):
        return "text"
    return _numeric_reading(text)


@lru_cache(maxsize=1024)  # short words are few: null, true, main, p1, ac1
def _reading_of_word(text: str) -> Reading:
    if text[:1] in NUMERIC_STARTS:
        return _numeric_reading(text)
    known = _WORDS.get(text)
    if known is not None:
        return known
    word = text.lower()
    return "ambiguous" if word in BOOLEANS or word in NULLS else "text"


def _numeric_reading(text: str) -> Reading:
    if _INTEGER.fullmatch(text):
        return "integer"
    if _NUMBER.fullmatch(text):
        return "number"
    if _DATE.fullmatch(text):
        return "date"
    return "ambiguous" if _AMBIGUOUS.fullmatch(text) else "text"
