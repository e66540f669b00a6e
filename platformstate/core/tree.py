"""A tree of state files, wherever it stands: working files, the index, or a commit."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One file of a tree: its path, git's mode for it, and its blob id where one is known."""

    path: str
    mode: str
    oid: str | None = None


class Tree(Protocol):
    """What validation and briefs read from; a snapshot of one moment."""

    def entries(self, under: str = "state") -> Sequence[Entry]:
        """Return the files at or below a path, sorted by path; empty when nothing is there."""
        ...

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of each file that is there, in the order asked."""
        ...
