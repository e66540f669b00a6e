"""Runs of a job that died in another worktree: who goes on with them, and what is told when that is gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformstate.actions.job_claims import Claims, claims_of, is_committed
from platformstate.actions.job_firing import claimed_firing
from platformstate.actions.job_ledger import read_ledger, record_line
from platformstate.actions.run_site import site_of
from platformstate.files import WorkTree
from platformstate.policy.job_receipt import ledger_line
from platformstate.policy.ledger import fingerprint
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

REASON = "crashed_elsewhere"


def stranded_rows(store: Store, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job that died in other worktrees, each with its worktree's root; None when gone."""
    files = JobFiles(store.repository.common_dir, job)
    claims = claims_of(store, files, read_ledger(WorkTree(store.root), job), None)
    return [
        {"run": one.run, "worktree": None if one.root is None else _text(one.root)} for one in claims.stranded
    ]


def _text(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def record_lost(store: Store, job: str, claims: Claims) -> list[dict[str, Any]]:
    """Write the line of each run that was lost with its worktree: nobody can say any more how it ended.

    One that a branch holds goes on where that is checked out. The caller holds the job's lock.
    """
    sites = [site_of(store, f"job/{job}", one.run) for one in claims.stranded if one.root is None]
    gone = [site for site in sites if not is_committed(store, site)]
    rows = []
    for site in gone:
        if (row := _recorded(store, job, site.run)) is not None:
            site.lease.clear()
            rows.append(row)
    return rows


def _recorded(store: Store, job: str, run: str) -> dict[str, Any] | None:
    firing, at = claimed_firing(store, job, run), store.now()
    if firing is None:
        return None
    files = JobFiles(store.repository.common_dir, job)
    begun = str((files.claim_of(run) or {}).get("at", at))
    ended = {"status": "failed", "reason": "job_lost", "actor": store.actor, "exit_code": None, "steps": None}
    line = ledger_line(
        firing,
        {**ended, "started_at": begun, "ended_at": max(begun, at)},
        at=at,
        schedule=fingerprint(firing.whole["trigger"]),
        receipt_sha256=None,
        kept=False,
    )
    files.tell(run, record_line(store, job, line))
    return {"job": job, "run": run, "status": "failed", "reason": "job_lost", "by": "worktree"}
