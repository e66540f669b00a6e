"""Conductors as processes of their own: forks that outlive whoever started them, and report on a pipe."""

from __future__ import annotations

import json
import os
import selectors
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, NoReturn

from platformstate.codec.json_text import canonical_json
from platformstate.errors import StateError
from platformstate.runner.opening import explained, write_all

_RESET: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
Report = Callable[[Mapping[str, Any]], None]


class Forked(NamedTuple):
    """A conductor that was started, and the end of the pipe on which it reports."""

    pid: int
    reader: int
    job: str = ""


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
    """The conductors that one process started and that have not ended: at most `parallel` at once.

    `wake` is a descriptor that ends a wait for them when it is readable.
    """

    def __init__(self, parallel: int, wake: int | None = None) -> None:
        self._parallel = parallel
        self._running: dict[int, tuple[Forked, bytearray]] = {}
        self._selector = selectors.DefaultSelector()
        if wake is not None:
            self._selector.register(wake, selectors.EVENT_READ)

    def __len__(self) -> int:
        return len(self._running)

    @property
    def has_room(self) -> bool:
        """Whether another conductor may be started."""
        return len(self._running) < self._parallel

    def start(self, work: Callable[[Report], None], *, job: str = "") -> None:
        """Start work in a process with a session of its own, so that ending us or our group does not end it.

        What it reports comes out of `reports`; a refusal that ends it, and an end by a signal, are reported
        as a problem of the job. Its streams are nowhere; what it left is settled by the next tick.
        """
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            self.close()
            _work(work, writer, job)
        os.close(writer)
        self._running[reader] = (Forked(pid, reader, job), bytearray())
        self._selector.register(reader, selectors.EVENT_READ)

    def reports(self, wait_s: float) -> Iterator[dict[str, Any]]:
        """Yield what comes within a time, and return as soon as something came."""
        for key, _ in self._selector.select(wait_s):
            if key.fd in self._running:
                yield from self._read(key.fd)

    def _read(self, descriptor: int) -> Iterator[dict[str, Any]]:
        forked, buffer = self._running[descriptor]
        data = os.read(descriptor, 65_536)
        buffer += data
        *lines, rest = bytes(buffer).split(b"\n")
        buffer[:] = rest
        for line in lines:
            yield json.loads(line)
        if not data:
            self._selector.unregister(descriptor)
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

    def close(self) -> None:
        """Forget the conductors in this process; they go on."""
        self._selector.close()
        for descriptor in self._running:
            os.close(descriptor)
        self._running.clear()


def _work(work: Callable[[Report], None], writer: int, job: str) -> NoReturn:
    """Do the work of a conductor, and end."""
    status = 1
    try:
        _apart()
        with explained(""):
            work(lambda said: write_report(writer, said))
        status = 0
    except StateError as refused:
        status = 0
        write_report(writer, {"problem": refusal(job, refused)})
    finally:
        os._exit(status)
