"""The way down to one folder after another, for whoever reads many files of a tree."""

from __future__ import annotations

import os
from pathlib import Path

from platformstate.files.durable import FOLDER_FLAGS, Folder
from platformstate.files.errors import explained


class Descent:
    """Folders below a root, reached without following a link; the part of the way that two share is walked once."""

    def __init__(self, root: Path) -> None:
        with explained(""):
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._names: list[str] = []
        self._opened: list[int] = []

    def folder(self, path: str) -> Folder:
        """Open the folder at a relative path, until the next one is asked for.

        Raises: path_symlink where a part of the path is a link or no folder; FileNotFoundError.
        """
        names = path.split("/") if path else []
        while self._names != names[: len(self._names)]:
            self._names.pop()
            os.close(self._opened.pop())
        for name in names[len(self._names) :]:
            with explained(path):
                self._opened.append(os.open(name, FOLDER_FLAGS, dir_fd=self._deepest))
            self._names.append(name)
        return Folder(self._deepest, path)

    @property
    def _deepest(self) -> int:
        return self._opened[-1] if self._opened else self._root

    def __enter__(self) -> Descent:
        return self

    def __exit__(self, *_raised: object) -> None:
        for fd in (*self._opened, self._root):
            os.close(fd)
