"""Steps 7 to 9 of the write protocol: objects, index, ref, and the proof that all three agree."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

from platformstate.core.instants import moment
from platformstate.files import Folder
from platformstate.files.durable import READ_FLAGS, fsync
from platformstate.gitrepo import is_ancestor, look_up
from platformstate.gitrepo.repository import version_numbers
from platformstate.gitrepo.signing import signing
from platformstate.gitrepo.writing import NewCommit, NewFile, Staged, Writer
from platformstate.store import chains
from platformstate.store.chains import Chain, Head
from platformstate.store.index_entry import IndexEntry, IndexLocked
from platformstate.store.intents import Intent
from platformstate.store.lock import Lock
from platformstate.store.session import Session

_SHORTEST_PAUSE_MS: Final = 5
_LONGEST_PAUSE_MS: Final = 50
_INDEX_ROUNDS: Final = 3
_PATIENT_TRIES: Final = 3


class Waits(Exception):
    """A commit that cannot be made now; the intents stay, and `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Commits:
    """Makes commits on one branch with the writers' lock held, until one deadline."""

    def __init__(self, session: Session, lock: Lock, deadline: float) -> None:
        self._session, self._lock, self._deadline = session, lock, deadline
        self._index = IndexEntry(session.repository.git_dir, session.control, session.failpoints, lock)
        self._indexed: set[str] = set()
        self._misses = 0

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self._session.repository, durable=self._session.settings.durability == "full")

    def make(self, intents: Sequence[Intent], head: Head, ref: str) -> dict[str, str] | None:
        """Commit what HEAD does not hold yet; return each intent's commit, none for one held already.

        None means that the branch moved: read it again and come back. Raises: Waits.
        """
        groups = chains.groups(intents)
        open_chains = [
            [chain for chain in chains.chains_of(group).values() if not chains.is_settled(chain, head)]
            for group in groups
        ]
        wanted = [(group, rows) for group, rows in zip(groups, open_chains, strict=True) if rows]
        if not wanted:
            return {}
        rows = [chain for _, found in wanted for chain in found]
        oids = self._objects(wanted, head)
        self._stage(rows, ref)
        if not self._move(ref, oids[-1], head.commit) or not self._verify(rows, ref, oids[-1]):
            self._misses += 1
            return None
        self._sync_ref(ref)
        self._session.failpoints.reach("store.verified")
        return {intent.id: oid for (group, _), oid in zip(wanted, oids, strict=True) for intent in group}

    @contextmanager
    def another_try(self) -> Iterator[None]:
        """Pause before a try; once several were in vain, keep a person's commits out for its length.

        Raises: Waits.
        """
        if time.monotonic() >= self._deadline:
            raise Waits("branch_moving")
        pause_ms = _SHORTEST_PAUSE_MS + self._session.chance(_LONGEST_PAUSE_MS - _SHORTEST_PAUSE_MS)
        time.sleep(pause_ms / 1000)
        if self._misses < _PATIENT_TRIES:
            yield
            return
        try:
            with self._index.locked(self._deadline):
                yield
        except IndexLocked as locked:
            raise Waits("index_locked") from locked

    def _objects(self, wanted: Sequence[tuple[list[Intent], list[Chain]]], head: Head) -> list[str]:
        """Write the commits as objects, signed where that was asked for; no ref moves."""
        session = self._session
        committer, at = session.committer(), int(session.now().timestamp())
        commits = [
            NewCommit(
                chains.message_of(group),
                group[-1].author,
                int(moment(group[-1].at).timestamp()),
                tuple(NewFile(chain.path, chain.last.data) for chain in rows),
            )
            for group, rows in wanted
        ]
        oids = self._writer.make_commits(commits, head.commit, committer, at)
        how = signing(session.repository)
        if how is None:
            return oids
        signed = self._writer.sign(commits, oids, head.commit, how, committer, at)
        if signed is None:
            raise Waits("signing_failed")
        return signed

    def _stage(self, rows: Sequence[Chain], ref: str) -> None:
        """Put the paths into the user's index first: the other order could stage them as deleted.

        An append file goes in by id, since it may have grown already.
        """
        left = [chain for chain in rows if chain.path not in self._indexed]
        if not left or not self._is_on(ref):
            return
        paths = [chain.path for chain in left if not chain.last.append]
        staged = [Staged(chain.path, chain.last.after) for chain in left if chain.last.append]
        self._put(paths, staged)
        self._indexed.update(chain.path for chain in left)

    def _put(self, paths: Sequence[str], staged: Sequence[Staged]) -> None:
        try:
            self._index.put(
                self._writer,
                paths,
                staged,
                deadline=self._deadline,
                durability=self._session.settings.durability,
            )
        except IndexLocked as locked:
            raise Waits("index_locked") from locked

    def _is_on(self, ref: str) -> bool:
        return (self._session.repository.head_ref() or "HEAD") == ref

    def _move(self, ref: str, new: str, old: str | None) -> bool:
        """Move the branch, unless another moved it: then say so."""
        self._lock.describe(phase="ref", ref=ref, old=old, worktree=self._session.repository.worktree)
        self._session.failpoints.reach("store.ref-before")
        moved = self._writer.move_ref(ref, new, old)
        self._lock.describe(phase=None)
        if moved:
            self._session.failpoints.reach("store.ref-moved")
        return moved

    def _verify(self, rows: Sequence[Chain], ref: str, new: str) -> bool:
        """Prove that branch and index hold what was wanted; an index that differs is put right."""
        repository = self._session.repository
        names = [f"{ref}:{chain.path}" for chain in rows] + [f":0:{chain.path}" for chain in rows]
        for _ in range(_INDEX_ROUNDS):
            found = [row.oid if row else None for row in look_up(repository, names)]
            at_ref, in_index = found[: len(rows)], found[len(rows) :]
            if any(oid != chain.last.after for oid, chain in zip(at_ref, rows, strict=True)):
                # A later commit may have gone on from ours; a reset took it away again.
                tip = look_up(repository, [ref])[0]
                return tip is not None and is_ancestor(repository, new, tip.oid)
            wrong = [
                Staged(chain.path, chain.last.after)
                for oid, chain in zip(in_index, rows, strict=True)
                if oid != chain.last.after
            ]
            if not wrong or not self._is_on(ref):
                return True
            self._put([], wrong)
        return True

    def _sync_ref(self, ref: str) -> None:
        """Wait until the ref's name is on the disk; git below 2.36 did not even sync its content."""
        repository, durability = self._session.repository, self._session.settings.durability
        place = repository.git_dir / "HEAD" if ref == "HEAD" else repository.common_dir / ref
        if not place.is_file():
            place = repository.common_dir / "reftable" / "tables.list"
        self._sync_folder(place)
        if durability == "full" and version_numbers(repository.git_version) < (2, 36):
            with Folder.at(place.parent) as folder:
                self._sync_file(folder, place.name)

    def _sync_folder(self, place: Path) -> None:
        if place.parent.is_dir():
            with Folder.at(place.parent) as folder:
                folder.sync(self._session.settings.durability)

    def _sync_file(self, folder: Folder, name: str) -> None:
        fd = os.open(name, READ_FLAGS, dir_fd=folder.fd)
        try:
            fsync(fd, name, "full")
        finally:
            os.close(fd)
