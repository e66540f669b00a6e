"""The first half of a tick: settle what died, decide about each job, and start a conductor for what fires."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.job_conductor import conduct_firings, conduct_settling
from platformstate.actions.job_decide import decide_job
from platformstate.actions.job_runs import waiting_runs
from platformstate.actions.job_settle import settled_now
from platformstate.actions.job_specs import JobSpec
from platformstate.actions.jobs_tick import Pass, recorded_row
from platformstate.core.instants import moment
from platformstate.errors import StateError
from platformstate.files.locks import locked_within
from platformstate.runner import JobFiles
from platformstate.runner.forked import Flock, Places, fork, problem, refusal

if TYPE_CHECKING:
    from platformstate.policy.job_receipt import Firing
    from platformstate.store import Store

LOCK_S: Final = 10.0


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
            done.problems.append(refusal(spec.id, refused))


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
    done.recorded += [recorded_row(line) for line in decided.recorded]
    done.reconciled += decided.lost
    done.waiting += decided.waiting
    done.problems += [refusal(spec.id, one) for one in decided.invalid]
    if decided.is_idle:
        done.idle.add(spec.id)
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


def _waiting(store: Store, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job that wait for a person."""
    waiting = [(site, reason) for site, reason in waiting_runs(store, job) if reason != "signal"]
    return [{"job": job, "run": site.run, "reason": reason} for site, reason in waiting]
