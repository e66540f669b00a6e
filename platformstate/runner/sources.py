"""Read-only copies of commits for runs to work in: at most two that nobody uses, never one that a run holds."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.runner.opening import explained, make_private
from platformstate.runner.processes import inherited_descriptor

KEPT: Final = 2
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITING: Final = 0o222


class Source(NamedTuple):
    """Where a run works. The descriptor is a lock that its processes inherit; -1 for none."""

    path: Path
    descriptor: int = -1

    def leave(self) -> None:
        """Let go of the copy; a living process of a step keeps it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)


def hold_source(common_dir: Path, commit: str, fill: Callable[[Path], None]) -> Source:
    """Return the copy of a commit, locked; `fill` writes its files where there is none yet.

    Copies beyond the last two used that nobody holds are removed. Raises: disk_full, and what `fill` does.
    """
    home = common_dir.resolve() / "platformstate" / "source"
    with explained(str(home)):
        make_private(home)
        descriptor = os.open(home / f"{commit}.lock", _FLAGS, 0o600)
        with ExitStack() as given_up:
            given_up.callback(os.close, descriptor)
            _fill(home, commit, descriptor, fill)
            os.utime(home / f"{commit}.lock")
            given_up.pop_all()
    _remove_old(home, commit)
    return Source(home / commit, inherited_descriptor(descriptor))


def _fill(home: Path, commit: str, descriptor: int, fill: Callable[[Path], None]) -> None:
    """Make the copy under the whole lock, then keep a shared one; a part of a copy never has its name."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if (home / commit).is_dir():
        return
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    if not (home / commit).is_dir():
        beside = home / f"{commit}.new"
        _remove(beside)
        beside.mkdir(mode=0o700)
        fill(beside)
        _forbid_writing(beside)
        beside.rename(home / commit)
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def _forbid_writing(folder: Path) -> None:
    for at, _, names in os.walk(folder, topdown=False):
        for path in (*(Path(at, name) for name in names), Path(at)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~_WRITING)


def _remove_old(home: Path, commit: str) -> None:
    others = [path for path in home.glob("*.lock") if path.stem != commit]
    for path in sorted(others, key=_used_at, reverse=True)[KEPT - 1 :]:
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(home / path.stem)
            except BlockingIOError:
                continue  # a run works in it
            finally:
                os.close(descriptor)


def _used_at(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0


def _remove(folder: Path) -> None:
    """Remove a copy, whose folders nobody may write."""
    for at, _, _ in os.walk(folder):
        os.chmod(at, 0o700)
    if folder.is_dir():
        shutil.rmtree(folder)
