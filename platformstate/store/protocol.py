"""The write protocol: decide, validate, intent, lock, settle, acknowledge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from platformstate.core import ids
from platformstate.core.instants import instant, stamp
from platformstate.errors import StateError, Warned
from platformstate.gitrepo import oids_at
from platformstate.store import chains, checking, lock, placing, recover, settle
from platformstate.store.chains import Head
from platformstate.store.change import Change, FileChange, WriteState, Written
from platformstate.store.intents import FILES_ONLY, Intent, IntentFile
from platformstate.store.lock import Lock
from platformstate.store.session import Session
from platformstate.store.settle import NO_ROOM, Outcome, Settlement, Settler, record_changed

Decide = Callable[[], Change]


class Write:
    """One command's write; made for it, used once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._began = time.monotonic()
        self._deadline = self._began + session.settings.lock_timeout_s
        self._waited_ms = 0

    def run(self, decide: Decide, *, independent: bool) -> Written:
        """Write what `decide` wants; unless it is independent, decide with the lock held."""
        self._session.failpoints.reach("store.start")
        if self._session.settings.dry_run:
            return self._plan(decide)
        self._session.author()
        self._session.committer()
        written = None
        if independent and self._session.settings.commit:
            written = self._run_independent(decide)
        if written is None:
            written = self._run_locked(decide)
        self._session.failpoints.reach("store.ack")
        return written

    def _plan(self, decide: Decide) -> Written:
        """Decide and judge as a write would, with no lock and no trace."""
        change = decide()
        files = self._checked(change)
        if not files:
            return self._written(change, "unchanged")
        if self._session.settings.commit:
            pending, _ = self._session.journal.all()
            planned = self._intent(change, files, independent=False, after=())
            self._refuse_uncommitted_edits(planned, self._session.mine(pending))
        return self._written(change, "planned", paths=[file.path for file in files])

    # -- independent: the intent first, then the lock, which another writer may serve us under

    def _run_independent(self, decide: Decide) -> Written | None:
        change = decide()
        if any(file.before is not None for file in change.files) or change.defer:
            return None
        files = self._checked(change)
        if not files:
            return self._written(change, "unchanged")
        self._session.control.make(self._session.settings.durability)
        intent = self._intent(change, files, independent=True, after=())
        self._session.journal.add(intent)
        try:
            return self._await(change, intent)
        except StateError as error:
            # No room for the lock's record: the intent is durable, and another holder may be at it.
            if error.code not in NO_ROOM or intent.id not in self._session.journal.ids():
                raise
            return self._answer(change, intent, Outcome("pending", error.code), Settlement())
        finally:
            self._session.journal.forget(intent.id)

    def _await(self, change: Change, intent: Intent) -> Written:
        journal = self._session.journal
        with self._locked(lambda: journal.served(intent.id) is not None) as held:
            served = journal.served(intent.id)
            done = self._settled(intent, held) if served is None else Settlement()
        self._session.failpoints.reach("store.unlocked")
        if served is not None:
            return self._acknowledge(change, intent, served)
        return self._answer(change, intent, done.outcomes[intent.id], done)

    def _settled(self, intent: Intent, held: Lock | None) -> Settlement:
        """Settle an intent that nobody has served, and those of others with it."""
        if held is None:
            return Settlement({intent.id: Outcome("pending", "lock_timeout")})
        recover.clean_up(self._session, held, self._deadline)
        if intent.id not in self._session.journal.ids():
            raise record_changed(intent.paths[0])
        done = Settler(self._session, held, self._deadline).settle(intent)
        self._explain(intent, done)
        return done

    def _acknowledge(self, change: Change, intent: Intent, served: dict[str, Any]) -> Written:
        """Answer for an intent that another writer settled, once HEAD or its history shows it."""
        wanted = [file.after for file in intent.files]
        if oids_at(self._session.repository, served["commit"], intent.paths) != wanted:
            raise record_changed(intent.paths[0])
        outcome = Outcome("committed", None, served["commit"], served["ref"])
        return self._answer(change, intent, outcome, Settlement())

    # -- all others: the lock first, and everything read and decided under it

    def _run_locked(self, decide: Decide) -> Written:
        session = self._session
        session.control.make(session.settings.durability)
        with self._locked() as held:
            if held is None:
                raise self._store_locked()
            recover.clean_up(session, held, self._deadline)
            settler = Settler(session, held, self._deadline)
            done = settler.settle(commit=session.settings.commit) if session.journal.ids() else Settlement()
            change = decide()
            files = self._checked(change)
            if not files:
                if change.lease is not None:
                    session.claims.put(change.lease, session.settings.durability)
                return self._written(change, "unchanged", done=done)
            written = self._write_locked(change, files, settler, done)
        session.failpoints.reach("store.unlocked")
        return written

    def _write_locked(
        self, change: Change, files: list[FileChange], settler: Settler, earlier: Settlement
    ) -> Written:
        session, journal = self._session, self._session.journal
        pending, _ = journal.all()
        intent = self._intent(change, files, independent=False, after=[row.id for row in pending])
        if not session.settings.commit:
            return self._files_only(change, intent, earlier)
        head = self._refuse_uncommitted_edits(intent, session.mine(pending))
        journal.add(intent)
        try:
            done = settler.settle(intent, head=head, commit=not change.defer)
            done.recovered += earlier.recovered
            done.warnings[:0] = earlier.warnings
            self._explain(intent, done)
        finally:
            journal.release(intent.id)
        return self._answer(change, intent, done.outcomes[intent.id], done)

    def _files_only(self, change: Change, intent: Intent, done: Settlement) -> Written:
        """Write the files and leave them to the person; the intent only guards against a crash."""
        session = self._session
        intent = intent._replace(reason=FILES_ONLY)
        session.journal.add(intent)
        placer = placing.Placer(
            session.root, session.control, session.failpoints, session.settings.durability, session.blob_id
        )
        try:
            placer.place(chains.chains_of([intent]).values(), placing.temporary_names([intent]))
            settle.write_leases(session, [intent])
        finally:
            session.journal.withdraw(intent.id)
            session.journal.release(intent.id)
        return self._written(change, "files_only", paths=intent.paths, done=done)

    def _refuse_uncommitted_edits(self, intent: Intent, pending: list[Intent]) -> Head:
        """Refuse to build on content that neither HEAD nor a pending intent holds; return HEAD."""
        present = self._session.present()
        before = chains.chains_of(row for row in pending if present.takes(row))
        wanted = chains.chains_of([*(row for row in pending if present.takes(row)), intent])
        head = self._session.head(present.ref, wanted.values())
        for file in intent.files:
            held = before.get(file.path)
            if file.append or file.before == head.blobs[file.path]:
                continue
            if held is None or held.last.after != file.before:
                raise record_changed(file.path)
        return head

    # -- what both share

    @contextmanager
    def _locked(self, served: Callable[[], bool] = lambda: False) -> Iterator[Lock | None]:
        """Hold the writers' lock, None where it was not free in time or we were served first."""
        began = time.monotonic()
        since = instant(datetime.now(UTC))  # compared with times of files, so never overridden
        with lock.hold(self._session.control, max(0.0, self._deadline - began), since, served) as held:
            self._waited_ms = round((time.monotonic() - began) * 1000)
            if held is not None:
                self._session.failpoints.reach("store.locked")
            yield held

    def _checked(self, change: Change) -> list[FileChange]:
        """Return the files that change at all, judged, and read again where they stand."""
        files = [file for file in change.files if file.before != file.after]
        checking.refuse_bad_files(files, self._session.settings.allowed_secrets)
        self._refuse_changed_files(files)
        checking.refuse_unsafe_places(self._session.repository, files)
        return files

    def _refuse_changed_files(self, files: list[FileChange]) -> None:
        """Refuse to write over what is not what was read. Raises: record_changed, path_symlink."""
        working, refused = self._session.working(file.path for file in files)
        for file in files:
            if file.path in refused:
                raise refused[file.path]
            now = working[file.path]
            has_grown = file.append and now is not None and now.startswith(file.before or b"\0")
            if now not in (file.before, file.after) and not has_grown:
                raise record_changed(file.path)

    def _intent(
        self, change: Change, files: list[FileChange], *, independent: bool, after: Iterable[str]
    ) -> Intent:
        """Return the intent of a change; decided under the lock, it sorts after all that wait."""
        session = self._session
        at = session.instant()
        earlier = list(after)
        new_id = (
            ids.next_timed_id(stamp(at), earlier, session.chance)
            if earlier
            else ids.new_timed_id(stamp(at), session.chance)
        )
        trailers = dict(change.trailers)
        trailers.setdefault("Actor", session.settings.actor)
        present = session.present()
        return Intent(
            id=new_id,
            at=at,
            worktree=session.repository.worktree,
            ref=present.branch,
            message=change.subject,
            trailers=tuple(trailers.items()),
            author=session.author(),
            independent=independent,
            defer=change.defer,
            durability=session.settings.durability,
            files=tuple(IntentFile.of(file, self._id(file.before), self._id(file.after)) for file in files),
            lease=change.lease,
        )

    def _id(self, data: bytes | None) -> str | None:
        return None if data is None else self._session.blob_id(data)

    def _explain(self, intent: Intent, done: Settlement) -> None:
        outcome = done.outcomes[intent.id]
        if outcome.state == "pending" and outcome.reason not in NO_ROOM:
            self._session.journal.explain(intent, outcome.reason or "deferred")

    def _store_locked(self) -> StateError:
        holder = lock.holder(self._session.control) or {}
        who = f"{holder.get('command', 'another command')} (process {holder.get('pid', 'unknown')})"
        return StateError(
            "store_locked", f"{who} is writing to this store", hint="repeat the command", retryable=True
        )

    def _answer(self, change: Change, intent: Intent, outcome: Outcome, done: Settlement) -> Written:
        if outcome.state == "held":
            raise record_changed(intent.paths[0])
        reason = None if outcome.reason == "deferred" else outcome.reason
        state: WriteState = "committed" if outcome.state == "committed" else "pending"
        return self._written(
            change,
            state,
            reason=reason,
            commit=outcome.commit,
            ref=outcome.ref or intent.ref,
            paths=intent.paths,
            intent=intent.id if state == "pending" else None,
            done=done,
        )

    def _written(
        self,
        change: Change,
        state: WriteState,
        *,
        reason: str | None = None,
        commit: str | None = None,
        ref: str | None = None,
        paths: Iterable[str] = (),
        intent: str | None = None,
        done: Settlement | None = None,
    ) -> Written:
        warnings: tuple[Warned, ...] = tuple(done.warnings) if done else ()
        recovered = done.recovered if done else 0
        return Written(
            state,
            reason,
            commit,
            ref,
            tuple(paths),
            intent,
            self._session.settings.durability,
            recovered,
            self._waited_ms,
            change,
            warnings,
        )
