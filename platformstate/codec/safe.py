"""Make a text safe for a terminal: every string that leaves the program passes here."""

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\U000e0000-\U000e007f\ud800-\udfff]+"
)


class _Forms(dict[int, str]):
    """What a character is written out as, made when it is first met."""

    def __missing__(self, code: int) -> str:
        form = self[code] = f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
        return form


_FORMS: Final = _Forms()


def safe_text(text: str) -> str:
    r"""Return a text in which controls and direction marks are written out: `\x1b`, `\u{202e}`.

    Line feed, tab, joiners and letters of every script stay.
    """
    if text.replace("\n", "").isprintable():
        return text
    return _UNSAFE.sub(_written_out, text)


def safe_line(text: str) -> str:
    r"""Return a text safe for a terminal in one line: a name that holds a line feed forges no second one."""
    return safe_text(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def _written_out(found: re.Match[str]) -> str:
    return found.group().translate(_FORMS)
