"""Conductors as processes of their own: forks that outlive whoever started them, and report on a pipe."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from platformstate.codec.json_text import canonical_json
from platformstate.runner.opening import write_all

_RESET: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
Report = Callable[[Mapping[str, Any]], None]


class Forked(NamedTuple):
    """A conductor that was started, and the end of the pipe on which it reports."""

    pid: int
    reader: int


class Places:
    """How many conductors may work at once, over all that one process starts: a pipe with a byte for each."""

    def __init__(self, count: int) -> None:
        self._reader, self._writer = os.pipe()
        os.write(self._writer, b"." * count)

    def enter(self) -> None:
        """Wait for a place."""
        os.read(self._reader, 1)

    def leave(self) -> None:
        """Give a place back."""
        os.write(self._writer, b".")

    def close(self) -> None:
        """Forget the places in this process."""
        os.close(self._reader)
        os.close(self._writer)


def fork(work: Callable[[Report], None], *, places: Places | None = None) -> Forked:
    """Start work in a process with a session of its own, so that ending us or our group does not end it.

    What it reports comes out of `reports`. Its streams are nowhere; an error of it ends it, and what it
    left is settled by the next tick.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Forked(pid, reader)
    try:
        os.close(reader)
        _apart()
        if places is not None:
            places.enter()
        try:
            work(lambda said: write_report(writer, said))
        finally:
            if places is not None:
                places.leave()
    finally:
        os._exit(0)


def write_report(writer: int, said: Mapping[str, Any]) -> None:
    """Report one thing; nobody may be there to read it any more."""
    try:
        write_all(writer, canonical_json(dict(said)) + b"\n")
    except BrokenPipeError:
        pass


def _apart() -> None:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    signal.set_wakeup_fd(-1)
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


class Flock:
    """The conductors that one process started and that have not ended."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[Forked, bytearray]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def add(self, forked: Forked) -> None:
        """Take a conductor into account."""
        self._running[forked.reader] = (forked, bytearray())

    def reports(self, wait_s: float, wake: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield what comes within a time, and return earlier when something came or `wake` is readable."""
        watched = [*self._running, *([] if wake is None else [wake])]
        if not watched:
            time.sleep(wait_s)
            return
        ready, _, _ = select.select(watched, [], [], wait_s)
        for descriptor in ready:
            if descriptor in self._running:
                yield from self._read(descriptor)

    def _read(self, descriptor: int) -> Iterator[dict[str, Any]]:
        forked, buffer = self._running[descriptor]
        data = os.read(descriptor, 65_536)
        buffer += data
        *lines, rest = bytes(buffer).split(b"\n")
        buffer[:] = rest
        if not data:
            os.close(descriptor)
            del self._running[descriptor]
            os.waitpid(forked.pid, 0)
        for line in lines:
            yield json.loads(line)

    def pids(self) -> list[int]:
        """Return the processes that have not ended."""
        return [forked.pid for forked, _ in self._running.values()]
