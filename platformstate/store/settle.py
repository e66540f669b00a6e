"""Settle every intent of a worktree: recovery, pending commits and group commit are this function.

Only the holder of the lock settles. What cannot be committed now stays in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from platformstate.errors import StateError, Warned
from platformstate.store import chains, placing
from platformstate.store.chains import Head
from platformstate.store.commit import Commits, Waits
from platformstate.store.intents import FILES_ONLY, Intent
from platformstate.store.lock import Lock
from platformstate.store.session import Present, Session

_READ_ONLY: Final = "repository_read_only"  # the branch, where the intent could be written
NO_ROOM: Final = frozenset({"disk_full", "descriptors_exhausted"})
_WAITING_ERRORS: Final = NO_ROOM | {_READ_ONLY}


class Outcome(NamedTuple):
    """What became of one intent."""

    state: Literal["committed", "pending", "held"]
    reason: str | None = None
    commit: str | None = None
    ref: str | None = None


@dataclass
class Settlement:
    """What became of each intent, by id, and how many were left by earlier commands."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    recovered: int = 0
    warnings: list[Warned] = field(default_factory=list)


class Settler:
    """Settles with one lock held, until one deadline."""

    def __init__(self, session: Session, lock: Lock, deadline: float) -> None:
        self._session, self._lock, self._deadline = session, lock, deadline
        self._moved: set[str] = set()

    def settle(
        self, own: Intent | None = None, *, head: Head | None = None, here: bool = False, commit: bool = True
    ) -> Settlement:
        """Bring every intent of this worktree as far as the repository's state allows.

        `own` is the intent of this command, `head` what its branch was just read to hold, `here`
        takes intents of other branches too, `commit` off only writes the files.
        Raises: record_changed, path_symlink, disk_full … when `own` cannot happen; it is gone then.
        """
        session, done = self._session, Settlement()
        present = session.present()
        mine = session.mine(self._readable())
        ours = [intent for intent in mine if here or present.takes(intent)]
        for intent in mine:
            if intent not in ours:
                done.outcomes[intent.id] = Outcome("pending", "branch_changed")
        self._prepare(ours, own)
        ours = self._without_files_only(ours, done)
        blocked = present.blocked if commit else "deferred"
        wanted = chains.chains_of(ours)
        if blocked is None and wanted and (head is None or not wanted.keys() <= head.blobs.keys()):
            # An independent intent may have come after HEAD was read: it is added before the lock.
            head = session.head(present.ref, wanted.values())
        ours = self._without_misfits(ours, None if blocked else head, own, done)
        try:
            done.warnings += self._place(ours, own, None if blocked else head)
            write_leases(session, ours)
            if blocked is None and head is not None and ours:
                self._commit(ours, own, head, present, done)
        except Waits as waits:
            blocked = waits.reason
        except StateError as error:
            if not self._can_wait(error, own):
                raise
            blocked = error.code
        self._leave(ours, blocked, done)
        return done

    def _without_files_only(self, ours: list[Intent], done: Settlement) -> list[Intent]:
        """Finish the files of a dead `--no-commit`; their commit is the person's own."""
        mine = [intent for intent in ours if intent.reason == FILES_ONLY]
        mine = self._without_misfits(mine, None, None, done)
        done.warnings += self._place(mine, None, None)
        write_leases(self._session, mine)
        for intent in mine:
            self._session.journal.withdraw(intent.id)
            done.recovered += 1
        return [intent for intent in ours if intent.reason != FILES_ONLY]

    def _readable(self) -> list[Intent]:
        intents, damaged = self._session.journal.all()
        for intent_id in damaged:
            self._session.journal.hold(intent_id)
        return intents

    def _prepare(self, ours: Sequence[Intent], own: Intent | None) -> None:
        journal = self._session.journal
        for intent in ours:
            if not _is(intent, own) and not journal.is_alive(intent.id):
                self._session.failpoints.reach("store.recover")
                placing.remove_temporary_files(self._session.root, intent)

    def _without_misfits(
        self, ours: list[Intent], head: Head | None, own: Intent | None, done: Settlement
    ) -> list[Intent]:
        """Put aside the intents that a person's content supersedes, until the others fit."""
        while True:
            paths = list(chains.chains_of(ours))
            working, refused = self._session.working(paths)
            bad = chains.misfits(ours, head, working, self._session.blob_id, frozenset(refused))
            if not bad:
                return ours
            for intent in ours:
                if intent.id in bad:
                    self._put_aside(intent, own, refused, done)
            ours = [intent for intent in ours if intent.id not in bad]

    def _put_aside(
        self, intent: Intent, own: Intent | None, refused: dict[str, StateError], done: Settlement
    ) -> None:
        if not _is(intent, own) or self._moved & set(intent.paths):
            self._session.journal.hold(intent.id)
            done.outcomes[intent.id] = Outcome("held", "intent_superseded")
            return
        self._session.journal.withdraw(intent.id)
        for path in intent.paths:
            if path in refused:
                raise refused[path]
        raise record_changed(chains.rests_on(intent.paths[0]) or intent.paths[0])

    def _place(self, ours: Sequence[Intent], own: Intent | None, head: Head | None) -> list[Warned]:
        """Write the working files of all chains that HEAD does not hold yet."""
        session = self._session
        placer = placing.Placer(
            session.root, session.control, session.failpoints, session.settings.durability, session.blob_id
        )
        wanted = [
            chain
            for chain in chains.chains_of(ours).values()
            if head is None or not chains.is_settled(chain, head)
        ]
        try:
            placer.place(wanted, placing.temporary_names(ours))
        except StateError:
            if own is not None and not set(placer.moved) & set(own.paths):
                session.journal.withdraw(own.id)
            raise
        finally:
            self._moved.update(placer.moved)
        return [
            Warned("tail_repaired", "a torn last line was put aside before the file grew", path)
            for path in placer.repaired
        ]

    def _commit(
        self, ours: list[Intent], own: Intent | None, head: Head, present: Present, done: Settlement
    ) -> None:
        """Commit all chains; whoever moved the branch meanwhile is met by trying again."""
        commits = Commits(self._session, self._lock, self._deadline)
        made = commits.make(ours, head, present.ref)
        while made is None:
            with commits.another_try():
                head = self._session.head(present.ref, chains.chains_of(ours).values())
                ours = self._without_misfits(ours, head, own, done)
                made = commits.make(ours, head, present.ref)
        for intent in ours:
            commit = made.get(intent.id) or head.commit
            is_own = _is(intent, own)
            is_waited_for = not is_own and self._session.journal.is_alive(intent.id)
            done.recovered += not is_own and not is_waited_for
            done.outcomes[intent.id] = Outcome("committed", None, commit, present.ref)
            self._session.journal.finish(intent.id, commit, present.ref, told=is_waited_for)
        self._session.failpoints.reach("store.done")

    def _can_wait(self, error: StateError, own: Intent | None) -> bool:
        """Say whether a failure leaves all that is wanted durable, to be committed later."""
        if own is None:
            return error.code == _READ_ONLY
        return error.code in _WAITING_ERRORS and not self._is_gone(own)

    def _is_gone(self, intent: Intent) -> bool:
        return intent.id not in self._session.journal.ids()

    def _leave(self, ours: Sequence[Intent], reason: str | None, done: Settlement) -> None:
        for intent in ours:
            if intent.id not in done.outcomes:
                done.outcomes[intent.id] = Outcome("pending", reason)


def write_leases(session: Session, intents: Iterable[Intent]) -> None:
    """Write the leases that intents carry, now that their runs stand; a later one that is there stays."""
    for intent in intents:
        if intent.lease is not None:
            session.failpoints.reach("store.claim-before")
            session.claims.put(intent.lease, intent.durability)
            session.failpoints.reach("store.claim-written")


def _is(intent: Intent, own: Intent | None) -> bool:
    return own is not None and intent.id == own.id


def record_changed(path: str) -> StateError:
    """Return the refusal to write over content that nobody committed or that changed meanwhile."""
    return StateError(
        "record_changed",
        "the file has changes that no commit holds, or changed since it was read",
        hint="commit it, or repeat the command with --no-commit",
        retryable=True,
        path=path,
    )
