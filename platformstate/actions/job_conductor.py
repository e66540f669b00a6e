"""What a conductor process of a tick does: wait for its place, run its firings one after the other, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.actions.conduct_walk import walk
from platformstate.actions.job_decide import Decided
from platformstate.actions.job_firing import begin
from platformstate.actions.job_ledger import append_line
from platformstate.actions.job_overlap import wait_for_place
from platformstate.actions.job_settle import settle_run
from platformstate.errors import StateError
from platformstate.files.locks import locked
from platformstate.policy.job_receipt import Firing
from platformstate.policy.ledger import fingerprint, range_line
from platformstate.runner import Claim, JobFiles, Signals, become_subreaper, listening
from platformstate.runner.forked import Report

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
    from platformstate.store import Store


def conduct_firings(store: Store, decided: Decided, report: Report) -> None:
    """Run what was claimed for one job, and report how each run ended."""
    become_subreaper()
    with listening() as signals:
        if decided.overlap is not None:
            wait_for_place(store, decided.overlap)
        refusal = None if decided.overlap is None else decided.overlap.refusal
        for firing, claimed in decided.firings:
            assert claimed is not None
            if refusal is not None:
                report({"recorded": _given_up(store, decided, firing, claimed, refusal)})
                continue
            report({"started": _conducted(store, decided, firing, claimed, signals)})
        if decided.overlap is not None:
            decided.overlap.leave()


def _conducted(
    store: Store, decided: Decided, firing: Firing, claimed: Claim, signals: Signals
) -> dict[str, Any]:
    said = {"job": firing.job, "run": firing.run, "slot": firing.slot, "trigger": firing.trigger}
    try:
        conduct = begin(store, firing, decided.pin, claimed=claimed)
    except StateError as refused:
        return {**said, "status": "failed", "reason": refused.code, "exit_code": None}
    try:
        conduct.signals = signals
        conduct.commit("RunStarted")
        walk(conduct)
        state = conduct.state
    finally:
        conduct.close()
    return {
        **said,
        "status": state.status,
        "reason": state.reason,
        "exit_code": state.header.get("exit_code"),
    }


def _given_up(store: Store, decided: Decided, firing: Firing, claimed: Claim, refusal: str) -> dict[str, Any]:
    """Record a slot that found no place in time; its claim is given up."""
    slot = str(firing.slot)
    line = range_line(
        firing.job,
        "skipped_overlap",
        refusal,
        (slot, slot, 1),
        at=store.now(),
        actor=store.actor,
        schedule=fingerprint(firing.whole["trigger"]),
        by=None if decided.overlap is None else decided.overlap.holder,
    )
    with locked(JobFiles(store.repository.common_dir, firing.job).lock):
        append_line(store, firing.job, line)
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
                report(
                    {
                        "problem": {
                            "job": job,
                            "run": site.run,
                            "code": refused.code,
                            "message": refused.message,
                        }
                    }
                )
