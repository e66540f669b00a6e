"""Writing that leaves the old or the new file, never half of one: temp, fsync, rename, fsync.

Everything goes through directory descriptors, and no symbolic link is ever followed.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from platformstate.errors import StateError
from platformstate.files.errors import explained, fsync_failed

Durability = Literal["full", "fast"]
FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
READ_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ_BYTES: Final = 1 << 20
APPEND_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def fsync(fd: int, path: str, durability: Durability) -> None:
    """Wait until a file's or folder's content is on the disk, unless durability is `fast`."""
    if durability == "fast":
        return
    try:
        if sys.platform == "darwin":  # fsync there does not empty the drive's own cache
            import fcntl

            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fsync(fd)
    except OSError as failed:
        raise fsync_failed(failed, path) from failed


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes; a short write is continued, and the next one names the reason."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_all(fd: int) -> bytes:
    """Return everything from here to the end of a file."""
    # A buffer far beyond the size would be made and cut for every small file; the end is an empty read.
    block = min(os.fstat(fd).st_size + 1, _READ_BYTES)
    parts = []
    while part := os.read(fd, block):
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Folder:
    """An open directory, reached from a root without following any link."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd, self.path = fd, path

    @classmethod
    @contextmanager
    def at(cls, root: Path, path: str = "", *, durability: Durability | None = None) -> Iterator[Folder]:
        """Open the folder at a relative path; given a durability, make what is missing of it.

        Raises: path_symlink where a part of the path is a link or no folder; FileNotFoundError.
        """
        with explained(path):
            fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in path.split("/") if path else ():
                with explained(path):
                    below = _step(fd, name, path, durability)
                os.close(fd)
                fd = below
            yield cls(fd, path)
        finally:
            os.close(fd)

    def _name(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name

    def read(self, name: str) -> bytes | None:
        """Return a regular file's bytes, None when it is absent.

        Raises: path_symlink, path_not_regular.
        """
        data = self.read_up_to(name, sys.maxsize)
        return data if isinstance(data, bytes) else None

    def read_up_to(self, name: str, most: int) -> bytes | int | None:
        """Return what `read` returns, for a file of more than `most` bytes its size."""
        shown = self._name(name)
        try:
            fd = os.open(name, READ_FLAGS, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        except OSError as failed:
            if self.is_link(name):
                raise StateError("path_symlink", "is a symbolic link", path=shown) from failed
            with explained(shown):
                raise
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise StateError("path_not_regular", "is not a regular file", path=shown)
            return read_all(fd) if found.st_size <= most else found.st_size
        finally:
            os.close(fd)

    def is_link(self, name: str) -> bool:
        """Say whether a name here is a symbolic link."""
        try:
            found = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISLNK(found.st_mode)

    def create(
        self, name: str, data: bytes | Iterator[bytes], durability: Durability, mode: int = 0o644
    ) -> None:
        """Write a new file and wait for the disk; a failure removes what was written of it.

        Data that come in pieces are never held as a whole.
        """
        with self.writing(name, data, mode) as fd:
            fsync(fd, self._name(name), durability)

    @contextmanager
    def writing(self, name: str, data: bytes | Iterator[bytes], mode: int = 0o644) -> Iterator[int]:
        """Write a new file and yield it open, for the block to wait for the disk; a failure removes it."""
        is_whole = False
        with explained(self._name(name)):
            fd = os.open(name, NEW_FLAGS, mode, dir_fd=self.fd)
            try:
                os.fchmod(fd, mode)
                for piece in (data,) if isinstance(data, bytes) else data:
                    write_all(fd, piece)
                yield fd
                is_whole = True
            finally:
                os.close(fd)
                if not is_whole:
                    self.remove(name)

    def rename(self, old: str, new: str) -> None:
        """Put one name in place of another, in one step."""
        with explained(self._name(new)):
            os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def replace(self, name: str, data: bytes | Iterator[bytes], durability: Durability) -> None:
        """Put new bytes in place of a file, or where none is, in one step; its permissions stay."""
        temporary = f".ps-{name.lstrip('.')}"
        try:
            mode = os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode & 0o777
        except FileNotFoundError:
            mode = 0o644
        self.remove(temporary)
        self.create(temporary, data, durability, mode)
        self.rename(temporary, name)
        self.sync(durability)

    def remove(self, name: str) -> bool:
        """Remove a name; say whether there was one."""
        try:
            with explained(self._name(name)):
                os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> list[str]:
        """Return the names in this folder, sorted."""
        return sorted(os.listdir(self.fd))

    def sync(self, durability: Durability) -> None:
        """Wait until the names in this folder are on the disk."""
        fsync(self.fd, self.path or ".", durability)


def _step(fd: int, name: str, path: str, durability: Durability | None) -> int:
    """Open one folder below another, making it where a durability is given."""
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=fd)
    except FileNotFoundError:
        if durability is None:
            raise
    try:
        os.mkdir(name, 0o755, dir_fd=fd)
    except FileExistsError:
        pass
    fsync(fd, path, durability)
    return os.open(name, FOLDER_FLAGS, dir_fd=fd)
