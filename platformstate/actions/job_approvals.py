"""The approvals of a clone beside what stands at the trusted ref now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from platformstate.actions.job_gate import Asked, acts_of, gate_of
from platformstate.actions.job_specs import job_path
from platformstate.errors import StateError
from platformstate.policy.approvals import approving_act
from platformstate.runner import approved_jobs

if TYPE_CHECKING:
    from platformstate.store import Store


class Approval(NamedTuple):
    """A job that was approved here; `is_stale` when what is trusted now is something else."""

    job: str
    path: str
    is_stale: bool


def approvals(store: Store) -> Iterator[Approval]:
    """Yield each job whose newest approval was not revoked; one that is gone is none."""
    for job in approved_jobs(store.repository.common_dir):
        acts = acts_of(store, job)
        if not any(approving_act(acts, act["digest"]) for act in acts):
            continue
        try:
            gate = gate_of(store, job, Asked(at_trusted=True, needs_enabled=False))
        except StateError:
            continue
        yield Approval(job, job_path(job), not gate.digest or approving_act(acts, gate.digest) is None)
