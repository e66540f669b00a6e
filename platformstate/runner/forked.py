"""Conductors as processes of their own: forks that outlive whoever started them, and report on a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from platformstate.codec.json_text import canonical_json
from platformstate.errors import StateError
from platformstate.runner.opening import write_all

_PAUSE_S: Final = 0.02
_RESET: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
Report = Callable[[Mapping[str, Any]], None]


class Forked(NamedTuple):
    """A conductor that was started, and the end of the pipe on which it reports."""

    pid: int
    reader: int
    job: str = ""


class Places:
    """How many conductors may work at once, over all that one process starts: a locked byte for each.

    The system gives a place back when its process ends, however it does.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as we do

    def enter(self, stopped: Callable[[], bool] = bool) -> bool:
        """Wait for a place; False when `stopped` said so first."""
        while not stopped():
            for number in range(self._count):
                with suppress(BlockingIOError, PermissionError):
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                    return True
            time.sleep(_PAUSE_S)
        return False

    def leave(self) -> None:
        """Give the place back."""
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Forget the places in this process."""
        self._file.close()


def fork(work: Callable[[Report], None], *, job: str = "", places: Places | None = None) -> Forked:
    """Start work in a process with a session of its own, so that ending us or our group does not end it.

    What it reports comes out of `reports`; a refusal that ends it, and an end by a signal, are reported as a
    problem of the job. Its streams are nowhere; what it left is settled by the next tick.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Forked(pid, reader, job)
    status = 1
    try:
        os.close(reader)
        _apart()
        if places is not None:
            places.enter()
        work(lambda said: write_report(writer, said))
        status = 0
    except StateError as refused:
        status = 0
        write_report(writer, {"problem": refusal(job, refused)})
    finally:
        os._exit(status)


def problem(job: str, code: str, message: str, run: str | None = None) -> dict[str, Any]:
    """Return what a pass tells of something that kept it from its work."""
    said = {"job": job, "run": run, "code": code, "message": message}
    return {**said, "path": None, "line": None, "hint": None}


def refusal(job: str, refused: StateError, run: str | None = None) -> dict[str, Any]:
    """Return what a pass tells of an error of ours: with its place, and what to do."""
    place = {"path": refused.path, "line": refused.line, "hint": refused.hint or None}
    return {**problem(job, refused.code, refused.message, run), **place}


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
        for line in lines:
            yield json.loads(line)
        if not data:
            os.close(descriptor)
            del self._running[descriptor]
            _, status = os.waitpid(forked.pid, 0)
            if status:
                message = (
                    f"its conductor ended with {os.waitstatus_to_exitcode(status)}; the next tick settles it"
                )
                yield {"problem": problem(forked.job, "job_lost", message)}

    def pids(self) -> list[int]:
        """Return the processes that have not ended."""
        return [forked.pid for forked, _ in self._running.values()]
