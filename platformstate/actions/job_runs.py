"""Find a job's run again, as commands give it: from its receipt, or from its journal while it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from platformstate.actions.job_commit import is_pinned_run
from platformstate.actions.job_firing import claimed_firing
from platformstate.actions.job_ledger import head_tree, ledger_writer, read_ledger
from platformstate.actions.run_copies import is_behind, is_pinned
from platformstate.actions.run_site import RunSite, has_begun, read_run, site_of
from platformstate.core.places import STATE
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.job_receipt import run_contract, unfinished_contract
from platformstate.policy.job_rules import backoff_of
from platformstate.policy.journal import TERMINAL
from platformstate.runner import JobFiles

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


def open_sites(store: Store, job: str) -> Iterator[RunSite]:
    """Yield the job's runs whose end no ledger line tells, by id: those that go on, wait, or died."""
    tree = WorkTree(store.root)
    ended = {line["run"] for line in read_ledger(tree, job) if line["status"] in TERMINAL}
    for run in tree.names(f"{STATE}jobs/{job}/runs"):
        site = None if run in ended else site_of(store, f"job/{job}", run)
        if site is not None and has_begun(site) and not _is_told_elsewhere(store, job, run):
            yield site


def _is_told_elsewhere(store: Store, job: str, run: str) -> bool:
    """Say whether a run's line stands in a ledger of another branch of this clone."""
    path = JobFiles(store.repository.common_dir, job).told_in(run)
    return path is not None and ledger_writer(store) not in path.rpartition("/")[2].split(".")


def is_ours(store: Store, site: RunSite) -> bool:
    """Say whether this clone pinned a run; one that came any other way is data."""
    position = site.lease.position()
    if position is None:
        return False
    try:
        known = read_run(site)
        return is_pinned(store, site, known.state) and not is_behind(position, known.events)
    except StateError:
        return False  # validate names what is wrong with it


def waiting_runs(store: Store, job: str) -> Iterator[tuple[RunSite, str]]:
    """Yield the suspended runs of a job that this clone pinned, each with the reason."""
    for site in open_sites(store, job):
        if is_ours(store, site):
            state = read_run(site).state
            if state.status == "suspended":
                yield site, str(state.reason)


def _lines(store: Store, job: str, run: str) -> list[dict[str, Any]]:
    lines = read_ledger(WorkTree(store.root), job)
    return [line for line in lines if line["run"] == run and line["status"] in TERMINAL]


def _is_committed(store: Store, site: RunSite) -> bool:
    head = head_tree(store)
    return head is not None and any(True for _ in head.read([site.journal]))
