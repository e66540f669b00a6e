"""The only printer of the program: every text is made safe for a terminal on its way out."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO, Final, TextIO

from platformstate.codec.safe import safe_text
from platformstate.errors import StateError

_COLORS: Final = {"error": "\x1b[31m", "warning": "\x1b[33m", "next": "\x1b[36m"}
_RESET: Final = "\x1b[0m"

_documents = 0  # how many this process has begun to print


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


def draw(text: str) -> None:
    """Draw on the terminal behind stderr; the text is our own, its escapes included."""
    _write(sys.stderr, text)


def document(value: Any) -> None:
    """Print one JSON document on stdout, in one line of ASCII."""
    global _documents
    _documents += 1
    _write(sys.stdout, json_line(value))


def has_printed() -> bool:
    """Say whether a document is out, or half of one."""
    return _documents > 0


def append(path: str, text: str) -> None:
    """Add text to a file that the caller's surroundings name; that it cannot be written is not told."""
    try:
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(safe_text(text))
    except OSError:
        return


def json_line(value: Any) -> str:
    """Return a value as one line of JSON in which no control character stands raw."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("\x7f", "\\u007f") + "\n"


def wants_color(choice: str, stream: TextIO | None) -> bool:
    """Say whether colour goes to this stream: never into a pipe unasked, never against NO_COLOR."""
    if choice != "auto":
        return choice == "always"
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream is not None and stream.isatty()


def closed() -> None:
    """Leave nothing in a buffer that the interpreter would complain about at its end."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            _write(stream, "")
            stream.flush()


def _write(stream: TextIO | None, text: str) -> None:
    """Write as UTF-8 whatever the locale says; a reader that went away is no error of ours.

    What cannot be said on stderr changes nothing about the answer. Raises: disk_full, once, for stdout.
    """
    if stream is None:  # the caller closed it
        return
    try:
        if text:  # a full device refuses even nothing
            _write_all(stream.buffer, text.encode("utf-8", "backslashreplace"))
        stream.buffer.flush()
    except BrokenPipeError:
        _discard(stream)
    except OSError as error:
        _discard(stream)
        if stream is not sys.stdout:
            return
        raise StateError("disk_full", f"output could not be written: {error.strerror}") from error


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of it: under PYTHONUNBUFFERED a call may write a part and say so."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _discard(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
