"""Trees of state files as git holds them: a commit's, and the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Final

from platformstate.core.tree import Entry
from platformstate.cost import COST
from platformstate.gitrepo.objects import blobs, missing_object
from platformstate.gitrepo.repository import Repository

_LIST_INDEX: Final = ("ls-files", "-s", "-z", "--full-name", "--")


class _GitTree:
    """What both have in common: entries are listed once, bytes come through one child."""

    def __init__(self, repository: Repository, prefix: str) -> None:
        self._repository = repository
        self._prefix = prefix
        self._known: list[Entry] = []

    @cached_property
    def _oids(self) -> dict[str, str]:
        return {entry.path: entry.oid for entry in self._known if entry.oid and entry.mode != "160000"}

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of each file that is there, in the order asked.

        Raises: history_missing for a listed file whose content git cannot read.
        """
        asked = [path for path in paths if "\n" not in path]
        if not asked:
            return
        names = [self._oids.get(path) or f"{self._prefix}:{path}" for path in asked]
        for path, data in zip(asked, blobs(self._repository, names), strict=False):
            if data is not None:
                COST.read += 1
                yield path, data
            elif path in self._oids:
                raise missing_object(path)

    def _kept(self, entries: list[Entry]) -> list[Entry]:
        self._known += entries
        self.__dict__.pop("_oids", None)
        return sorted(entries)


class CommitTree(_GitTree):
    """The state files of one commit."""

    def __init__(self, repository: Repository, commit: str) -> None:
        super().__init__(repository, commit)
        self.commit = commit
        self._listed: dict[str, list[Entry]] = {}

    def entries(self, under: str = "state") -> Sequence[Entry]:
        """Return the files at or below a path, sorted by path; empty when nothing is there."""
        return self._listed[under] if under in self._listed else self._kept(self._list(under))

    def list_together(self, *folders: str) -> None:
        """List several folders with one child; `entries` of each of them starts none then."""
        found = self._kept(self._list(*folders))
        for folder in folders:
            self._listed[folder] = [entry for entry in found if entry.path.startswith(f"{folder}/")]

    def _list(self, *paths: str) -> list[Entry]:
        listed = self._repository.list_files(
            ["ls-tree", "-r", "-z", "--full-tree", self.commit, "--", *paths]
        )
        found = []
        for row in _rows(listed):
            facts, _, path = row.partition("\t")
            mode, _, oid = facts.split(" ")
            found.append(Entry(path, mode, oid))
        return found


class IndexTree(_GitTree):
    """The state files as they are staged in this worktree's index."""

    def __init__(self, repository: Repository) -> None:
        super().__init__(repository, "")

    def entries(self, under: str = "state") -> Sequence[Entry]:
        """Return the files at or below a path, sorted by path; of a conflict, our side."""
        return self._kept(_staged(_rows(self._repository.run([*_LIST_INDEX, under]))))

    @contextmanager
    def listing(self) -> Iterator[Callable[[], Sequence[Entry]]]:
        """Let git list all of `state/` while the block does something else; call what it yields for the entries."""
        with self._repository.running([*_LIST_INDEX, "state"]) as listed:
            yield lambda: self._kept(_staged(_rows(listed())))


def _staged(rows: Sequence[str]) -> list[Entry]:
    """Return the entries of an index; mode, id and stage take as much room in each of its rows."""
    if not rows:
        return []
    name = rows[0].index("\t") + 1
    stage, new = name - 2, tuple.__new__
    if {row[stage] for row in rows} == {"0"}:
        # A tree of ten thousand files is made here; this way it takes a third of the time.
        return [new(Entry, (row[name:], row[:6], row[7 : stage - 1])) for row in rows]
    found: dict[str, tuple[int, Entry]] = {}
    for row in rows:
        path, order = row[name:], (0, 2, 3, 1).index(int(row[stage]))
        if path not in found or order < found[path][0]:
            found[path] = (order, Entry(path, row[:6], row[7 : stage - 1]))
    return [entry for _, entry in found.values()]


def _rows(listed: bytes) -> list[str]:
    return listed.decode("utf-8", "surrogateescape").split("\0")[:-1]
