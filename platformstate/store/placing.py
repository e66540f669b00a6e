"""Step 6 of the write protocol: bring the working files to the end of their chains."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.errors import StateError
from platformstate.files import Durability, Folder
from platformstate.files.durable import APPEND_FLAGS, fsync, write_all
from platformstate.files.errors import explained
from platformstate.store.chains import BlobId, Chain, Step, step_for, torn_at
from platformstate.store.control import TORN, Control
from platformstate.store.failpoints import Failpoints
from platformstate.store.intents import Intent

_TOGETHER: Final = 32  # files that are open at once


class _Way(NamedTuple):
    """A chain with the folder and the name of its file, and the name under which new content is written first."""

    chain: Chain
    folder: Folder
    name: str
    temporary: str


class Placer:
    """Writes working files. `moved` counts the paths that already changed, `repaired` names tails."""

    def __init__(
        self,
        root: Path,
        control: Control,
        failpoints: Failpoints,
        durability: Durability,
        blob_id: BlobId,
    ) -> None:
        self._root, self._control = root, control
        self._failpoints, self._durability = failpoints, durability
        self._blob_id = blob_id
        self._touched: dict[str, None] = {}
        self.moved: list[str] = []
        self.repaired: list[str] = []

    def place(self, chains: Iterable[Chain], temporary: Callable[[str], str]) -> None:
        """Bring every path to the end of its chain, then wait for the folders to be on the disk.

        `temporary` gives the name under which a path's new content is written first.
        """
        rows = list(chains)
        for first in range(0, len(rows), _TOGETHER):
            with ExitStack() as opened:
                self._place(list(self._ways(rows[first : first + _TOGETHER], temporary, opened)))
        for folder in self._touched:
            with suppress(FileNotFoundError), Folder.at(self._root, folder) as touched:
                touched.sync(self._durability)
        if self.moved:
            self._failpoints.reach("store.files-durable")

    def _ways(
        self, chains: Iterable[Chain], temporary: Callable[[str], str], opened: ExitStack
    ) -> Iterator[_Way]:
        for chain in chains:
            folder, _, name = chain.path.rpartition("/")
            durability = None if chain.last.data is None else self._durability
            with suppress(FileNotFoundError):  # a file to remove whose folder is gone already
                at = opened.enter_context(Folder.at(self._root, folder, durability=durability))
                yield _Way(chain, at, name, temporary(chain.path))

    def _place(self, ways: Sequence[_Way]) -> None:
        """Write all new content, wait for the disk once all is written, then give each its name.

        The disk takes little longer for all of them than for the first one. What a person removes
        meanwhile stays removed.
        """
        with ExitStack() as unnamed:
            with ExitStack() as written:
                files = []
                for way in self._new(ways):
                    with suppress(FileNotFoundError):
                        files.append((way, written.enter_context(self._begun(way, unnamed))))
                for way, fd in files:
                    fsync(fd, way.chain.path, self._durability)
            for way in ways:
                if self.moved:
                    self._failpoints.reach("store.file-between")
                with suppress(FileNotFoundError):
                    self._finish(way)

    def _new(self, ways: Iterable[_Way]) -> list[_Way]:
        return [way for way in ways if way.chain.last.data is not None and self._step(way)[0] == "write"]

    def _begun(self, way: _Way, unnamed: ExitStack) -> AbstractContextManager[int]:
        way.folder.remove(way.temporary)
        unnamed.callback(way.folder.remove, way.temporary)
        return way.folder.writing(way.temporary, way.chain.last.data or b"")

    def _step(self, way: _Way) -> tuple[Step | None, bytes | None]:
        working = way.folder.read(way.name)
        return step_for(way.chain, working, self._blob_id), working

    def _finish(self, way: _Way) -> None:
        step, working = self._step(way)
        wanted = way.chain.last.data
        if step == "append" and wanted is not None and working is not None:
            self._append(way.folder, way.chain, way.name, working, wanted)
        elif step == "write" and wanted is not None:
            self._failpoints.reach("store.file-temp")
            way.folder.rename(way.temporary, way.name)
            self._moved(way.chain)
        elif step == "write":
            way.folder.remove(way.name)
            self._moved(way.chain)

    def _append(self, folder: Folder, chain: Chain, name: str, working: bytes, data: bytes) -> None:
        """Add what is missing with one write; a torn last line is kept aside first, never joined."""
        with explained(chain.path):
            fd = os.open(name, APPEND_FLAGS, dir_fd=folder.fd)
            try:
                start = len(working)
                if not data.startswith(working):
                    start = torn_at(chain, working) or 0
                    self._keep_torn(chain.path, working[start:])
                    os.ftruncate(fd, start)
                self._failpoints.reach("store.file-temp")
                write_all(fd, data[start:])
                fsync(fd, chain.path, self._durability)
            finally:
                os.close(fd)
        self._moved(chain)

    def _keep_torn(self, path: str, fragment: bytes) -> None:
        with Folder.at(self._control.path, TORN, durability=self._durability) as folder:
            name = path.replace("/", "_")
            number = sum(1 for kept in folder.names() if kept.startswith(f"{name}."))
            folder.create(f"{name}.{number + 1}", fragment, self._durability, 0o600)
            folder.sync(self._durability)
        self.repaired.append(path)

    def _moved(self, chain: Chain) -> None:
        self.moved.append(chain.path)
        self._touched[chain.path.rpartition("/")[0]] = None
        self._failpoints.reach("store.file-renamed")


def temporary_names(intents: Sequence[Intent]) -> Callable[[str], str]:
    """Return how a path's temporary file is called: after the last intent that wants the path."""
    names = {
        file.path: intent.temporary(number) for intent in intents for number, file in enumerate(intent.files)
    }
    return lambda path: names[path]


def remove_temporary_files(root: Path, intent: Intent) -> None:
    """Remove what a dead writer left of an intent's files before they took their place."""
    for folder in {path.rpartition("/")[0] for path in intent.paths}:
        try:
            with Folder.at(root, folder) as opened:
                for name in opened.names():
                    if name.startswith(f".ps-{intent.id}-"):
                        opened.remove(name)
        except (FileNotFoundError, StateError):
            continue  # nothing of ours can be where no real folder is
