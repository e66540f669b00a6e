"""What a conductor process of a tick does: run its firings one after the other, or settle one, and report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platformstate.actions.conduct_walk import walk
from platformstate.actions.job_decide import Decided
from platformstate.actions.job_firing import begin, left_to_a_tick
from platformstate.actions.job_settle import settle_run
from platformstate.errors import StateError
from platformstate.policy.job_receipt import Firing
from platformstate.runner import Claim, Signals, become_subreaper, listening
from platformstate.runner.forked import Report, refusal

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
    from platformstate.store import Store


def conduct_firings(store: Store, decided: Decided, report: Report) -> None:
    """Run what was claimed for one job, in the place that was taken for it, and report how each run ended."""
    become_subreaper()
    with listening() as signals:
        for firing, claimed in decided.firings:
            assert claimed is not None
            if signals.has_come():
                return  # the slots of claims that nobody holds are due again
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
    with left_to_a_tick(conduct):
        conduct.signals = signals
        conduct.commit("RunStarted")
        walk(conduct)
        state = conduct.state
    code = state.header.get("exit_code")
    report({"started": {**said, "status": state.status, "reason": state.reason, "exit_code": code}})


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
