"""The formats of the schemas that a pattern cannot say; both engines assert the same functions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_MAX_OFFSET_HOURS: Final = 23
_MAX_MINUTES: Final = 59


def is_instant(value: object) -> bool:
    """Say whether a text is RFC 3339 with an offset and names a real day of the years 1 to 9999."""
    if not isinstance(value, str):
        return True
    found = _INSTANT.fullmatch(value)
    if found is None:
        return False
    try:
        datetime.fromisoformat(found[1])
    except ValueError:
        return False
    offset = found[3]
    return offset == "Z" or (int(offset[1:3]) <= _MAX_OFFSET_HOURS and int(offset[4:]) <= _MAX_MINUTES)


def is_utc(text: str) -> bool:
    """Say whether an instant is written as the store writes it, with Z for its offset."""
    return text.endswith("Z")


def is_repository_path(value: object) -> bool:
    """Say whether a text is a path inside a repository: relative, NFC, without empty or dot parts."""
    if not isinstance(value, str):
        return True
    if not value or value[0] in "-/" or "\\" in value or "\n" in value or "\0" in value:
        return False
    if not value.isascii() and not unicodedata.is_normalized("NFC", value):
        return False
    return not {"", ".", ".."}.intersection(value.split("/"))


def is_glob(value: object) -> bool:
    """Say whether a text is a relative pathspec that stays inside and has no magic in front."""
    if not isinstance(value, str):
        return True
    if not value or value[0] in "/:" or "\n" in value or "\0" in value:
        return False
    return ".." not in value.split("/")


FORMATS: Final[Mapping[str, Callable[[object], bool]]] = {
    "date-time": is_instant,
    "repo-path": is_repository_path,
    "glob": is_glob,
}
