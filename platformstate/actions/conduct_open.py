"""A run that this process conducts: its lock, its journal as it grows, its commits at boundaries."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.conduct_recorded import VERBS, Recorded, files_of, recorded_of
from platformstate.actions.conduct_terms import Terms
from platformstate.actions.run_copies import is_behind, is_pinned, refuse_behind, refuse_malformed
from platformstate.actions.run_site import KnownRun, RunSite, corrupt
from platformstate.entities.step import CommandStep, Step
from platformstate.errors import StateError
from platformstate.files import Folder, WorkTree
from platformstate.policy.journal import TERMINAL, Folding, JournalBroken, RunState
from platformstate.policy.pin import Pin, step_sha256
from platformstate.policy.walking import boundary, captors
from platformstate.runner import Journal, Position, RunLock, Signals

if TYPE_CHECKING:
    from platformstate.policy.claims import Lease
    from platformstate.store import Store
    from platformstate.store.change import Written

Event = Mapping[str, Any]
_SYNCED: Final = frozenset(
    {
        "RunStarted",
        "StepStarted",
        "GateWaiting",
        "GateApproved",
        "GateRejected",
        "DecisionRecorded",
        "RunSuspended",
        "RunResumed",
        "RunSucceeded",
        "RunFailed",
        "RunAborted",
    }
)


@dataclass
class Conduct:
    """One process's hold on a run.

    `deferred` is why the last commit could not be made. `told` takes a line for each step, `shown` each
    line of output, as the log has it. Only a run that is `pinned_here` executes
    anything of its pin.
    """

    store: Store
    site: RunSite
    pin: Pin
    lock: RunLock | None
    journal: Journal
    folding: Folding
    signals: Signals | None = None
    terms: Terms = field(default_factory=Terms)
    last: Written | None = None
    executed: list[int] = field(default_factory=list)
    pinned_here: bool = False
    deferred: str | None = None
    drift: bool = False
    trusted_ref: str | None = None
    carried: dict[int, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    told: Callable[[str], None] = lambda line: None
    shown: Callable[[str], None] | None = None
    asked_to_stop: tuple[str, str, str] | None = None
    signalled: int | None = None
    _forgotten: list[tuple[int, int]] = field(default_factory=list)

    @property
    def state(self) -> RunState:
        """Where the run stands now."""
        return self.folding.state()

    @cached_property
    def recorded(self) -> Recorded:
        """What is committed of the run; asked of HEAD when a commit is first thought of."""
        return recorded_of(self)

    @cached_property
    def captors(self) -> dict[str, list[CommandStep]]:
        """The steps that capture something, by the call that they stand in."""
        return captors(self.pin.steps)

    @property
    def status(self) -> str:
        """The run's status."""
        return str(self.folding.status)

    def reach(self, point: str, index: int | None = None) -> None:
        """Die here when this failpoint was asked for."""
        self.store.session.failpoints.reach(f"conduct.{point}", index)

    def event(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Return an event of this moment; fields that are None are left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        return {"type": type_, "at": self.store.now(), **given}

    def append(self, *events: Event, torn_at: int | None = None) -> None:
        """Append events in one write; durable when one of them must be.

        Raises: run_journal_moved, run_journal_corrupt (an event that may not stand there is not written).
        """
        sync = any(event["type"] in _SYNCED for event in events)
        points = self.store.session.failpoints
        cut = None
        if torn_at is not None and points.is_asked("conduct.outcome-torn", torn_at):
            cut = lambda: points.reach("conduct.outcome-torn", torn_at)  # noqa: E731  # one expression
        self.journal.append(events, sync=sync, cut=cut)
        self.take()
        if sync:
            self._forget()

    def take(self) -> None:
        """Take into account what the journal holds beyond what was folded."""
        for event in self.journal.events[self.folding.count :]:
            try:
                self.folding.take(event)
            except JournalBroken as broken:
                raise corrupt(self.site, broken.index + 1, broken.reason, broken.code) from broken

    def mark(self, step: Step, attempt: int) -> None:
        """Make an attempt's in-flight marker durable, and say beside it how far the journal has come."""
        short = step_sha256(step)[:16]
        self.append(self.event("StepStarted", step_index=step.index, attempt=attempt, step=short))
        self.position()
        self.reach("marker", step.index)

    def position(self) -> None:
        """Write how far the journal has come beside the run's lock; a run of elsewhere leaves no trace."""
        recorded = self.folding.walk.pin
        if recorded is not None and self.pinned_here:
            last = len(self.journal.events) - 1
            self.site.lease.write_position(Position(recorded["steps_sha256"], last, self.journal.h))

    def forget_later(self, index: int, attempt: int) -> None:
        """Remove an attempt's local files once what records it is on the disk."""
        self._forgotten.append((index, attempt))

    def _forget(self) -> None:
        for index, attempt in self._forgotten:
            self.site.lease.forget_attempt(index, attempt)
        self._forgotten.clear()

    def commit_at(self, event: str) -> None:
        """Commit the run when an event of this type is a boundary now."""
        if self.terms.is_committed(self) and boundary({"type": event}, self.recorded.at, monotonic()):
            self.commit(event)

    def commit(self, verb: str) -> None:
        """Commit the run's files as they stand; what cannot be committed now is deferred, never raised."""
        from platformstate.store.change import Change

        if not self.terms.is_committed(self):
            self._place()
            return
        subject = f"run: {VERBS.get(verb, 'go on')} {self.site.run}"
        change = Change(subject, self._trailers(), files_of(self), lease=self._renewed())
        self.deferred = None
        try:
            written = self.store.write(lambda: change)
        except StateError as refused:
            self.deferred = refused.code
            self._defer(refused.code)
            return
        after = {file.path: file.after for file in change.files}
        self.recorded.journal = after[self.site.journal] or b""
        self.recorded.header = after[self.site.header]
        self.recorded.paths |= after.keys()
        self.last, self.recorded.at = written, monotonic()
        if written.state == "pending":
            self._defer(written.reason or "deferred")

    def _place(self) -> None:
        """Write the header of a run that is not committed, so that it agrees with the journal."""
        from platformstate.actions.run_files import header_text

        durability = self.store.session.settings.durability
        before = WorkTree(self.store.root).bytes_of(self.site.header)
        with Folder.at(self.store.root, self.site.folder, durability=durability) as folder:
            folder.replace("run.md", header_text(self.site, self.state, self.pin, before), "fast")

    def _renewed(self) -> Lease | None:
        """Return the lease of a task's run, which lives as long as it says something."""
        from platformstate.actions.fencing import renewed_lease

        kind, _, name = self.site.subject.partition("/")
        return renewed_lease(self.store, name, self.state.header) if kind == "task" else None

    def _defer(self, reason: str) -> None:
        self.recorded.at = monotonic()
        if self.status not in TERMINAL:
            self.append(self.event("CommitDeferred", reason=reason))

    def _trailers(self) -> tuple[tuple[str, str], ...]:
        header = self.folding.state().header
        task = (("Task", header["task"]),) if header.get("task") else ()
        return (*task, ("Run", self.site.named), ("Actor", self.store.actor))

    def close(self) -> None:
        """Let go of the journal, the lock, and what the terms hold."""
        self.terms.close()
        self.journal.close()
        if self.lock is not None:
            self.lock.close()

    def __enter__(self) -> Conduct:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened(store: Store, known: KnownRun, command: str, *, takes_over: bool = False) -> Conduct:
    """Take a run's lock and open its journal, as verified.

    The lock of an agent's run is its wrapper's; its steps are told from inside, so it is left alone. From
    a journal that goes further elsewhere only a procedure's run that is taken over goes on.
    Raises: run_locked, run_journal_corrupt, run_journal_behind.
    """
    site = known.site
    if known.pin is None:
        raise StateError("run_transition_refused", f"{site.named} has no pinned steps", path=site.journal)
    with ExitStack() as closing:
        lock = None
        if not site.subject.startswith("task/"):
            lock = site.lease.take(host=os.uname().nodename, since=store.now(), command=command)
            closing.callback(lock.close)
        journal = Journal.open(store.root, site.journal, torn=site.torn, known=known.journal)
        closing.enter_context(journal)
        conduct = Conduct(store, site, known.pin, lock, journal, known.folding)
        conduct.take()
        refuse_malformed(site, journal.events)
        conduct.pinned_here = is_pinned(store, site, conduct.state) and not _is_stale(conduct)
        conduct.terms = _terms(store, known)
        if site.subject.startswith("job/") or (lock is not None and not takes_over):
            refuse_behind(store, site, conduct.journal.events)
        closing.pop_all()
    return conduct


def _is_stale(conduct: Conduct) -> bool:
    """Say whether this is not the run's journal; one that tells of an agent's run has no lock to ask under."""
    return conduct.lock is not None and is_behind(conduct.site.lease.position(), conduct.journal.events)


def _terms(store: Store, known: KnownRun) -> Terms:
    """Return the terms of a run that began earlier; of a job's run from elsewhere those of any run."""
    if not known.site.subject.startswith("job/"):
        return Terms()
    from platformstate.actions.job_terms_of import job_terms

    return job_terms(store, known, commits=True) or Terms()
