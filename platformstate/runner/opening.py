"""Open files without following links, and say what an error of the operating system means."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from platformstate.errors import StateError

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_REFUSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NO_FOLDER: Final = frozenset({errno.ELOOP, errno.ENOTDIR})
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn a failed system call on a path into the error of ours that says what to do."""
    try:
        yield
    except OSError as failed:
        if failed.errno in _NO_ROOM:
            hint = "free some space and repeat the command"
            raise StateError(
                "disk_full", f"no room to write: {failed.strerror}", hint=hint, path=path
            ) from failed
        if failed.errno in _REFUSED:
            message = f"may not be written: {failed.strerror}"
            raise StateError("repository_read_only", message, path=path) from failed
        if failed.errno in _NO_FOLDER:
            message = "a folder on the way is a symbolic link or no folder"
            hint = "replace it by a real folder"
            raise StateError("path_symlink", message, hint=hint, path=path) from failed
        raise


def make_private(folder: Path) -> None:
    """Make a folder that only its owner reads, and those on the way to it, unless it is there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as failed:  # something that is no folder
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from failed


@contextmanager
def folder_of(root: Path, path: str, *, make: bool = False, sync: bool = True) -> Iterator[int]:
    """Give a descriptor of the folder of a path below a root, no part of which is a link.

    `make` makes what is missing of it, durably unless `sync` is False.
    """
    folder = os.open(root, _FOLDER)
    try:
        for part in Path(path).parent.parts:
            inner = _inner(folder, part, make, sync)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _inner(folder: int, name: str, make: bool, sync: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
    if sync:
        os.fsync(folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def open_below(root: Path, path: str, flags: int, *, mode: int = 0o644, make: bool = False) -> int:
    """Open a file below a root; `make` makes the folders on the way, which is as durable as the file: not yet."""
    with folder_of(root, path, make=make, sync=False) as folder:
        return os.open(Path(path).name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte. Raises OSError when there is no room, with a part of them written."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_whole(path: Path) -> bytes | None:
    """Return the bytes of a small private file, None when it is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        return file.read()


def write_private(path: Path, data: bytes) -> None:
    """Replace a private file in one step, so that no reader meets a part of it."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
    os.replace(beside, path)


def is_locked(path: Path) -> bool:
    """Say whether a process holds the lock of a file; a file that is not there is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file; one that is not there is no error."""
    path.unlink(missing_ok=True)
