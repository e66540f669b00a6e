"""What a conductor process of a tick does: wait for its place, run its firings one after the other, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.actions.conduct_walk import walk
from platformstate.actions.job_decide import Decided
from platformstate.actions.job_firing import begin
from platformstate.actions.job_ledger import append_line
from platformstate.actions.job_overlap import Overlap, wait_for_place
from platformstate.actions.job_settle import settle_run
from platformstate.errors import StateError
from platformstate.files.locks import locked
from platformstate.policy.job_receipt import Firing
from platformstate.policy.ledger import fingerprint, range_line
from platformstate.runner import Claim, JobFiles, Signals, become_subreaper, listening
from platformstate.runner.forked import Places, Report, refusal

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
    from platformstate.store import Store


def conduct_firings(store: Store, decided: Decided, places: Places, report: Report) -> None:
    """Run what was claimed for one job, and report how each run ended.

    The place of the overlap group comes before one among the conductors: who waits keeps nobody from working.
    """
    become_subreaper()
    with listening() as signals:
        overlap = decided.overlap
        if overlap is not None:
            wait_for_place(store, overlap, signals.has_come)
            if overlap.refusal is not None:
                report({"recorded": _given_up(store, decided, overlap)})
                return
        if not places.enter(signals.has_come):
            return  # the slots of claims that nobody holds are due again
        for firing, claimed in decided.firings:
            assert claimed is not None
            if signals.has_come():
                return
            _conduct(store, decided, firing, claimed, signals, report)


def _conduct(
    store: Store, decided: Decided, firing: Firing, claimed: Claim, signals: Signals, report: Report
) -> None:
    said = {"job": firing.job, "run": firing.run, "slot": firing.slot, "trigger": firing.trigger}
    try:
        conduct = begin(store, firing, decided.pin, claimed=claimed)
    except StateError as refused:
        report({"problem": refusal(firing.job, refused, firing.run)})
        return
    try:
        conduct.signals = signals
        conduct.commit("RunStarted")
        walk(conduct)
        state = conduct.state
    finally:
        conduct.close()
    code = state.header.get("exit_code")
    report({"started": {**said, "status": state.status, "reason": state.reason, "exit_code": code}})


def _given_up(store: Store, decided: Decided, overlap: Overlap) -> dict[str, Any]:
    """Record the slots that found no place in time; their claims are given up."""
    slots = [str(firing.slot) for firing, _ in decided.firings]
    line = range_line(
        decided.name,
        "skipped_overlap",
        overlap.refusal,
        (slots[0], slots[-1], len(slots)),
        at=store.now(),
        actor=store.actor,
        schedule=fingerprint(decided.gate.whole["trigger"]),
        by=overlap.holder,
    )
    with locked(JobFiles(store.repository.common_dir, decided.name).lock):
        append_line(store, decided.name, line)
    for _, claimed in decided.firings:
        assert claimed is not None
        claimed.give_up()
    return line


def conduct_settling(store: Store, site: RunSite, report: Report) -> None:
    """Settle one run whose conductor died, and report what became of it."""
    become_subreaper()
    with listening() as signals:
        try:
            report({"reconciled": settle_run(store, site, signals)})
        except StateError as refused:
            if refused.code != "run_locked":
                job = site.subject.partition("/")[2]
                report({"problem": refusal(job, refused, site.run)})
