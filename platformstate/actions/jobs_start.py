"""The first half of a tick: settle what died, decide about each job, and start a conductor for what fires."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.job_conductor import conduct_firings, conduct_settling
from platformstate.actions.job_decide import Decided, decide_job, record_skipped
from platformstate.actions.job_overlap import PAUSE_S, begin_waiting, is_over
from platformstate.actions.job_runs import waiting_runs
from platformstate.actions.job_settle import settled_now
from platformstate.actions.job_specs import JobSpec
from platformstate.actions.jobs_tick import Pass, recorded_row
from platformstate.core.instants import moment
from platformstate.errors import StateError
from platformstate.files.errors import explained
from platformstate.files.locks import locked, locked_within
from platformstate.runner import JobFiles
from platformstate.runner.descriptors import widen
from platformstate.runner.forked import Flock, Report, problem, refusal

if TYPE_CHECKING:
    from platformstate.policy.job_receipt import Firing
    from platformstate.store import Store

LOCK_S: Final = 10.0
_HELD_BY_ONE: Final = 4  # descriptors of all that a process may have


class _Work(NamedTuple):
    """What one conductor is to do, and how its starter lets go of what the conductor holds from then on."""

    job: str
    conduct: Callable[[Report], None]
    let_go: Callable[[], None]


class Starts:
    """The jobs that stand in line to be looked at, and the firings that wait for a place of their group.

    A job is decided about when a conductor may be started for it, so that it is claimed no sooner, and what
    waited too long is what its misfire policy makes of it. A firing that waits for a place keeps nobody.
    """

    def __init__(self, flock: Flock) -> None:
        self._flock = flock
        self._line: dict[str, tuple[Store, JobSpec]] = {}
        self._works: Iterator[_Work] = iter(())
        self._queue: list[Decided] = []
        self._most_held = widen() // _HELD_BY_ONE
        self._done = Pass("")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be started."""
        return not (self._line or self._queue)

    @property
    def pause_s(self) -> float | None:
        """How soon a place may be free that nobody tells of; None when nobody waits for one."""
        return PAUSE_S if self._queue else None

    def enlist(self, store: Store, specs: Sequence[JobSpec]) -> None:
        """Put jobs in line; one that stands there already keeps its turn."""
        self._line.update({spec.id: (store, spec) for spec in specs})

    def go_on(self, done: Pass) -> None:
        """Start what there is room for; what was started goes on by itself.

        A job that cannot be decided about is told as a problem; the others go on.
        """
        self._done = done
        self._seat()
        while self._flock.has_room and self._held < self._most_held:
            work = next(self._works, None)
            if work is not None:
                self._start(work)
            elif self._line:
                name = next(iter(self._line))
                self._works = self._of(*self._line[name])
            else:
                return

    def give_up(self) -> None:
        """Forget what stands in line and what waits: its slots are due again."""
        self._line.clear()
        self._works = iter(())
        self._forget_queue()

    @property
    def _held(self) -> int:
        return sum(1 + len(decided.firings) for decided in self._queue)

    def _forget_queue(self) -> None:
        for decided in self._queue:
            decided.let_go()
        self._queue.clear()

    def _start(self, work: _Work) -> None:
        def conduct(report: Report) -> None:
            self._forget_queue()  # a conductor holds what is its own
            work.conduct(report)

        self._flock.start(conduct, job=work.job)
        work.let_go()

    def _seat(self) -> None:
        """Start those that wait for a place and find one, first come, first served; record whose time is over."""
        full: set[Path] = set()
        for decided in [*self._queue] if self._flock.has_room else ():
            try:
                if self._flock.has_room and is_over(decided.store, decided.waiting_in, full):
                    self._queue.remove(decided)
                    self._end_wait(decided)
            except StateError as refused:
                self._done.problems.append(refusal(decided.name, refused))

    def _end_wait(self, decided: Decided) -> None:
        if decided.waiting_in.refusal is None:
            decided.waiting_in.leave_queue()
            self._start(_firing(decided))
            return
        try:
            self._done.recorded += [recorded_row(line) for line in _given_up(decided)]
        finally:
            decided.let_go()

    def _of(self, store: Store, spec: JobSpec) -> Iterator[_Work]:
        """Yield what is to be started of a job; its turn is over then."""
        try:
            if not store.dry_run:
                yield from _settling(store, spec.id)
            decided = self._decided(store, spec)
            if decided is not None:
                yield _firing(decided)
            self._done.waiting += _waiting(store, spec.id)
        except StateError as refused:
            self._done.problems.append(refusal(spec.id, refused))
        finally:
            self._line.pop(spec.id, None)

    def _decided(self, store: Store, spec: JobSpec) -> Decided | None:
        """Decide about a job; return what fires now, and let wait what has to wait for a place."""
        done = self._done
        lock = JobFiles(store.repository.common_dir, spec.id).lock
        with explained(spec.path), locked_within(lock, LOCK_S) as held:
            if not held:
                done.problems.append(problem(spec.id, "store_locked", "another tick decides about it"))
                return None
            decided = decide_job(store, spec, moment(store.now()))
        done.recorded += [recorded_row(line) for line in decided.recorded]
        done.reconciled += decided.lost
        done.waiting += decided.waiting
        done.problems += [refusal(spec.id, one) for one in decided.invalid]
        if decided.is_idle:
            done.idle.add(spec.id)
        if store.dry_run:
            done.started += [_planned(firing) for firing, _ in decided.firings]
        elif decided.firings and decided.overlap is not None and decided.overlap.waits:
            self._queue.append(decided)
            begin_waiting(store, decided.overlap)
            return None
        elif decided.firings:
            return decided
        decided.let_go()
        return None


def _settling(store: Store, name: str) -> Iterator[_Work]:
    """Yield each run that died; it holds a place of the group, or it waits for a later tick."""
    for site, overlap in settled_now(store, name):
        yield _Work(name, partial(conduct_settling, store, site), overlap.leave)


def _firing(decided: Decided) -> _Work:
    return _Work(decided.name, partial(conduct_firings, decided.store, decided), decided.let_go)


def _given_up(decided: Decided) -> list[dict[str, Any]]:
    """Record the slots that found no place in time, and return their lines; the claims are given up."""
    before = len(decided.recorded)
    with locked(JobFiles(decided.store.repository.common_dir, decided.name).lock):
        record_skipped(decided)
        for _, claimed in decided.firings:
            assert claimed is not None
            claimed.give_up()
    return decided.recorded[before:]


def _planned(firing: Firing) -> dict[str, Any]:
    return {
        "job": firing.job,
        "run": firing.run,
        "slot": firing.slot,
        "trigger": "cron",
        "status": None,
        "reason": None,
        "exit_code": None,
    }


def _waiting(store: Store, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job that wait for a person."""
    waiting = [(site, reason) for site, reason in waiting_runs(store, job) if reason != "signal"]
    return [{"job": job, "run": site.run, "reason": reason} for site, reason in waiting]
