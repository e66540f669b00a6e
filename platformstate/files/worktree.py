"""The state files on disk, read without following a link out of the repository."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from platformstate.core.places import place_of
from platformstate.core.tree import Entry
from platformstate.cost import COST
from platformstate.errors import StateError
from platformstate.files.descent import Descent
from platformstate.files.durable import FOLDER_FLAGS, Folder

TEMPORARY_PREFIX: Final = ".ps-"
_NO_FILE: Final = frozenset({"path_symlink", "path_not_regular"})
_LINK, _GITLINK, _FOLDER = "120000", "160000", "040000"


class WorkTree:
    """The working files below a repository's root; names that begin with `.ps-` are no files yet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self, under: str = "state") -> Sequence[Entry]:
        """Return the files at or below a path, sorted by path; empty when nothing is there."""
        parent, _, name = under.rpartition("/")
        try:
            with Folder.at(self.root, parent) as folder:
                mode = os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode
                if not stat.S_ISDIR(mode):
                    return [Entry(under, _git_mode(mode))]
                fd = os.open(name, FOLDER_FLAGS, dir_fd=folder.fd)
        except FileNotFoundError:
            return []
        except StateError:
            return [_first_link(self.root, under)]
        found: list[Entry] = []
        _walk(fd, under, found)
        return sorted(found)

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of each regular file that is there, in the order asked.

        A link or device is left out, as its mode in `entries` tells; what cannot be read raises.
        """
        with Descent(self.root) as descent:
            for path in paths:
                try:
                    data = _read(descent, path, sys.maxsize)
                except StateError as refused:
                    if refused.code not in _NO_FILE:
                        raise
                    continue
                if isinstance(data, bytes):
                    yield path, data

    def read_up_to(self, paths: Iterable[str], most: int) -> Iterator[tuple[str, bytes | int]]:
        """Yield path and bytes of each file that is there, its size where it has more than `most` bytes.

        Those of one folder are read soonest one after the other. Raises: path_symlink, path_not_regular.
        """
        with Descent(self.root) as descent:
            for path in paths:
                data = _read(descent, path, most)
                if data is not None:
                    yield path, data

    def bytes_of(self, path: str) -> bytes | None:
        """Return a file's bytes, None when it is absent. Raises: path_symlink, path_not_regular."""
        parent, _, name = path.rpartition("/")
        try:
            with Folder.at(self.root, parent) as folder:
                data = folder.read(name)
        except FileNotFoundError:
            return None
        if data is not None:
            COST.read += 1
        return data

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted, without a writer's temporary files."""
        try:
            with Folder.at(self.root, folder) as opened:
                return [name for name in opened.names() if not name.startswith(TEMPORARY_PREFIX)]
        except FileNotFoundError:
            return []


def _read(descent: Descent, path: str, most: int) -> bytes | int | None:
    parent, _, name = path.rpartition("/")
    try:
        data = descent.folder(parent).read_up_to(name, most)
    except FileNotFoundError:
        return None
    if isinstance(data, bytes):
        COST.read += 1
    return data


def _walk(fd: int, path: str, found: list[Entry]) -> None:
    """Add every file below an open folder, which is closed at the end."""
    try:
        with os.scandir(fd) as listed:
            rows = [row for row in listed if not row.name.startswith(TEMPORARY_PREFIX)]
        if any(row.name == ".git" for row in rows):
            found.append(Entry(path, _GITLINK))
            return
        for row in rows:
            below = f"{path}/{row.name}"
            if row.is_dir(follow_symlinks=False):
                if "." in row.name and _is_for_a_file(below):
                    found.append(Entry(below, _FOLDER))
                _walk(os.open(row.name, FOLDER_FLAGS, dir_fd=fd), below, found)
            else:
                mode = os.stat(row.name, dir_fd=fd, follow_symlinks=False).st_mode
                found.append(Entry(below, _git_mode(mode)))
    finally:
        os.close(fd)


def _is_for_a_file(path: str) -> bool:
    """Say whether a file of the layout belongs at a path, where nothing else may stand."""
    place = place_of(path)
    return place is not None and place.kind != "artifact"


def _git_mode(mode: int) -> str:
    """Return git's mode for a file; what git cannot hold keeps its own type bits."""
    if stat.S_ISLNK(mode):
        return _LINK
    if stat.S_ISREG(mode):
        return "100755" if mode & stat.S_IXUSR else "100644"
    return f"{stat.S_IFMT(mode):06o}"


def _first_link(root: Path, path: str) -> Entry:
    """Return the part of a path at which a link, or what is no folder, stands."""
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        place = "/".join(parts[:end])
        mode = os.lstat(root / place).st_mode
        if not stat.S_ISDIR(mode):
            return Entry(place, _git_mode(mode))
    return Entry(path, _LINK)
