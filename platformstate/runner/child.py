"""Wait for a child and for what else may happen meanwhile."""

from __future__ import annotations

import os
import select
import time
from typing import Final

from platformstate.runner.signals import Signals

_SHORTEST_S: Final = 0.001
_LONGEST_S: Final = 0.02


class Child:
    """A child that leads its process group. `status` is its wait status once it ended."""

    def __init__(self, pid: int, signals: Signals | None = None) -> None:
        self.pid = pid
        self.status: int | None = None
        self.has_ended = False
        self._signals = signals
        self._pause_s = _SHORTEST_S
        self._poll = select.poll()
        self._descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        for descriptor in (self._descriptor, signals.descriptor if signals else -1):
            if descriptor >= 0:
                self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Wait for the child, a signal or the time; say whether the child has ended."""
        if self._descriptor >= 0 or self.has_ended:
            self._poll.poll(max(0.0, seconds) * 1000)
            return self._take()
        deadline = time.monotonic() + seconds
        while not self._take():  # where no descriptor tells of a child's end
            left = deadline - time.monotonic()
            if left <= 0 or self._poll.poll(min(left, self._pause_s) * 1000):
                return self._take()
            self._pause_s = min(_LONGEST_S, self._pause_s * 2)
        return True

    def _take(self) -> bool:
        if not self.has_ended:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # SIGCHLD is ignored here: the kernel has taken it
                pid, status = (self.pid, 0) if not _is_alive(self.pid) else (0, 0)
            if pid:
                self.has_ended, self.status = True, status
        return self.has_ended

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
