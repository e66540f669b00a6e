"""The only printer of the program: every text is made safe for a terminal on its way out."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final, TextIO

try:
    from platformstate.codec.safe import safe_text
except ImportError:  # arrives with codec
    def safe_text(text: str) -> str: return text

_COLORS: Final = {"error": "\x1b[31m", "warning": "\x1b[33m", "next": "\x1b[36m"}
_RESET: Final = "\x1b[0m"


def out(text: str) -> None:
    """Print text for the caller on stdout, with a final newline if it has none."""
    if text:
        _write(sys.stdout, safe_text(text if text.endswith("\n") else text + "\n"))


def err(text: str, *, label: str = "", color: str = "auto") -> None:
    """Print a line about the command on stderr; a label before it is coloured where that is wanted."""
    shown = f"{label}: " if label else ""
    if label in _COLORS and wants_color(color, sys.stderr):
        shown = f"{_COLORS[label]}{label}:{_RESET} "
    _write(sys.stderr, shown + safe_text(text.rstrip("\n")) + "\n")


def document(value: Any) -> None:
    """Print one JSON document on stdout, in one line of ASCII."""
    _write(sys.stdout, json_line(value))


def json_line(value: Any) -> str:
    """Return a value as one line of JSON in which no control character stands raw."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("\x7f", "\\u007f") + "\n"


def wants_color(choice: str, stream: TextIO) -> bool:
    """Say whether colour goes to this stream: never into a pipe unasked, never against NO_COLOR."""
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def _write(stream: TextIO, text: str) -> None:
    """Write as UTF-8 whatever the locale says; a reader that went away is no error of ours."""
    try:
        stream.buffer.write(text.encode("utf-8", "backslashreplace"))
        stream.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
