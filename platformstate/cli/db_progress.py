"""One bar a phase on stderr, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from platformstate.cli import echo
from platformstate.cli.invocation import Invocation

EVERY_S: Final = 0.1
WIDTH: Final = 30
Told = Callable[[str, int, int], None]


class Bar:
    """Draws how far a phase is, at most ten times a second and at its end."""

    def __init__(self) -> None:
        self._drawn = 0.0
        self._shown = False

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Draw the phase."""
        now = monotonic()
        if now - self._drawn < EVERY_S and done < total:
            return
        self._drawn = now
        filled = WIDTH * done // total if total else WIDTH
        self._shown = True
        echo.draw(f"\r{phase:<6} {'█' * filled}{'░' * (WIDTH - filled)} {done}/{total}\x1b[K")

    def end(self) -> None:
        """Clear the line."""
        if self._shown:
            echo.draw("\r\x1b[K")


@contextmanager
def progress(invocation: Invocation) -> Iterator[Told]:
    """Give what tells how far a phase is; nobody is told off a terminal."""
    stream = sys.stderr
    if invocation.quiet or stream is None or not stream.isatty():
        yield lambda phase, done, total: None
        return
    bar = Bar()
    try:
        yield bar
    finally:
        bar.end()
