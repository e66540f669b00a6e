"""`jobs tick`: settle what died, fire what is due, record what does not fire, and wait for what was started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.answer import EXIT_PENDING, Answer
from platformstate.actions.jobs_resting import Watch
from platformstate.core.instants import moment
from platformstate.errors import StateError, Warned
from platformstate.policy.journal import TERMINAL
from platformstate.runner.forked import Flock

if TYPE_CHECKING:
    from platformstate.actions.job_specs import JobSpec
    from platformstate.store import Store

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
    idle: set[str] = field(default_factory=set)

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
            self.recorded.append(recorded_row(report["recorded"]))

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
    watch = Watch(store, every=bool(jobs) or store.dry_run)
    specs = watch.chosen(jobs)
    names = [spec.id for spec in specs]
    done, ledger = Pass(store.now()), Ledger(store, names)
    if specs:
        _start_and_wait(store, specs, parallel, done, ledger)
    answer = _answer(done, ledger, commit)
    if not jobs and not store.dry_run:
        watch.rest(done.idle - ledger.pending, moment(done.now))
    return answer


def _start_and_wait(
    store: Store, specs: Sequence[JobSpec], parallel: int, done: Pass, ledger: Ledger
) -> None:
    from platformstate.actions.jobs_start import Starts  # what starts runs is not needed to find none

    flock = Flock(parallel)
    starts = Starts(flock)
    starts.enlist(store, specs)
    starts.go_on(done)
    while len(flock) or not starts.is_empty:
        for report in flock.reports(starts.pause_s or _POLL_S):
            done.take(report)
        ledger.commit_full(done)
        starts.go_on(done)
    flock.close()


def recorded_row(line: dict[str, Any]) -> dict[str, Any]:
    """Return a range of slots as a pass tells of it."""
    return {name: line.get(name) for name in ("job", "status", "reason", "slot", "to", "count", "by")}


def _answer(done: Pass, ledger: Ledger, commit: bool | None) -> Answer:
    data = ledger.told(done, bool(commit))
    left = data["ledger"]["pending"] if commit else 0
    notes = (
        (Warned("commit_pending", f"lines of ledgers that wait for their commit: {left}"),) if left else ()
    )
    if done.has_failed_run or done.problems:
        message = "a run failed" if done.has_failed_run else f"{done.problems[0]['job']} cannot be run"
        hint = "platformctl jobs status"
        error = StateError("job_runs_failed", message, hint=hint, data=data)
        return Answer(data, warnings=notes, error=error)
    return Answer(data, warnings=notes, exit_status=EXIT_PENDING if done.waiting or left else 0)


class Ledger:
    """The lines that a pass leaves in ledgers, and when they are committed."""

    def __init__(self, store: Store, names: Sequence[str]) -> None:
        self._store, self._names = store, names
        self._said: dict[str, Any] = {"committed": False, "commit": None}
        self._counted = 0
        self.pending: set[str] = set()

    def commit_full(self, done: Pass) -> None:
        """Commit when so many lines came since the last time that a commit is due for them alone."""
        if done.appended - self._counted >= MAX_LINES:
            self._counted = done.appended
            self._commit(done)

    def told(self, done: Pass, commit: bool = False) -> dict[str, Any]:
        """Commit the lines when it is time to, and return what a pass did."""
        pending = [] if self._store.dry_run else self._pending()
        if pending and (commit or done.has_failed_run or _is_due(self._store, pending)):
            self._commit(done)
            pending = self._pending()  # also when an earlier write that waited took them along
        self.pending = {str(line["job"]) for line in pending}
        appended = 0 if self._store.dry_run else done.appended
        rows = ("now", "started", "recorded", "reconciled", "waiting", "problems")
        return {
            **{name: getattr(done, name) for name in rows},
            "ledger": {"appended": appended, **self._said, "pending": len(pending)},
        }

    def _pending(self) -> list[dict[str, Any]]:
        if not self._names:
            return []
        from platformstate.actions.job_commit import pending_lines

        return pending_lines(self._store, self._names)

    def _commit(self, done: Pass) -> None:
        """Commit what can be; a job whose files cannot be committed is a problem of the pass, once."""
        from platformstate.actions.job_commit import commit_each
        from platformstate.runner.forked import refusal

        try:
            written, refused = commit_each(self._store, self._names)
        except StateError:
            return  # the lines are durable; whatever stands in the way, a later commit takes them along
        known = {(row["job"], row["code"]) for row in done.problems}
        rows = [refusal(job, error) for job, error in refused.items()]
        done.problems += [row for row in rows if (row["job"], row["code"]) not in known]
        if written is not None:
            self._said = {"committed": written.state == "committed", "commit": written.commit}


def _is_due(store: Store, lines: Sequence[dict[str, Any]]) -> bool:
    oldest = min(moment(str(line["at"])) for line in lines)
    return len(lines) >= MAX_LINES or (moment(store.now()) - oldest).total_seconds() >= MAX_AGE_S
