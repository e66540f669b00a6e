"""A store that many writes follow each other in: found once, and anew whenever that may not hold any more."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from platformstate.core.places import STORE_PATH
from platformstate.store.opened import Store

_KNOWN_S: Final = 1.0  # what no file of the repository tells, such as a person's own settings, is asked again
_Stamp = tuple[int, int, int, int] | None


class StoreStream:
    """Gives the store as it stands when asked, without asking git what its own files show to be as before."""

    def __init__(self, opened: Callable[[], Store], clock: Callable[[], float] = time.monotonic) -> None:
        self._opened, self._clock = opened, clock
        self._store: Store | None = None
        self._until = 0.0
        self._stamps: list[_Stamp] = []

    def store(self) -> Store:
        """Return the store as the repository stands now. Raises: what opening it raises."""
        known = self._known()
        if known is None:
            self._store = None
            until = self._clock() + _KNOWN_S
            known = self._store = self._opened()
            self._stamps, self._until = _stamps(known), until
        return known

    def _known(self) -> Store | None:
        if self._store is None or self._clock() >= self._until or _stamps(self._store) != self._stamps:
            return None
        repository = self._store.repository.as_it_stands()
        return None if repository is None else Store(self._store.session._replace(repository=repository))


def _stamps(store: Store) -> list[_Stamp]:
    """Return what changes with the files that opening a store goes by."""
    git_dir, common_dir = store.repository.git_dir, store.repository.common_dir
    files = (
        common_dir / "config",
        git_dir / "config.worktree",
        common_dir / "shallow",
        store.root / STORE_PATH,
    )
    return [_stamp(path) for path in files]


def _stamp(path: Path) -> _Stamp:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
