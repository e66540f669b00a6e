"""Step 7 of the write protocol: put our paths, and nothing else, into the user's index.

The lock file of the index is a second name of a file of ours, so that whoever comes after our
death can prove that it was ours.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from platformstate.files import Durability, Folder
from platformstate.files.errors import explained
from platformstate.gitrepo.writing import Staged, Writer
from platformstate.store.control import Control
from platformstate.store.failpoints import Failpoints
from platformstate.store.lock import Lock

_FIRST_PAUSE_S: Final = 0.001
_LONGEST_PAUSE_S: Final = 0.01


class IndexLocked(Exception):
    """Another program holds the index's lock and did not let go in time."""


class IndexEntry:
    """The index of one worktree."""

    def __init__(self, git_dir: Path, control: Control, failpoints: Failpoints, lock: Lock) -> None:
        self._git_dir, self._control = git_dir, control
        self._failpoints, self._lock = failpoints, lock
        self._is_held = False

    def put(
        self,
        writer: Writer,
        paths: Sequence[str],
        staged: Sequence[Staged],
        *,
        deadline: float,
        durability: Durability,
    ) -> None:
        """Put working files, and files by id, into the index. Raises: IndexLocked."""
        with self.locked(deadline) as copy:
            self._failpoints.reach("store.index-linked")
            index = self._git_dir / "index"
            with explained("index"):
                if index.exists():
                    # Whether an entry may be racily clean is told from the index file's own time.
                    shutil.copyfile(index, copy)
                    shutil.copymode(index, copy)
                    found = index.stat()
                    os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
                self._failpoints.reach("store.index-copied")
                writer.update_index(copy, paths, staged)
                if copy.exists():
                    os.rename(copy, index)
            self._failpoints.reach("store.index-renamed")
        with Folder.at(self._git_dir) as folder:
            folder.sync(durability)
        self._failpoints.reach("store.index-unlocked")

    @contextmanager
    def locked(self, deadline: float) -> Iterator[Path]:
        """Hold the index's lock, once only, and yield a place for a copy. Raises: IndexLocked."""
        own = self._control.own / f"{os.getpid()}-{time.monotonic_ns()}"
        if self._is_held:
            yield own.with_suffix(".index")
            return
        with explained("index.lock"):
            os.close(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        lock = self._git_dir / "index.lock"
        try:
            self._lock.describe(phase="index", own=own.stat().st_ino)
            _link(own, lock, deadline)
            self._is_held = True
            yield own.with_suffix(".index")
        finally:
            self._is_held = False
            if is_ours(lock, self._control):
                lock.unlink(missing_ok=True)
            for suffix in ("", ".index", ".index.lock"):
                own.with_suffix(suffix).unlink(missing_ok=True)


def _link(own: Path, lock: Path, deadline: float) -> None:
    pause = _FIRST_PAUSE_S
    while True:
        try:
            with explained("index.lock"):
                os.link(own, lock)
        except FileExistsError as taken:
            if time.monotonic() >= deadline:
                raise IndexLocked from taken
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        else:
            return


def free_own_locks(control: Control) -> bool:
    """Remove the index locks that dead writers of ours left, and all else they left beside.

    Only the holder of the writers' lock may ask: whatever stands in `own/` then is a dead one's.
    The dead one may have worked in any worktree of the clone.
    """
    if not _names(control):
        return False
    removed = False
    for git_dir in (control.common_dir, *control.common_dir.glob("worktrees/*")):
        lock = git_dir / "index.lock"
        if is_ours(lock, control):
            lock.unlink(missing_ok=True)
            removed = True
    for left in _names(control):
        (control.own / left).unlink(missing_ok=True)
    return removed


def is_ours(lock: Path, control: Control) -> bool:
    """Say whether a lock file is a second name of a file in `own/`."""
    try:
        found = lock.lstat()
    except FileNotFoundError:
        return False
    for name in _names(control):
        try:
            own = (control.own / name).lstat()
        except FileNotFoundError:
            continue
        if (own.st_ino, own.st_dev) == (found.st_ino, found.st_dev):
            return True
    return False


def _names(control: Control) -> list[str]:
    try:
        return os.listdir(control.own)
    except FileNotFoundError:
        return []
