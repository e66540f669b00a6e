"""A store in which records stand that are not written yet: each decision of a batch sees the earlier ones."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from platformstate.core.places import place_of
from platformstate.core.tree import Entry, Tree
from platformstate.store.change import Change, FileChange, WriteState, Written
from platformstate.store.opened import Store

if TYPE_CHECKING:
    from platformstate.core.kind import Kind
    from platformstate.gitrepo.facts import WorkFacts
    from platformstate.gitrepo.since import Since
    from platformstate.gitrepo.trust import Trusted
    from platformstate.policy.claims import Lease

_KEPT: Final = 4096


class _LaidOver:
    """A tree with the files of a batch laid over it."""

    def __init__(self, below: Tree, store: Overlay) -> None:
        self._below, self._store = below, store
        # A batch is one decision: what stands below it is read once, however many lines are about it.
        self._listed = lru_cache(maxsize=_KEPT)(below.entries)
        self._bytes = lru_cache(maxsize=_KEPT)(self._read_below)

    def _read_below(self, path: str) -> bytes | None:
        return next((data for _, data in self._below.read([path])), None)

    def entries(self, under: str = "state") -> Sequence[Entry]:
        """Return the files at or below a path, sorted by path; empty when nothing is there."""
        new = {path: Entry(path, "100644") for path in self._store.paths(under)}
        if not new:
            return self._listed(under)
        return sorted({**{entry.path: entry for entry in self._listed(under)}, **new}.values())

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of each file that is there, in the order asked."""
        for path in paths:
            data = self._store.laid(path)
            if data is None:
                data = self._bytes(path)
            if data is not None:
                yield path, data


class Overlay(Store):
    """A store whose writes are kept in memory until one change is made of them all, within its block."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.session)
        self.dry_run = True  # nothing besides the records may be written or executed yet
        self._files: dict[str, FileChange] = {}
        self._paths: list[str] = []
        self._leases: list[Lease] = []
        self._facts: WorkFacts | None = None
        self._since: Since | None = None
        self._trusted: list[Trusted | None] = []
        self._open = ExitStack()
        self._laid_over = _LaidOver(super().tree(), self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._open.close()

    def tree(self, rev: str | None = None) -> Tree:
        """Return the working files with the batch's over them, or those of a commit."""
        return self._laid_over if rev is None else super().tree(rev)

    def file_at(self, path: str) -> bytes | None:
        """Return a file's bytes as the batch leaves it, None when it is absent."""
        data = self.laid(path)
        return super().file_at(path) if data is None else data

    def ids(self, kind: Kind[Any]) -> list[str]:
        """Return the ids of all records of a kind, those of the batch included, sorted."""
        new = (place_of(path) for path in self._paths)
        return sorted({*super().ids(kind), *(place.id for place in new if place and place.kind == kind.name)})

    def pending_paths(self) -> list[str]:
        """Return the paths of what is to be written, the batch's included."""
        return [*super().pending_paths(), *self._paths]

    def work_facts(self) -> WorkFacts:
        """Return where the work stands; it is asked once, since a batch changes nothing of it."""
        if self._facts is None:
            self._facts = super().work_facts()
        return self._facts

    def trusted_ref(self) -> Trusted | None:
        """Return the ref from which content may be executed; it is asked for once."""
        if not self._trusted:
            self._trusted.append(super().trusted_ref())
        return self._trusted[0]

    def changed_since(self, commit: str, facts: WorkFacts) -> list[str]:
        """Return the paths outside `state/` that differ from a commit; one child tells of all commits."""
        from platformstate.gitrepo.since import Since

        if self._since is None:
            self._since = self._open.enter_context(Since(self.repository, facts))
        return self._since.paths(commit)

    def write(self, decide: Callable[[], Change], *, independent: bool = False) -> Written:
        """Judge what a decision wants and keep it. Raises: record_invalid, secret_found."""
        from platformstate.store import checking

        change = decide()
        files = [file for file in change.files if file.before != file.after]
        checking.refuse_bad_files(files, self.session.settings.allowed_secrets)
        for file in files:
            self._keep(file)
        if change.lease is not None:
            self._leases.append(change.lease)
        paths = tuple(file.path for file in files)
        durability = self.session.settings.durability
        state: WriteState = "planned" if files else "unchanged"
        return Written(state, None, None, None, paths, None, durability, 0, 0, change)

    def laid(self, path: str) -> bytes | None:
        """Return the bytes that the batch puts at a path, None where it puts nothing."""
        kept = self._files.get(path)
        return None if kept is None else kept.after

    def paths(self, under: str) -> list[str]:
        """Return the batch's paths at or below one, sorted."""
        first = bisect_left(self._paths, f"{under}/")
        last = bisect_left(self._paths, f"{under}0")
        return [*([under] if under in self._files else []), *self._paths[first:last]]

    def change(self, subject: str, data: Any) -> Change:
        """Return the one change that writes everything.

        It carries one lease at the most: those of other runs are rebuilt from the runs themselves.
        """
        lease = self._leases[0] if self._leases else None
        return Change(subject, (), tuple(self._files.values()), data, lease=lease)

    def _keep(self, file: FileChange) -> None:
        first = self._files.get(file.path)
        if first is None:
            insort(self._paths, file.path)
            self._files[file.path] = file
        else:
            self._files[file.path] = first._replace(after=file.after, append=first.append and file.append)
