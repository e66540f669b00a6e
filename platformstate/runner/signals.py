"""Signals to this process as facts: which came, and a descriptor that wakes whoever waits."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

HEARD: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """The signals that came and were not taken yet, oldest first."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._came: list[int] = []

    def take(self) -> int | None:
        """Return the next signal that came and forget it."""
        self.drain()
        return self._came.pop(0) if self._came else None

    def has_come(self) -> bool:
        """Say whether a signal waits to be taken."""
        return bool(self._came)

    def drain(self) -> None:
        """Empty the descriptor that wakes a waiting `poll`."""
        while True:
            try:
                if not os.read(self.descriptor, 64):
                    return
            except BlockingIOError:
                return

    def hear(self, number: int, _frame: FrameType | None = None) -> None:
        """Note a signal; the handler while `listening`."""
        self._came.append(number)


@contextmanager
def listening() -> Iterator[Signals]:
    """Hear TERM, INT and HUP instead of dying of them. In a thread that is not the main one: hear none.

    A signal that is ignored (`nohup`) stays ignored.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
    signals = Signals(reader)
    if threading.current_thread() is not threading.main_thread():
        try:
            yield signals
        finally:
            os.close(reader)
            os.close(writer)
        return
    before = {number: signal.getsignal(number) for number in HEARD}
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        for number in HEARD:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, signals.hear)
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(woken)
        os.close(reader)
        os.close(writer)


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    return reader, writer
