"""`jobs tick`: settle what died, fire what is due, record what does not fire, and wait for what was started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.answer import EXIT_PENDING, Answer
from platformstate.actions.job_commit import commit_runs, pending_lines
from platformstate.actions.job_conductor import conduct_firings, conduct_settling
from platformstate.actions.job_decide import decide_job
from platformstate.actions.job_runs import waiting_runs
from platformstate.actions.job_settle import settled_now
from platformstate.actions.job_specs import JobSpec, resolve_trusted, spec_of
from platformstate.actions.recipes import require_trusted
from platformstate.core.instants import moment
from platformstate.core.places import STATE, place_of
from platformstate.errors import StateError
from platformstate.files.locks import locked_within
from platformstate.policy.journal import TERMINAL
from platformstate.runner import JobFiles
from platformstate.runner.forked import Flock, Places, fork, problem

if TYPE_CHECKING:
    from platformstate.policy.job_receipt import Firing
    from platformstate.store import Store

LOCK_S: Final = 10.0
MAX_LINES: Final = 100
MAX_AGE_S: Final = 900
_POLL_S: Final = 1.0


@dataclass
class Pass:
    """What one tick has done so far."""

    now: str
    started: list[dict[str, Any]] = field(default_factory=list)
    recorded: list[dict[str, Any]] = field(default_factory=list)
    reconciled: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)

    def take(self, report: dict[str, Any]) -> None:
        """Take what a conductor reported."""
        for name, rows in (
            ("started", self.started),
            ("reconciled", self.reconciled),
            ("problem", self.problems),
        ):
            if name in report:
                rows.append(report[name])
        if "recorded" in report:
            self.recorded.append(_recorded(report["recorded"]))

    @property
    def did_something(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.started or self.recorded or self.reconciled or self.problems)

    @property
    def has_failed_run(self) -> bool:
        """Whether a run that it started or settled failed."""
        return any(run["status"] in ("failed", "aborted") for run in (*self.started, *self.reconciled))

    @property
    def appended(self) -> int:
        """How many lines of ledgers it knows of."""
        ended = [run for run in (*self.started, *self.reconciled) if run["status"] in TERMINAL]
        return len(self.recorded) + len(ended)


def tick(store: Store, *, jobs: Sequence[str] = (), parallel: int = 4, commit: bool | None = None) -> Answer:
    """Do one tick over the jobs at the trusted ref and wait for all that it started.

    `commit` commits the ledgers' lines at the end whatever they are. Raises: trust_ref_unset, job_not_found.
    """
    specs = _chosen(store, jobs)
    names = [spec.id for spec in specs]
    done, flock, places = Pass(store.now()), Flock(), Places(parallel)
    start_due(store, specs, done, flock, places)
    ledger = Ledger(store, names)
    while len(flock):
        for report in flock.reports(_POLL_S):
            done.take(report)
        ledger.commit_full(done)
    places.close()
    return _answer(store, names, done, ledger, commit)


def trusted_specs(store: Store) -> list[JobSpec]:
    """Return the jobs at the trusted ref by id, as it has them. Raises: trust_ref_unset."""
    tree = store.tree(require_trusted(store).commit)
    found = {entry.path: place_of(entry.path) for entry in tree.entries(f"{STATE}jobs")}
    names = {path: place.id for path, place in found.items() if place is not None and place.kind == "job"}
    specs = [spec_of(store, names[path], path, data) for path, data in tree.read(sorted(names))]
    return sorted(specs, key=lambda spec: spec.id)


def _chosen(store: Store, jobs: Sequence[str]) -> list[JobSpec]:
    wanted = {resolve_trusted(store, prefix) for prefix in jobs}
    return [spec for spec in trusted_specs(store) if not wanted or spec.id in wanted]


def start_due(store: Store, specs: Sequence[JobSpec], done: Pass, flock: Flock, places: Places) -> None:
    """Settle and start what there is to settle and start now; what was started goes on by itself.

    A job that cannot be decided about is told as a problem; the others go on.
    """
    for spec in specs:
        try:
            if not store.dry_run:
                _settle(store, spec.id, flock, places)
            _decide(store, spec, done, flock, places)
            done.waiting += _waiting(store, spec.id)
        except StateError as refused:
            done.problems.append(problem(spec.id, refused.code, refused.message))


def _settle(store: Store, name: str, flock: Flock, places: Places) -> None:
    """Start a conductor for each run that died; it holds a place of the group, or it waits for a later tick."""
    for site, overlap in settled_now(store, name):
        flock.add(fork(partial(conduct_settling, store, site), job=name, places=places))
        overlap.leave()


def _decide(store: Store, spec: JobSpec, done: Pass, flock: Flock, places: Places) -> None:
    with locked_within(JobFiles(store.repository.common_dir, spec.id).lock, LOCK_S) as held:
        if not held:
            done.problems.append(problem(spec.id, "store_locked", "another tick decides about it"))
            return
        decided = decide_job(store, spec, moment(store.now()))
    done.recorded += [_recorded(line) for line in decided.recorded]
    done.problems += [problem(spec.id, one.code, one.message) for one in decided.invalid]
    if store.dry_run:
        done.started += [_planned(firing) for firing, _ in decided.firings]
    elif decided.firings:
        flock.add(fork(partial(conduct_firings, store, decided, places), job=spec.id))
    for _, claimed in decided.firings:
        if claimed is not None:
            claimed.started()
    if decided.overlap is not None:
        decided.overlap.leave()


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


def _recorded(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line.get(name) for name in ("job", "status", "reason", "slot", "to", "count", "by")}


def _waiting(store: Store, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job that wait for a person."""
    waiting = [(site, reason) for site, reason in waiting_runs(store, job) if reason != "signal"]
    return [{"job": job, "run": site.run, "reason": reason} for site, reason in waiting]


def _answer(store: Store, names: Sequence[str], done: Pass, ledger: Ledger, commit: bool | None) -> Answer:
    data = ledger.told(done, bool(commit))
    if done.has_failed_run or done.problems:
        message = "a run failed" if done.has_failed_run else f"{done.problems[0]['job']} cannot be run"
        hint = "platformctl jobs status"
        return Answer(data, error=StateError("job_runs_failed", message, hint=hint, data=data))
    return Answer(data, exit_status=EXIT_PENDING if done.waiting else 0)


class Ledger:
    """The lines that a pass leaves in ledgers, and when they are committed."""

    def __init__(self, store: Store, names: Sequence[str]) -> None:
        self._store, self._names = store, names
        self._said: dict[str, Any] = {"committed": False, "commit": None}
        self._counted = 0

    def commit_full(self, done: Pass) -> None:
        """Commit when so many lines came since the last time that a commit is due for them alone."""
        if done.appended - self._counted >= MAX_LINES:
            self._counted = done.appended
            self._commit()

    def told(self, done: Pass, commit: bool = False) -> dict[str, Any]:
        """Commit the lines when it is time to, and return what a pass did."""
        pending = [] if self._store.dry_run else pending_lines(self._store, self._names)
        if pending and (commit or done.has_failed_run or _is_due(self._store, pending)):
            pending = [] if self._commit() else pending
        appended = 0 if self._store.dry_run else done.appended
        rows = ("now", "started", "recorded", "reconciled", "waiting", "problems")
        return {
            **{name: getattr(done, name) for name in rows},
            "ledger": {"appended": appended, **self._said, "pending": len(pending)},
        }

    def _commit(self) -> bool:
        try:
            written = commit_runs(self._store, self._names)
        except StateError:
            return False  # the lines are durable; whatever stands in the way, a later commit takes them along
        self._said = {"committed": written.state == "committed", "commit": written.commit}
        return written.state == "committed"


def _is_due(store: Store, lines: Sequence[dict[str, Any]]) -> bool:
    oldest = min(moment(str(line["at"])) for line in lines)
    return len(lines) >= MAX_LINES or (moment(store.now()) - oldest).total_seconds() >= MAX_AGE_S
