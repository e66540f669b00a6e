"""`jobs tick`: settle what died, fire what is due, record what does not fire, and wait for what was started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.answer import EXIT_PENDING, Answer
from platformstate.actions.job_commit import commit_runs, pending_lines
from platformstate.actions.job_conductor import conduct_firings, conduct_settling
from platformstate.actions.job_decide import Decided, decide_job
from platformstate.actions.job_settle import unsettled
from platformstate.actions.recipes import require_trusted
from platformstate.actions.run_site import read_run, sites
from platformstate.core.instants import moment
from platformstate.core.places import STATE, place_of
from platformstate.errors import StateError
from platformstate.files.locks import locked_within
from platformstate.runner import JobFiles
from platformstate.runner.forked import Flock, Places, fork

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
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
    def has_failed(self) -> bool:
        """Whether a run that it started or settled failed, or a spec is invalid."""
        runs = [*self.started, *self.reconciled]
        return bool(self.problems) or any(run["status"] in ("failed", "aborted") for run in runs)


def tick(store: Store, *, jobs: Sequence[str] = (), parallel: int = 4, commit: bool | None = None) -> Answer:
    """Do one tick over the jobs at the trusted ref and wait for all that it started.

    Raises: trust_ref_unset, job_not_found.
    """
    names = _chosen(store, jobs)
    done, flock, places = Pass(store.now()), Flock(), Places(parallel)
    start_due(store, names, done, flock, places)
    while len(flock):
        for report in flock.reports(_POLL_S):
            done.take(report)
    places.close()
    return _answer(store, names, done, commit)


def trusted_jobs(store: Store) -> list[str]:
    """Return the jobs at the trusted ref, sorted. Raises: trust_ref_unset."""
    trusted = require_trusted(store)
    found = [place_of(entry.path) for entry in store.tree(trusted.commit).entries(f"{STATE}jobs")]
    return sorted(place.id for place in found if place is not None and place.kind == "job")


def _chosen(store: Store, jobs: Sequence[str]) -> list[str]:
    from platformstate.core.ids import matches

    known = trusted_jobs(store)
    chosen = []
    for prefix in jobs:
        found = matches(prefix, known)
        if len(found) != 1:
            code = "id_ambiguous" if found else "job_not_found"
            raise StateError(
                code, f"{prefix} fits {len(found)} jobs at the trusted ref", data={"candidates": found}
            )
        chosen += found
    return sorted(set(chosen)) if jobs else known


def start_due(store: Store, names: Sequence[str], done: Pass, flock: Flock, places: Places) -> None:
    """Settle and start what there is to settle and start now; what was started goes on by itself."""
    for name in names:
        with locked_within(JobFiles(store.repository.common_dir, name).lock, LOCK_S) as held:
            if not held:
                done.problems.append(_problem(name, "store_locked", "another tick decides about it"))
                continue
            dead = [] if store.dry_run else unsettled(store, name)
            decided = decide_job(store, name, moment(store.now()))
        _tell(store, decided, done)
        if store.dry_run:
            done.started += [_planned(firing) for firing, _ in decided.firings]
        else:
            _start(store, decided, dead, flock, places)


def _start(store: Store, decided: Decided, dead: Sequence[RunSite], flock: Flock, places: Places) -> None:
    """Start a conductor for each dead run, and one for all firings of the job; let go of what is theirs."""
    for site in dead:
        flock.add(fork(partial(conduct_settling, store, site), places=places))
    if decided.firings:
        flock.add(fork(partial(conduct_firings, store, decided), places=places))
    for _, claimed in decided.firings:
        if claimed is not None:
            claimed.started()
    if decided.overlap is not None:
        decided.overlap.leave()


def _tell(store: Store, decided: Decided, done: Pass) -> None:
    name = decided.gate.name
    done.recorded += [_recorded(line) for line in decided.recorded]
    done.waiting += _waiting(store, name)
    invalid = [refused for refused in decided.gate.refusals if refused.exit_status == 1]
    done.problems += [_problem(name, one.code, one.message) for one in invalid]


def _problem(job: str, code: str, message: str) -> dict[str, Any]:
    return {"job": job, "run": None, "code": code, "message": message}


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
    found = []
    for site in sites(store, f"job/{job}"):
        if (store.root / site.receipt).is_file():
            continue
        try:
            state = read_run(site).state
        except StateError:
            continue
        if state.status == "suspended" and state.reason != "signal":
            found.append({"job": job, "run": site.run, "reason": state.reason})
    return found


def _answer(store: Store, names: Sequence[str], done: Pass, commit: bool | None) -> Answer:
    data = recorded_pass(store, names, done, commit)
    if done.has_failed:
        message = "a run failed, or a spec is invalid"
        return Answer(
            data, error=StateError("job_runs_failed", message, hint="platformctl jobs status", data=data)
        )
    return Answer(data, exit_status=EXIT_PENDING if done.waiting else 0)


def recorded_pass(
    store: Store, names: Sequence[str], done: Pass, commit: bool | None = None
) -> dict[str, Any]:
    """Commit the ledgers' lines when it is time to, and return what a pass did."""
    appended = len(done.recorded) + sum(
        run["status"] is not None for run in [*done.started, *done.reconciled]
    )
    ledger: dict[str, Any] = {
        "appended": 0 if store.dry_run else appended,
        "committed": False,
        "commit": None,
    }
    pending = [] if store.dry_run else pending_lines(store, names)
    if pending and (commit or done.has_failed or _is_due(store, pending)):
        written = commit_runs(store, names)
        ledger |= {"committed": written.state == "committed", "commit": written.commit}
        pending = [] if written.state == "committed" else pending
    return {
        "now": done.now,
        "started": done.started,
        "recorded": done.recorded,
        "reconciled": done.reconciled,
        "waiting": done.waiting,
        "problems": done.problems,
        "ledger": {**ledger, "pending": len(pending)},
    }


def _is_due(store: Store, lines: Sequence[dict[str, Any]]) -> bool:
    oldest = min(moment(str(line["at"])) for line in lines)
    return len(lines) >= MAX_LINES or (moment(store.now()) - oldest).total_seconds() >= MAX_AGE_S
