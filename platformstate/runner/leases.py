"""The local files of a run in the clone's git directory: its lock, its marks, what was pinned here.

`<local>` is the run's id, for a run of a job `<job>.<run>`. Nothing here is ever committed.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate.codec.json_text import canonical_json
from platformstate.errors import StateError, shown
from platformstate.runner import processes
from platformstate.runner.opening import (
    explained,
    is_locked,
    make_private,
    read_whole,
    remove,
    sync_folder,
    write_private,
)

POSITION_BYTES: Final = 512
# A reader that asks whether the lock is held keeps it for microseconds; it is no reason to refuse.
TAKE_S: Final = 0.1


class Position(NamedTuple):
    """What was pinned here and how far its journal had come when last a marker, or its start, was written.

    The journal of which this is true holds a line `seq` with the hash `h`; another one is a stale copy, or
    one that was begun elsewhere and given up.
    """

    steps_sha256: str
    seq: int | None = None
    h: str | None = None


class Request(NamedTuple):
    """What another command asks of a conductor: hold, hold-now, abort, replace."""

    verb: str
    actor: str
    reason: str = ""


class LockRecord(NamedTuple):
    """Who took a run's lock last; a message names it. `start` tells the process from a later one."""

    pid: int
    host: str
    since: str
    command: str
    start: int = 0
    boot_id: str = ""


class Lease:
    """The local files of one run. `run` is what its processes find in PLATFORMSTATE_RUN."""

    def __init__(self, common_dir: Path, run: str) -> None:
        self.run = run
        self.local = run.replace("/", ".")
        self.home = common_dir.resolve() / "platformstate"
        self.folder = self.home / "leases"
        self.lock_path = str(self.file("lock"))

    def file(self, suffix: str) -> Path:
        """Return the path of one of the run's files: `lock`, `json`, `request`, `2.1.start`."""
        return self.folder / f"{self.local}.{suffix}"

    def take(self, *, host: str, since: str, command: str) -> RunLock:
        """Take the run's lock. Raises run_locked when its conductor or a process of it lives."""
        self._make_folder()
        descriptor = os.open(self.file("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with ExitStack() as given_up:
            given_up.callback(os.close, descriptor)
            if not _taken(descriptor, TAKE_S) or self.members():
                raise self.refusal()
            me = processes.process(os.getpid())
            record = LockRecord(os.getpid(), host, since, command, me.start if me else 0, processes.boot_id())
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, canonical_json(record._asdict()) + b"\n", 0)
            given_up.pop_all()
        return RunLock(self, descriptor)

    def _make_folder(self) -> None:
        with explained(str(self.folder)):
            make_private(self.home)
            make_private(self.folder)

    def refusal(self) -> StateError:
        """Return the error that names who keeps the run locked."""
        record, alive = self.record(), self.holders() or []
        parts = [f"run {self.run} is being conducted"]
        if record is not None:
            parts.append(f"by process {record.pid} on {shown(record.host)} since {shown(record.since)}")
            parts.append(f"({shown(record.command)})")
        if alive:
            parts.append("alive: " + ", ".join(f"{one.pid} {shown(one.command)}" for one in alive[:3]))
        data = {"holders": [one.pid for one in alive]}
        return StateError("run_locked", " ".join(parts), retryable=True, data=data)

    def is_held(self) -> bool:
        """Say whether any process keeps this run locked, a living orphan of a dead conductor included."""
        return is_locked(self.file("lock")) or bool(self.members())

    def holders(self) -> list[processes.Holder] | None:
        """Return the processes of this run but the asking one, None where the system does not tell.

        These are those whose environment names the run, and the conductor while it lives.
        """
        if not processes.IS_LINUX:
            return None
        found = {one.pid for one in self.members()}
        if (conductor := self.conductor()) is not None and conductor.pid != os.getpid():
            found.add(conductor.pid)
        return [processes.holder(pid) for pid in sorted(found)]

    def members(self, *, since: int = 0) -> list[processes.Process]:
        """Return the living processes of this run's steps, as far as the system tells."""
        return processes.members(self.run, self.lock_path, since=since)

    def record(self) -> LockRecord | None:
        """Return who took the lock last, whether or not it still lives."""
        found = _mapping(self.file("lock"))
        return LockRecord(**found) if found and set(found) == set(LockRecord._fields) else None

    def conductor(self) -> processes.Process | None:
        """Return the process that took the lock last, if it is alive on this boot."""
        record = self.record()
        if record is None or record.boot_id != processes.boot_id():
            return None
        found = processes.process(record.pid)
        return found if found and not found.dead and found.start == record.start else None

    def write_position(self, position: Position, *, sync: bool = False) -> None:
        """Write what is pinned here and how far the journal is: one write over the same bytes.

        `sync` at the pin: a file that is lost makes the run one of elsewhere.
        """
        self._make_folder()
        data = canonical_json(position._asdict()).ljust(POSITION_BYTES - 1) + b"\n"
        descriptor = os.open(
            self.file("json"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            os.pwrite(descriptor, data, 0)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if sync:
            sync_folder(self.folder)

    def position(self) -> Position | None:
        """Return what was pinned here, None when no conduct of this run began in this clone."""
        found = _mapping(self.file("json"))
        return Position(**found) if found and set(found) == set(Position._fields) else None

    def ask(self, request: Request) -> bool:
        """Leave a request and wake the conductor with a SIGTERM; False when none is alive."""
        self._make_folder()
        write_private(self.file("request"), canonical_json(request._asdict()) + b"\n")
        conductor = self.conductor()
        if conductor is None:
            return False
        processes.send(conductor, signal.SIGTERM)
        return True

    def asked(self) -> Request | None:
        """Return the request that waits, if any."""
        found = _mapping(self.file("request"))
        return Request(**found) if found and set(found) == set(Request._fields) else None

    def answered(self) -> None:
        """Remove the request: it was acted on, or nobody is there to act on it."""
        remove(self.file("request"))

    def forget_attempt(self, index: int, attempt: int) -> None:
        """Remove all files of an attempt whose outcome is recorded durably."""
        for suffix in ("start", "receipt", "out", "stdout", "values", "values.new"):
            remove(self.file(f"{index}.{attempt}.{suffix}"))

    def clear(self) -> None:
        """Remove every file of the run but its lock, at its end."""
        if self.folder.is_dir():
            for path in self.folder.glob(f"{self.local}.*"):
                if path.name.removeprefix(f"{self.local}.").partition(".")[0].isdigit():
                    remove(path)
        remove(self.file("request"))


class RunLock:
    """A run's lock while it is held. It is never unlocked, only closed: a child may hold it too."""

    def __init__(self, lease: Lease, descriptor: int) -> None:
        self.lease = lease
        self.descriptor = descriptor

    def close(self) -> None:
        """Let go of the lock; a living child keeps it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _taken(descriptor: int, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.002)


def _mapping(path: Path) -> Mapping[str, Any] | None:
    """Return the object in a private file; one that does not parse counts as none."""
    data = read_whole(path)
    if data is None:
        return None
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
