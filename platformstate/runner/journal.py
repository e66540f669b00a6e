"""Append to a run's journal so that nothing is lost, and read it so that nothing wrong is believed.

One writer at a time by flock on the journal itself; what others added since is read and verified
first. Here are the bytes, the chain and the numbers; what the events mean is policy.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from platformstate.codec import limits
from platformstate.codec.journal import ZERO_HASH, chained, encode, layout_problems
from platformstate.errors import StateError
from platformstate.runner.chain import ReadJournal, corrupt_journal, line_problem, verified
from platformstate.runner.opening import explained, folder_of, make_private, open_below, write_all

Event = Mapping[str, Any]
Cut = Callable[[], None]

LOCK_WITHIN_S: Final = 10.0
# What a step and the end of a run may still write to a journal that takes no further step.
_SPARE_BYTES: Final = limits.MIB
_SPARE_LINES: Final = 1_000
_NEW: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL_SYNC: Final = 51  # macOS: fcntl F_FULLFSYNC


class Journal:
    """A journal that is open for appending. `events` are all that it holds, as verified.

    `torn` names where a torn tail is kept: `<folder>/<local>.<seq>`.
    """

    def __init__(self, root: Path, path: str, descriptor: int, torn: Path) -> None:
        self._root, self._path, self._torn = root, path, torn
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self._size = 0
        self.events: list[dict[str, Any]] = []

    @classmethod
    def open(cls, root: Path, path: str, *, torn: Path, known: ReadJournal | None = None) -> Journal:
        """Open an existing journal; of what is `known`, only that it still stands there is looked at.

        Raises: run_not_found, run_journal_corrupt, run_journal_moved.
        """
        with explained(path):
            try:
                descriptor = open_below(root, path, os.O_RDWR | os.O_APPEND)
            except FileNotFoundError as missing:
                raise StateError("run_not_found", f"{path} does not exist", path=path) from missing
        journal = cls(root, path, descriptor, torn)
        with ExitStack() as given_up:
            given_up.callback(journal.close)
            if known is not None:
                journal._take_known(known)
            journal.refresh()
            given_up.pop_all()
        return journal

    def _take_known(self, known: ReadJournal) -> None:
        """Take over what was read and verified before. Raises run_journal_moved if it stands there no more."""
        if os.pread(self._descriptor, len(known.whole), 0) != known.whole:
            raise _moved(self._path, "was replaced")
        self.events, self._size = list(known.events), len(known.whole)

    @classmethod
    def create(cls, root: Path, path: str, events: Sequence[Event], *, torn: Path) -> Journal:
        """Make a journal with its first events, durable on return. Raises run_journal_moved if it exists.

        It gets its name when they are on the disk: no reader meets a journal without them.
        """
        name = Path(path).name
        with explained(path), folder_of(root, path, make=True) as folder:
            if _is_there(name, folder):
                raise _moved(path, "was made by another process")
            descriptor = os.open(f".ps-{name}", _NEW, 0o644, dir_fd=folder)
            journal = cls(root, path, descriptor, torn)
            with ExitStack() as given_up:
                given_up.callback(journal.close)
                journal._append(events, sync=True, cut=None)
                os.rename(f".ps-{name}", name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
                given_up.pop_all()
        return journal

    @property
    def h(self) -> str:
        """The hash of the last line."""
        return str(self.events[-1]["h"]) if self.events else ZERO_HASH

    @property
    def has_room(self) -> bool:
        """Whether another step may be begun: what is larger than the limits no reader takes."""
        most = limits.MAX_BYTES["jsonl"] - _SPARE_BYTES
        return self._size <= most and len(self.events) <= limits.MAX_LINES - _SPARE_LINES

    def append(self, events: Sequence[Event], *, sync: bool, cut: Cut | None = None) -> list[dict[str, Any]]:
        """Append events in one write and return them as they stand, numbered and chained.

        `sync`: durable on return, and with them all that stands before. `cut` is a failpoint: it is
        called when half of the bytes are written. Raises: run_journal_moved, run_journal_corrupt,
        disk_full (nothing is appended).
        """
        return self.amend(lambda _events: events, sync=sync, cut=cut)

    def amend(
        self,
        decide: Callable[[Sequence[dict[str, Any]]], Sequence[Event]],
        *,
        sync: bool,
        cut: Cut | None = None,
    ) -> list[dict[str, Any]]:
        """Append what `decide` makes of all events, while no other process can append."""
        with self._locked():
            self._read()
            return self._append(decide(self.events), sync=sync, cut=cut)

    def refresh(self) -> None:
        """Read what others appended. Raises run_journal_moved when the file is gone or another one."""
        with self._locked():
            self._read()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process append meanwhile; what others appended before is read."""
        with self._locked():
            self._read()
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        deadline = time.monotonic() + LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    message = "another process has kept the journal locked"
                    raise StateError("store_locked", message, retryable=True, path=self._path) from None
                time.sleep(0.001)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _read(self) -> None:
        self._require_place()
        size = os.fstat(self._descriptor).st_size
        if size == self._size:
            return
        if size < self._size:
            raise _moved(self._path, "became shorter")
        data = os.pread(self._descriptor, size - self._size, self._size)
        if not self.events:
            found = verified(data, self._path)
            self.events += found.events
            self._size, torn = len(found.whole), found.torn
        else:
            torn = self._read_added(data)
        if torn:
            self._repair(torn)

    def _require_place(self) -> None:
        try:
            status = os.lstat(self._root / self._path)
        except OSError as gone:
            raise _moved(self._path, "is gone") from gone
        if (status.st_dev, status.st_ino) != self._identity:
            raise _moved(self._path, "was replaced")

    def _read_added(self, data: bytes) -> bytes:
        from platformstate.codec.jsonl import parse_lines

        size = data.rfind(b"\n") + 1
        rows, problems = parse_lines(data[:size], self._path)
        before = len(self.events)
        if problems := problems or layout_problems(rows, data[:size], self._path):
            raise corrupt_journal([one._replace(line=one.line + before) for one in problems], self._path)
        h = self.h
        for line, row in rows:
            expected = chained(h, row)
            if row.get("h") != expected or row.get("seq") != before + line - 1:
                reason = "seq or h does not follow the line before"
                raise corrupt_journal([line_problem(self._path, before + line, reason)], self._path)
            h = expected
        self.events += (row for _, row in rows)
        self._size += size
        return data[size:]

    def _repair(self, torn: bytes) -> None:
        """Keep a torn tail apart and say so in the journal; nobody is writing, we hold the lock."""
        with explained(self._path):
            make_private(self._torn.parent)
            kept = self._torn.with_name(f"{self._torn.name}.{len(self.events)}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(kept, flags, 0o600)
            try:
                write_all(descriptor, torn)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.ftruncate(self._descriptor, self._size)
        at = str(self.events[-1]["at"]) if self.events else "1970-01-01T00:00:00Z"
        repaired = {
            "type": "JournalRepaired",
            "at": at,
            "bytes": len(torn),
            "sha256": sha256(torn).hexdigest(),
        }
        self._append([repaired], sync=False, cut=None)

    def _append(self, events: Sequence[Event], *, sync: bool, cut: Cut | None) -> list[dict[str, Any]]:
        data = encode(self._in_time(events), seq=len(self.events), h=self.h)
        if data:
            self._write(data, cut)
            self._size += len(data)
        added = [json.loads(line) for line in data.splitlines()]
        self.events += added
        if sync:
            self._sync()
        return added

    def _in_time(self, events: Sequence[Event]) -> list[Event]:
        """Return events of which none is before the one above, though a clock may have been set back."""
        last = str(self.events[-1]["at"]) if self.events else ""
        made: list[Event] = []
        for event in events:
            last = max(last, str(event["at"]))
            made.append({**event, "at": last})
        return made

    def _write(self, data: bytes, cut: Cut | None) -> None:
        half = len(data) // 2 if cut else 0
        with explained(self._path):
            try:
                if cut is not None:
                    write_all(self._descriptor, data[:half])
                    cut()
                write_all(self._descriptor, data[half:])
            except OSError:
                os.ftruncate(self._descriptor, self._size)
                raise

    def _sync(self) -> None:
        try:
            if sys.platform == "darwin":
                fcntl.fcntl(self._descriptor, _FULL_SYNC)
            else:
                os.fdatasync(self._descriptor)
        except OSError as failed:
            message = f"the disk did not confirm a write: {failed.strerror}"
            hint = "check the disk, then run `platformctl doctor`"
            raise StateError("disk_error", message, hint=hint, path=self._path) from failed

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _moved(path: str, what: str) -> StateError:
    return StateError("run_journal_moved", f"the journal {what}: {path}", retryable=True, path=path)
