"""Which characters a state file may not hold, and how one is named in a message.

Controls, direction marks and invisible characters make a text look other than it is, so they are
refused; joiners and every letter, right-to-left ones too, are allowed. Lists: docs of the codec.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

_INVISIBLE: Final = (
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\ufeff\ufff9-\ufffb\ufdd0-\ufdef"  # byte order mark, annotations, noncharacters
    "\U000e0000-\U000e007f"  # tag characters
    "\ud800-\udfff"  # surrogates: only an escape can make one
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
)
_CONTROLS: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"
_SEPARATORS: Final = "\x85\u2028\u2029"
_SELECTORS: Final = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_IDEOGRAPHS: Final = (
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f\U00030000-\U000323af"
)
_VARIATIONS: Final = f"[{_SELECTORS}]{{2,}}|(?<![{_IDEOGRAPHS}])[\U000e0100-\U000e01ef]"

_ANY_SELECTOR: Final = re.compile(f"[{_SELECTORS}]")
# An ASCII text holds nothing that is refused when nothing is left of it without these.
_ALLOWED_ASCII: Final = bytes([*b"\t\n\r", *range(0x20, 0x7F)])


def is_plain_ascii(data: bytes) -> bool:
    """Say whether bytes are ASCII without any character that is refused; fast, for the common case."""
    return not data.translate(None, _ALLOWED_ASCII)


def holds_refused(text: str, *, json: bool = False) -> bool:
    """Say whether a text holds a refused character. JSON strings may hold line separators."""
    if text.replace("\n", "").replace("\t", "").isprintable() and (
        text.isascii() or not _ANY_SELECTOR.search(text)
    ):
        return False
    return _refused(json).search(text) is not None


@cache
def _refused(json: bool) -> re.Pattern[str]:
    """Compile on first use: it takes as long as reading forty records, and most texts need none of it."""
    separators = "" if json else _SEPARATORS
    return re.compile(f"[{_CONTROLS}{separators}{_INVISIBLE}]|{_VARIATIONS}")


def refused(text: str, *, json: bool = False) -> Iterator[tuple[int, str]]:
    """Yield index and name (`U+202E`) of each refused character."""
    for found in _refused(json).finditer(text):
        yield found.start(), named(found.group()[-1])


def named(character: str) -> str:
    """Return a character as messages name it: `U+202E`."""
    return f"U+{ord(character):04X}"


def escaped(text: str) -> str:
    """Return a text with each refused character as an escape that JSON and YAML both read."""
    return _refused(False).sub(lambda found: "".join(map(_escape, found.group())), text)


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
