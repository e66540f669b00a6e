"""The terms of a job's run that began earlier, in this clone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platformstate.actions.job_firing import claimed_firing, terms_of
from platformstate.actions.job_terms import JobTerms

if TYPE_CHECKING:
    from platformstate.actions.run_site import KnownRun
    from platformstate.store import Store


def job_terms(store: Store, known: KnownRun, *, commits: bool = False) -> JobTerms | None:
    """Return the terms of a run of a job, None when this clone did not begin it.

    `commits`: at its end its line of the ledger is committed at once.
    """
    kind, _, job = known.site.subject.partition("/")
    firing = claimed_firing(store, job, known.site.run) if kind == "job" else None
    if firing is None:
        return None
    terms = terms_of(store, firing, started_at=known.state.header.get("started_at"))
    terms.commits = commits
    return terms
