"""`jobs serve`: the parts of a tick in a loop; one long job stops no other job's schedule."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.job_specs import trusted_job
from platformstate.actions.jobs_tick import Pass, recorded_pass, start_due, trusted_jobs
from platformstate.actions.recipes import require_trusted
from platformstate.core.instants import moment
from platformstate.errors import StateError
from platformstate.policy.due import next_slot
from platformstate.runner import Signals
from platformstate.runner.forked import Flock, Places

if TYPE_CHECKING:
    from platformstate.store import Store

LONGEST_S: Final = 30.0
_REAP_S: Final = 1.0


def serve(
    store: Store, signals: Signals, *, parallel: int = 4, drain_s: float = 30.0
) -> Iterator[dict[str, Any]]:
    """Yield the data of each pass that did something, until a signal comes; then wait for what runs.

    What still runs when `drain_s` is over is cancelled. Raises: trust_ref_unset.
    """
    flock, places = Flock(), Places(parallel)
    due = time.monotonic()
    while signals.take() is None:
        done = Pass(store.now())
        if time.monotonic() >= due:
            names = trusted_jobs(store)
            start_due(store, names, done, flock, places)
            due = time.monotonic() + _until_next(store, names)
        wait_s = max(0.0, due - time.monotonic())
        for report in flock.reports(min(wait_s, _REAP_S) if len(flock) else wait_s, signals.descriptor):
            done.take(report)
        if done.did_something:
            yield recorded_pass(store, trusted_jobs(store), done)
    yield from _drain(store, flock, drain_s)
    places.close()


def _until_next(store: Store, names: list[str]) -> float:
    """Return the seconds up to the next slot of any job, at most half a minute."""
    now = moment(store.now())
    commit = require_trusted(store).commit
    slots = [slot for name in names if (slot := _next(store, name, str(commit), now)) is not None]
    first = min(slots, default=None)
    return LONGEST_S if first is None else max(0.05, min(LONGEST_S, (first - now).total_seconds()))


def _next(store: Store, name: str, commit: str, now: datetime) -> datetime | None:
    try:
        return next_slot(trusted_job(store, name, commit).whole["trigger"], now)
    except StateError:
        return None  # each pass tells of it


def _drain(store: Store, flock: Flock, drain_s: float) -> Iterator[dict[str, Any]]:
    done = Pass(store.now())
    deadline = time.monotonic() + drain_s
    cancelled = False
    while len(flock):
        for report in flock.reports(0.1):
            done.take(report)
        if time.monotonic() >= deadline and not cancelled:
            cancelled = True
            for pid in flock.pids():
                os.kill(pid, signal.SIGTERM)
    if done.did_something:
        yield recorded_pass(store, trusted_jobs(store), done)
