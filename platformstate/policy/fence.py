"""Keep foreign text apart: it stands only between two markers that no text of it can contain."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Final, NamedTuple

MARK_CHARACTERS: Final = 12
_UNSEEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS: Final = "\u200c\u200d"


class Line(NamedTuple):
    """A line of a brief: our own words, or foreign text with our label in front of it."""

    text: str
    foreign: bool = False
    label: str = ""


def own(text: str) -> Line:
    """Return a line of our own: it holds ids, numbers and words of ours, never text of others."""
    return Line(text)


def foreign(label: str, text: str) -> Line:
    """Return a line of foreign text; the label is ours and says what and whose it is."""
    return Line(one_line(text), True, label)


def one_line(text: str) -> str:
    """Return a text on one line: breaks and characters that do not show become blanks."""
    plain = "".join(" " if _hides(character) else character for character in text)
    return " ".join(plain.split())


def mark_for(lines: Iterable[Line]) -> str:
    """Return the marker's digits: a digest of all foreign texts, and in none of them."""
    joined = "\0".join(line.text for line in lines if line.foreign)
    digests = (hashlib.sha256(f"{joined}\0{number}".encode()).hexdigest() for number in count())
    return next(digest[:MARK_CHARACTERS] for digest in digests if digest[:MARK_CHARACTERS] not in joined)


def fenced(lines: Sequence[Line], mark: str) -> list[str]:
    """Return lines as text, each stretch of foreign ones between its two markers."""
    shown: list[str] = []
    inside = False
    for line in lines:
        if line.foreign is not inside:
            shown.append(f"<data-{mark}>" if line.foreign else f"</data-{mark}>")
            inside = line.foreign
        shown.append(f"- {line.label}: {line.text}" if line.foreign else line.text)
    return [*shown, f"</data-{mark}>"] if inside else shown


def _hides(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN and character not in _JOINERS
