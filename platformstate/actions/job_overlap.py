"""Whether a firing may run beside others: the places of its group, its queue, and who is stopped for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.job_runs import waiting_runs
from platformstate.core.quantities import seconds
from platformstate.runner import JobFiles, Lease, Request
from platformstate.runner.overlap import Place, holders, take

if TYPE_CHECKING:
    from platformstate.store import Store

PAUSE_S: Final = 0.05
_AFTER_GRACE_S: Final = 15.0


@dataclass
class Overlap:
    """What a firing met: a place, or the reason why it has none; with a queue or a replacement it waits."""

    places: list[Path]
    place: Place | None = None
    seat: Place | None = None
    refusal: str | None = None
    holder: str | None = None
    waits_s: float = 0.0
    deadline: float = 0.0
    replaces: bool = False
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether a place is still to be waited for."""
        return self.place is None and bool(self.places) and self.refusal is None

    def leave_queue(self) -> None:
        """Give the seat of the queue back."""
        if self.seat is not None:
            self.seat.leave()
            self.seat = None

    def leave(self) -> None:
        """Let go of what this process holds."""
        self.leave_queue()
        if self.place is not None:
            self.place.leave()
            self.place = None


def enter(store: Store, job: str, whole: Mapping[str, Any], *, run: str, wait: bool = True) -> Overlap:
    """Take a place of the job's group, or say why there is none; the caller holds the job's lock.

    `wait=False` makes a queue a refusal.
    """
    overlap = Overlap(_places(store, job, whole), said={"run": run, "at": store.now()})
    if not overlap.places:
        return overlap
    suspended = _suspended(store, job)
    overlap.place = take(overlap.places) if suspended is None else None
    if overlap.place is not None:
        overlap.place.say(overlap.said)
        return overlap
    held = holders(overlap.places)
    overlap.holder = suspended or (str(held[0].get("run")) if held else None)
    files = JobFiles(store.repository.common_dir, job)
    _MEETS.get(whole["overlap"]["policy"], _skip)(overlap, files, whole, wait)
    return overlap


def go_on_in(store: Store, job: str, whole: Mapping[str, Any], run: str) -> Overlap:
    """Take a place of the group for a run that began earlier; it has a refusal when none is free."""
    overlap = Overlap(_places(store, job, whole), said={"run": run, "at": store.now()})
    overlap.place = take(overlap.places)
    if overlap.place is not None:
        overlap.place.say(overlap.said)
    elif overlap.places:
        overlap.refusal = "overlap"
    return overlap


def _places(store: Store, job: str, whole: Mapping[str, Any]) -> list[Path]:
    rules = whole["overlap"]
    files = JobFiles(store.repository.common_dir, job)
    count = 0 if rules["policy"] == "allow" and rules["max"] == 1 else rules["max"]
    return [files.overlap_lock(rules["group"], number) for number in range(count)]


def _skip(overlap: Overlap, files: JobFiles, whole: Mapping[str, Any], wait: bool) -> None:
    overlap.refusal = "overlap"


def _queue(overlap: Overlap, files: JobFiles, whole: Mapping[str, Any], wait: bool) -> None:
    """Take a seat of the queue, if there is one; the seat is held while the firing waits."""
    group, size = whole["overlap"]["group"], whole["overlap"]["queue_max"]
    seats = [files.overlap_lock(f"{group}.queue.{files.job}", n) for n in range(size)]
    overlap.seat = take(seats, inherited=False) if wait else None
    if overlap.seat is None:
        overlap.refusal = "queue_full"
    overlap.waits_s = float(seconds(whole["misfire"]["window"]))


def _replace(overlap: Overlap, files: JobFiles, whole: Mapping[str, Any], wait: bool) -> None:
    overlap.replaces = True
    overlap.waits_s = seconds(whole["runtime"]["grace"]) + _AFTER_GRACE_S


_MEETS: Final[dict[str, Callable[[Overlap, JobFiles, Mapping[str, Any], bool], None]]] = {
    "queue": _queue,
    "replace": _replace,
}


def wait_for_place(store: Store, overlap: Overlap, stopped: Callable[[], bool] = bool) -> None:
    """Wait until a place is free, having asked the oldest holder to stop if it is replaced.

    Sets the refusal `queue_timeout` when the time is over. `stopped` ends the wait early, without one.
    """
    if not overlap.waits:
        return
    begin_waiting(store, overlap)
    while not stopped() and not is_over(store, overlap):
        time.sleep(PAUSE_S)
    overlap.leave_queue()


def begin_waiting(store: Store, overlap: Overlap) -> None:
    """Begin to wait for a place: ask the oldest holder to stop, if it is to be replaced."""
    overlap.deadline = time.monotonic() + overlap.waits_s
    if overlap.replaces and overlap.holder is not None:
        _ask_to_leave(store, overlap.holder)


def is_over(store: Store, overlap: Overlap, full: set[Path] | None = None) -> bool:
    """Take a place if one is free now; say whether the wait is over, with it or with a refusal.

    `full` remembers, for one round of asking for many, the groups in which no place was free.
    """
    job, known = overlap.said["run"].partition("/")[0], set() if full is None else full
    if overlap.places[-1] not in known and _suspended(store, job) is None:
        overlap.place = take(overlap.places)
        known |= set() if overlap.place is not None else {overlap.places[-1]}
    if overlap.place is not None:
        overlap.place.say(overlap.said)
    elif time.monotonic() >= overlap.deadline:
        overlap.refusal = "queue_timeout"
    return not overlap.waits


def _ask_to_leave(store: Store, holder: str) -> None:
    """Ask a run's conductor to end it; one that stands still without a conductor is ended here."""
    from platformstate.actions.run_stop import replace_run

    lease = Lease(store.repository.common_dir, holder)
    if not lease.ask(Request("replace", store.actor, "replaced by a later firing")):
        lease.answered()
        replace_run(store, holder)


def _suspended(store: Store, job: str) -> str | None:
    """Return a suspended run of the job, which counts as active, None when there is none."""
    return next((site.named for site, _ in waiting_runs(store, job)), None)
