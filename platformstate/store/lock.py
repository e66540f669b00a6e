"""The lock of a clone's writers: flock, which the kernel frees when its holder dies.

The holder writes one JSON line into the file, so that others can name it and, when it died,
prove which lock files of git were its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from platformstate.files.durable import read_all
from platformstate.files.errors import explained
from platformstate.store.control import Control

_SHORTEST_PAUSE_S: Final = 0.001
_LONGEST_PAUSE_S: Final = 0.05
_SHARE: Final = 8  # a waiter looks again after this part of the time that it has waited
_MAX_RECORD_BYTES: Final = 4096


class Lock:
    """A held lock; `left` is the record of a holder that died while it moved a ref, else None."""

    def __init__(self, fd: int, left: dict[str, Any] | None) -> None:
        self._fd = fd
        self.left = left
        self._record: dict[str, Any] = {}

    def describe(self, **record: Any) -> None:
        """Write into the lock what its holder is about to do."""
        self._record |= record
        data = json.dumps(self._record).encode() + b"\n"
        with explained("lock"):
            os.pwrite(self._fd, data, 0)
            os.ftruncate(self._fd, len(data))

    @property
    def record(self) -> dict[str, Any]:
        """What this holder wrote last."""
        return self._record

    def clear(self) -> None:
        """Empty the record: nothing of this holder is under way. What a dead one left is kept."""
        left = self._record.get("left")
        self._record = {}
        if left is None:
            os.ftruncate(self._fd, 0)
        else:
            self.describe(left=left)


@contextmanager
def hold(
    control: Control, timeout_s: float, since: str, served: Callable[[], bool] = lambda: False
) -> Iterator[Lock | None]:
    """Hold the lock; yield None when it was not free in time, or when `served` became true first."""
    with explained("lock"):
        fd = os.open(control.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not _wait(fd, timeout_s, served):
            yield None
            return
        lock = Lock(fd, moving(_record(fd)))
        lock.describe(
            pid=os.getpid(),
            host=os.uname().nodename,
            boot_id=boot_id(),
            command=_command(),
            since=since,
            phase=None,
            ref=None,
            old=None,
            own=None,
            left=lock.left,
        )
        try:
            yield lock
        finally:
            lock.clear()
    finally:
        os.close(fd)


def moving(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the record of whoever died while a ref moved: this one's, or one that it took over."""
    if record is None or record.get("phase") == "ref":
        return record
    left = record.get("left")
    return left if isinstance(left, dict) else None


def _wait(fd: int, timeout_s: float, served: Callable[[], bool]) -> bool:
    """Wait for the lock; say whether it is held now.

    Whoever waits long looks seldom, but never so seldom that most of his wait is one pause.
    """
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - began
            if served() or waited >= timeout_s:
                return False
            time.sleep(min(max(waited / _SHARE, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S))
        else:
            return True


def _record(fd: int) -> dict[str, Any] | None:
    os.lseek(fd, 0, os.SEEK_SET)
    return _parsed(read_all(fd))


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data[:_MAX_RECORD_BYTES])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def holder(control: Control) -> dict[str, Any] | None:
    """Return the record of the living holder, None when the lock is free."""
    try:
        fd = os.open(control.lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _record(fd) or {}
    finally:
        os.close(fd)
    return None


def last_record(control: Control) -> dict[str, Any] | None:
    """Return what stands in the lock file, whoever wrote it."""
    try:
        return _parsed(control.lock.read_bytes())
    except OSError:
        return None


@cache
def boot_id() -> str | None:
    """Return what tells this start of the machine from others, None where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _command() -> str:
    """Return the verb of this command, without arguments, which may hold anything."""
    import sys

    words = [word for word in sys.argv[1:4] if word and not word.startswith("-")]
    return " ".join(["platformctl", *(word for word in words if word.isascii() and word.isalpha())])[:80]
