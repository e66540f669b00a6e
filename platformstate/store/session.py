"""What one opened store works with, shared by the steps of the write protocol."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from platformstate.core.ids import Chance
from platformstate.core.instants import instant
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.gitrepo import Repository, blob_id, look_up, oids_at, read_blobs, states
from platformstate.gitrepo.identity import person
from platformstate.gitrepo.writing import Person, refuse_without_identity
from platformstate.store.chains import Chain, Head, rests_on
from platformstate.store.control import Control
from platformstate.store.failpoints import Failpoints
from platformstate.store.intent_journal import Journal
from platformstate.store.intents import Intent
from platformstate.store.settings import Clock, Settings

if TYPE_CHECKING:
    from platformstate.store.claims import Claims


class Session(NamedTuple):
    """A repository with a work tree, and what one command does there."""

    repository: Repository
    root: Path
    control: Control
    journal: Journal
    failpoints: Failpoints
    settings: Settings
    clock: Clock
    chance: Chance

    @property
    def claims(self) -> Claims:
        """The leases of this clone."""
        from platformstate.store.claims import Claims

        return Claims(self.control)

    def now(self) -> datetime:
        """Return the present moment of this store's clock."""
        return self.clock()

    def instant(self) -> str:
        """Return the present instant, as records hold it."""
        return instant(self.clock())

    def blob_id(self, data: bytes) -> str:
        """Return the id of a file of these bytes."""
        return blob_id(data, self.repository.object_format)

    def author(self) -> Person:
        """Return who writes. Raises: git_identity_missing."""
        return refuse_without_identity(person(self.repository, os.environ, "author"))

    def committer(self) -> Person:
        """Return who commits. Raises: git_identity_missing."""
        return refuse_without_identity(person(self.repository, os.environ, "committer"))

    def present(self) -> Present:
        """Return where HEAD stands now, and what keeps commits from being made there."""
        ref = self.repository.head_ref()
        running = states.operation(self.repository.git_dir)
        if running is not None:
            branch = ref or states.interrupted_branch(self.repository.git_dir)
            return Present(ref or "HEAD", branch, "operation_in_progress")
        if ref is None:
            return Present("HEAD", None, None if self.settings.commit_detached else "detached")
        return Present(ref, ref, None)

    def mine(self, intents: Iterable[Intent]) -> list[Intent]:
        """Return the intents of this worktree."""
        return [intent for intent in intents if intent.worktree == self.repository.worktree]

    def head(self, ref: str, chains: Iterable[Chain]) -> Head:
        """Read a branch and what it holds at the chains' paths, with one child at most as a rule."""
        wanted = list(chains)
        paths = dict.fromkeys(chain.path for chain in wanted)
        paths |= dict.fromkeys(base for path in paths if (base := rests_on(path)) is not None)
        tip, oids = self._oids_at(ref, list(paths))
        blobs = dict(zip(paths, oids, strict=True))
        strange = [
            chain
            for chain in wanted
            if chain.last.append and blobs[chain.path] is not None and blobs[chain.path] not in chain.points
        ]
        texts = read_blobs(self.repository, [str(blobs[chain.path]) for chain in strange])
        by_path = {chain.path: text for chain, text in zip(strange, texts, strict=True)}
        return Head(tip, blobs, by_path)

    def _oids_at(self, ref: str, paths: list[str]) -> tuple[str | None, list[str | None]]:
        """Return the commit of a branch and the ids of its files, without a child where git's own files tell."""
        now = self.repository.as_it_stands()
        if now is not None and now.head is not None and now.ref == ref:
            return now.head, oids_at(self.repository, now.head, paths)
        tip, *found = look_up(self.repository, [ref, *(f"{ref}:{path}" for path in paths)])
        oids = [row.oid if row is not None and row.type == "blob" else None for row in found]
        return None if tip is None else tip.oid, oids

    def working(self, paths: Iterable[str]) -> tuple[dict[str, bytes | None], dict[str, StateError]]:
        """Read working files; a path that holds no regular file has an error instead of bytes."""
        tree = WorkTree(self.root)
        found: dict[str, bytes | None] = {}
        refused: dict[str, StateError] = {}
        for path in paths:
            try:
                found[path] = tree.bytes_of(path)
            except StateError as error:
                refused[path] = error
        return found, refused


class Present(NamedTuple):
    """Where HEAD stands: `ref` to move, `branch` that intents are for, `blocked` by what."""

    ref: str
    branch: str | None
    blocked: str | None

    def takes(self, intent: Intent) -> bool:
        """Say whether an intent belongs to the branch that HEAD stands on."""
        return intent.ref is None or intent.ref == self.branch
