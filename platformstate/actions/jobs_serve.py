"""`jobs serve`: the parts of a tick in a loop; one long job stops no other job's schedule."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.jobs_resting import Watch
from platformstate.actions.jobs_start import Starts
from platformstate.actions.jobs_tick import Ledger, Pass
from platformstate.core.instants import moment
from platformstate.runner import Signals
from platformstate.runner.forked import Flock

if TYPE_CHECKING:
    from platformstate.store import Store

LONGEST_S: Final = 30.0
_SHORTEST_S: Final = 0.05


def serve(
    store: Store, signals: Signals, *, parallel: int = 4, drain_s: float = 30.0
) -> Iterator[dict[str, Any]]:
    """Yield the data of each pass that did something, until a signal comes; then wait for what runs.

    What still runs when `drain_s` is over is cancelled. A dry run is one pass that starts nothing.
    Raises: trust_ref_unset.
    """
    flock = Flock(parallel, signals.descriptor)
    starts = Starts(flock)
    due = time.monotonic()
    names: list[str] = []
    while signals.take() is None:
        now = store.reopened()
        done = Pass(now.now())
        if time.monotonic() >= due:
            watch = Watch(now, every=now.dry_run)
            names = [spec.id for spec in watch.specs]
            starts.enlist(now, watch.specs)
            due = time.monotonic() + _until_next(now, watch)
        starts.go_on(done)
        if store.dry_run:
            yield Ledger(now, names).told(done)
            return
        for report in flock.reports(0.0 if done.did_something else _rest_s(due, starts)):
            done.take(report)
        ledger = Ledger(now, names)
        told = ledger.told(done)
        if done.idle:
            watch.rest(done.idle - ledger.pending, moment(done.now))
        if done.did_something or told["ledger"]["committed"]:
            yield told
    starts.give_up()
    yield from _drain(store.reopened(), names, flock, signals, drain_s)
    flock.close()


def _rest_s(due: float, starts: Starts) -> float:
    return min(_left_s(due), starts.pause_s or LONGEST_S)


def _left_s(due: float) -> float:
    return max(0.0, due - time.monotonic())


def _until_next(store: Store, watch: Watch) -> float:
    """Return the seconds up to the next slot of any job, at most half a minute."""
    now = moment(store.now())
    first = watch.next_slot(now)
    return LONGEST_S if first is None else max(_SHORTEST_S, min(LONGEST_S, (first - now).total_seconds()))


def _drain(
    store: Store, names: Sequence[str], flock: Flock, signals: Signals, drain_s: float
) -> Iterator[dict[str, Any]]:
    """Wait for what runs, and cancel it when the time is over."""
    done = Pass(store.now())
    deadline = time.monotonic() + drain_s
    cancelled = False
    while len(flock):
        for report in flock.reports(LONGEST_S if cancelled else _left_s(deadline)):
            done.take(report)
        signals.drain()
        if not cancelled and time.monotonic() >= deadline:
            cancelled = True
            for pid in flock.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
    told = Ledger(store, names).told(done)
    if done.did_something or told["ledger"]["committed"]:
        yield told
