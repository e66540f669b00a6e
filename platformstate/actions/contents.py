"""The files that are judged and the versions they are compared with, read once and only as needed.

A file beyond any limit is never held in memory: its size stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from platformstate.core.tree import Entry
from platformstate.files import WorkTree
from platformstate.gitrepo import Repository, blob_id
from platformstate.gitrepo.attributes import Hidden
from platformstate.gitrepo.objects import missing_object
from platformstate.gitrepo.versions import read_blobs_up_to

if TYPE_CHECKING:
    from platformstate.gitrepo.ranges import Step

MAX_READ_BYTES: Final = 16 * 1024 * 1024


class Contents(Protocol):
    """The state files of one tree, and how to read them."""

    @property
    def entries(self) -> Sequence[Entry]:
        """The files, sorted by path."""
        ...

    @property
    def names(self) -> Mapping[str, Entry]:
        """The files by path, of which a tree made by hand may name one twice."""
        ...

    def fetch(self, paths: Iterable[str]) -> dict[str, bytes | int]:
        """Return each file's bytes, or the size of one too large to read; absent ones are left out."""
        ...

    def oid(self, path: str, data: bytes | int) -> str | None:
        """Return the blob id of a file that was read, None where only its size is known."""
        ...


class Blobs:
    """Blobs of a repository; ask for many at a time."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._known: dict[str, bytes | int] = {}

    def load(self, oids: Iterable[str | None]) -> None:
        """Read the blobs that are not yet known, with one child, and hold them."""
        self._known |= self._read(oid for oid in oids if oid is not None)

    def fetch(self, wanted: Mapping[str, str]) -> dict[str, bytes | int]:
        """Return each path's blob, read with one child unless it is held. Raises: history_missing."""
        read = self._read(wanted.values())
        for path, oid in wanted.items():
            if oid not in read and oid not in self._known:
                raise missing_object(path)
        return {path: read[oid] if oid in read else self._known[oid] for path, oid in wanted.items()}

    def _read(self, oids: Iterable[str]) -> dict[str, bytes | int]:
        missing = [oid for oid in oids if oid not in self._known]
        return read_blobs_up_to(self._repository, missing, MAX_READ_BYTES)

    def get(self, oid: str | None, path: str) -> bytes | int | None:
        """Return a loaded blob of a path, None for no object. Raises: history_missing when it is not here."""
        if oid is None:
            return None
        if oid not in self._known:
            raise missing_object(path)
        return self._known[oid]


class GitContents:
    """Files as a commit or the index holds them."""

    def __init__(self, entries: Sequence[Entry], blobs: Blobs) -> None:
        self.entries = entries
        self.names = {entry.path: entry for entry in entries}
        self._blobs = blobs

    def fetch(self, paths: Iterable[str]) -> dict[str, bytes | int]:
        """Return each file's bytes, or the size of one too large to read; absent ones are left out."""
        return self._blobs.fetch({path: oid for path in paths if (oid := self._oid(path)) is not None})

    def oid(self, path: str, data: bytes | int) -> str | None:
        """Return the blob id that the tree names."""
        return self._oid(path)

    def _oid(self, path: str) -> str | None:
        entry = self.names.get(path)
        return None if entry is None or entry.mode == "160000" else entry.oid


class DiskContents:
    """Files of the working tree; `given` holds the text of those that stand elsewhere, as in an editor."""

    def __init__(
        self,
        tree: WorkTree,
        entries: Sequence[Entry],
        object_format: str,
        given: Mapping[str, bytes] | None = None,
    ) -> None:
        self._tree, self._object_format = tree, object_format
        self._given = dict(given or {})
        listed = {entry.path: entry for entry in entries}
        listed |= {path: Entry(path, "100644") for path in self._given}
        self.entries = sorted(listed.values())
        self.names = {entry.path: entry for entry in self.entries}

    def fetch(self, paths: Iterable[str]) -> dict[str, bytes | int]:
        """Return each file's bytes, or the size of one too large to read; absent ones are left out."""
        wanted = sorted(paths)
        found: dict[str, bytes | int] = {path: self._given[path] for path in wanted if path in self._given}
        found.update(
            self._tree.read_up_to((path for path in wanted if path not in self._given), MAX_READ_BYTES)
        )
        return found

    def oid(self, path: str, data: bytes | int) -> str | None:
        """Return the blob id that git would give the file."""
        return None if isinstance(data, int) else blob_id(data, self._object_format)


class Base(NamedTuple):
    """A version that the judged files start from: a commit and its blobs by path.

    Of a base that is `partial` only the paths that changed are listed; None is a path it lacks.
    """

    commit: str
    blobs: Mapping[str, str | None]
    partial: bool = False


class Scope(NamedTuple):
    """What one call judges: files, what they are compared with, and which findings are wanted.

    `selected` are the paths whose findings count, None for all. `attributes` is the text of the
    tree's root .gitattributes where that has to be judged, `hidden` the working records that a rule
    outside our own block keeps out of git. `steps` are the commits of a range, each of which is judged,
    `merge` is the one merge that is judged where there is no range, made or still in the index.
    """

    mode: str
    repository: Repository
    contents: Contents
    blobs: Blobs
    bases: Sequence[Base] = ()
    selected: frozenset[str] | None = None
    attributes: bytes | None = None
    from_commit: str | None = None
    to_commit: str | None = None
    history: str = "none"
    commits: int = 0
    hidden: Sequence[Hidden] = ()
    steps: Sequence[Step] = ()
    merge: Step | None = None
