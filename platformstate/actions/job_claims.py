"""What the slot claims of a job say: which slots are taken, and which came to nothing and are due again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions.run_site import has_begun, site_of
from platformstate.core.instants import moment, stamp
from platformstate.policy.due import OpenRange
from platformstate.policy.journal import TERMINAL
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

Line = Mapping[str, Any]


class Claims(NamedTuple):
    """A job's slots by what their claims say, and the claims that stand for nothing any more.

    `held` says that some run of a claim has not ended.
    """

    taken: frozenset[datetime]
    again: frozenset[datetime]
    void: frozenset[str]
    held: bool

    def clear(self, files: JobFiles, fired: Collection[str]) -> None:
        """Remove the claims of what was decided otherwise by now; those of what fires are ours."""
        for run in self.void - set(fired):
            files.release(run)


def claims_of(store: Store, files: JobFiles, lines: Iterable[Line], opened: OpenRange | None) -> Claims:
    """Return what the claims and runs of a job say of its slots.

    A claim whose process is gone, without a run that began, came to nothing: its slot is due again,
    wherever the cursor stands, unless it has been recorded as one that did not run.
    """
    ran = {line["run"]: line["slot"] for line in lines if line["status"] in TERMINAL}
    ranges = [(line["at"], line["slot"], line["to"]) for line in lines if "to" in line and line["slot"]]
    taken = {moment(slot) for slot in ran.values() if slot}
    again, void, held = set(), set(), False
    for run in files.claimed():
        if run in ran:
            continue
        said = files.claim_of(run) or {}
        slot = moment(said["slot"]) if said.get("slot") and stamp(said["slot"]) == run else None
        if files.is_claim_held(run) or _has_begun(store, files, run):
            taken |= set() if slot is None else {slot}
            held = True
            continue
        void.add(run)
        if slot is not None and said.get("trigger") == "cron" and not _is_recorded(said, ranges, opened):
            again.add(slot)
    return Claims(frozenset(taken), frozenset(again), frozenset(void), held)


def _has_begun(store: Store, files: JobFiles, run: str) -> bool:
    """Say whether a run was started: by its journal, or by what its first step left beside the run's lock.

    A pin alone starts nothing: the start is durable before any process of the run is. A journal of a run
    that this clone did not pin came with a commit.
    """
    site = site_of(store, f"job/{files.job}", run)
    position = site.lease.position()
    return position is not None and (position.seq is not None or has_begun(site))


def _is_recorded(said: Line, ranges: Iterable[tuple[str, str, str]], opened: OpenRange | None) -> bool:
    """Say whether a claim's slot was written down later, or waits to be, in a range that did not run."""
    slot = said["slot"]
    if opened is not None and opened.slot <= slot <= opened.to:
        return True
    return any(start <= slot <= end and at >= said["at"] for at, start, end in ranges)
