"""What an export needs to know of a repository; the caller brings it, since git is another adapter's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Literal, NamedTuple, Protocol

from platformstate.core.tree import Entry
from platformstate.errors import Problem
from platformstate.exporter.decision import Kinship
from platformstate.exporter.rows import Record

Phase = Literal["read", "parse", "copy", "merge"]
Progress = Callable[[Phase, int, int], None]


def silent(phase: Phase, done: int, total: int) -> None:
    """Tell nobody how far a phase is."""


class Wanted(NamedTuple):
    """The commit that the tables are to equal; `commit_at` is an instant, `tree` the oid of `state/`."""

    store: str
    ref: str
    commit: str
    tree: str
    commit_at: str


class Source(Protocol):
    """One commit of a repository, as far as an export reads it."""

    wanted: Wanted
    problems: list[Problem]
    watch: Watch

    def kinship(self, commit: str, tree: str) -> Kinship:
        """Return what another commit is to the wanted one; absent when it or its tree is not here."""
        ...

    def changed(self, tree: str) -> list[str]:
        """Return the paths that differ between another state tree and the wanted one."""
        ...

    def listing(self, paths: Sequence[str] = ()) -> list[Entry]:
        """Return the files of the wanted state tree, or those at or below some paths."""
        ...

    def records(self, entries: Sequence[Entry]) -> Iterator[tuple[Record, list[Entry]]]:
        """Read and judge files, sorted by unit; yield each unit with its files. Findings go to `problems`."""
        ...


class Watch:
    """Seconds and sizes of one sync: git and parse are added up, the rest of its time is the database's."""

    def __init__(self) -> None:
        self.git = self.parse = 0.0
        self.files = self.bytes = 0
        self.started = perf_counter()

    @contextmanager
    def parsing(self) -> Iterator[None]:
        """Add the seconds of what is done within to those of parsing, but for git's."""
        started, git = perf_counter(), self.git
        try:
            yield
        finally:
            self.parse += perf_counter() - started - (self.git - git)

    def seconds(self) -> dict[str, float]:
        """Return the seconds so far, the database's being what git and parse left of the whole."""
        total = perf_counter() - self.started
        database = max(0.0, total - self.git - self.parse)
        times = {"git": self.git, "parse": self.parse, "database": database, "total": total}
        return {name: round(value, 4) for name, value in times.items()}
