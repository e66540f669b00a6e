"""Find a job's run again, as commands give it: from its receipt, or from its journal while it goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platformstate.actions.job_commit import is_pinned_run
from platformstate.actions.job_firing import claimed_firing
from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.run_site import RunSite, read_run
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.job_receipt import run_contract, unfinished_contract
from platformstate.policy.job_rules import backoff_of
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.store import Store


def contract_of(store: Store, site: RunSite) -> dict[str, Any]:
    """Return a run of a job in the form whose names never change.

    Raises: run_not_found, run_journal_corrupt, run_steps_mismatch.
    """
    job = site.subject.partition("/")[2]
    committed = _is_committed(store, site)
    data = WorkTree(store.root).bytes_of(site.receipt)
    if data is not None:
        kept = is_pinned_run(store, site) or any(line.get("kept") for line in _lines(store, job, site.run))
        return run_contract(json.loads(data), folder=site.folder, kept=kept, committed=committed)
    known = read_run(site)
    firing = claimed_firing(store, job, site.run)
    if firing is None or known.pin is None:
        raise StateError(
            "run_elsewhere",
            f"{site.named} was not started in this clone, and it has no receipt",
            path=site.journal,
        )
    backoff = backoff_of(firing.whole)
    return unfinished_contract(
        firing, known.state, known.pin, backoff, folder=site.folder, kept=committed, committed=committed
    )


def _lines(store: Store, job: str, run: str) -> list[dict[str, Any]]:
    lines = read_ledger(WorkTree(store.root), job)
    return [line for line in lines if line["run"] == run and line["status"] in TERMINAL]


def _is_committed(store: Store, site: RunSite) -> bool:
    if store.repository.head is None:
        return False
    return any(True for _ in store.tree("HEAD").read([site.journal]))
