"""The way down to one folder after another, for whoever reads many files of a tree."""

from __future__ import annotations

import os
from pathlib import Path

from platformstate.files.durable import FOLDER_FLAGS, Folder
from platformstate.files.errors import explained


class Descent:
    """Folders below a root, reached without following a link; the part of the way that two share is walked once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: list[str] = []
        self._opened: list[int] = []  # that of the root, then one for each name

    def folder(self, path: str) -> Folder:
        """Open the folder at a relative path, until the next one is asked for.

        Raises: path_symlink where a part of the path is a link or no folder; FileNotFoundError.
        """
        if not self._opened:
            with explained(path):
                self._opened.append(os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        names = path.split("/") if path else []
        while self._names != names[: len(self._names)]:
            self._names.pop()
            os.close(self._opened.pop())
        for name in names[len(self._names) :]:
            with explained(path):
                self._opened.append(os.open(name, FOLDER_FLAGS, dir_fd=self._opened[-1]))
            self._names.append(name)
        return Folder(self._opened[-1], path)

    def __enter__(self) -> Descent:
        return self

    def __exit__(self, *_raised: object) -> None:
        for fd in self._opened:
            os.close(fd)
