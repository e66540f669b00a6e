"""Refuse what a run may no longer do, and renew the lease of one that may.

A run whose fence is lower than the task's highest has lost the task to a later claim: whatever it
says now would be said over another's work. `refuse_fenced` stands before each checkpoint, step event,
end, update, close and release of a run; `refuse_claimed` before what nobody but the holder or an
operator may do to a claimed task.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from platformstate.actions.operators import is_operator
from platformstate.actions.signs_of_life import Claimed, claim_of, lease_of_task
from platformstate.errors import StateError
from platformstate.policy import claims
from platformstate.policy.claims import Lease

if TYPE_CHECKING:
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.policy.chain import RunFacts
    from platformstate.store import Store


def refuse_fenced(store: Store, folder: TaskFolder, run: RunFacts | None) -> None:
    """Refuse a run of a task that a later claim has taken. Raises: claim_fenced (not retryable)."""
    if run is not None:
        refuse_fenced_run(store, folder.task_id, run.header, (known.header for known in folder.runs))


def refuse_fenced_run(
    store: Store, task: str, header: Mapping[str, Any], headers: Iterable[Mapping[str, Any]]
) -> None:
    """Refuse the same by the folded headers of the task's runs. Raises: claim_fenced."""
    highest = claims.highest_fence(headers, store.session.claims.of(task))
    if int(header.get("fence") or 0) < highest:
        raise StateError(
            "claim_fenced",
            f"another run has claimed {task} after {header['id']}, which may write nothing more",
            hint=f"stop; platformctl task show {task} says who goes on",
        )


def renewal(store: Store, folder: TaskFolder, run: RunFacts | None, at: str) -> Lease | None:
    """Return the lease of a run that has just said something itself, to stand in its change.

    None for a run without a fence.
    """
    if run is None or not run.header.get("fence"):
        return None
    lease = lease_of_task(store, folder.task_id, folder.runs, folder.checkpoints)
    if lease is None or lease.run != run.id or lease.released_at is not None:
        return None
    return claims.renewed(lease, at)


def renewed_lease(store: Store, task: str, header: Mapping[str, Any]) -> Lease | None:
    """Return the same of a run by its folded header, from the lease of this clone alone."""
    lease = store.session.claims.of(task)
    if lease is None or lease.run != header["id"] or lease.released_at is not None:
        return None
    return claims.renewed(lease, store.now())


def refuse_claimed(store: Store, task: str, what: str) -> None:
    """Refuse to act on a task that another run is at work on, unless an operator does.

    `what` names the act, as in "an update". Raises: claim_held, and claim_fenced inside a run (the one
    that PLATFORMSTATE_RUN names) from which a later claim has taken the task.
    """
    from platformstate.actions.task_folder import read_task_folder

    inside = os.environ.get("PLATFORMSTATE_RUN")
    lease = store.session.claims.of(task)
    if is_operator(store) or (lease is None and not _has_runs(store, task)):
        return
    if inside is None and lease is not None and _is_own(store, lease, inside):
        return
    folder = read_task_folder(store.tree(), task)
    own = next((run for run in folder.runs if run.id == inside), None)
    refuse_fenced(store, folder, own)
    claimed = claim_of(store, folder, store.now())
    if claimed is not None and claimed.is_live and not _is_own(store, claimed.lease, inside):
        raise held(task, claimed, what)


def _is_own(store: Store, lease: Lease, inside: str | None) -> bool:
    return lease.actor == store.actor and inside in (None, lease.run)


def _has_runs(store: Store, task: str) -> bool:
    from platformstate.core.places import subject_folder

    return (store.root / subject_folder(f"task/{task}") / "runs").is_dir()


def held(task: str, claimed: Claimed, what: str = "") -> StateError:
    """Return the refusal for a task that is claimed; who holds it stands in its data."""
    lease = claimed.lease
    act = f"; {what} is the holder's or an operator's" if what else ""
    return StateError(
        "claim_held",
        f"{task} is claimed by {lease.actor} in run {lease.run} until {lease.expires_at}{act}",
        hint=f"platformctl task show {task}; when that run is dead: platformctl memory rescue --task {task}",
        retryable=True,
        data={"claim": claimed.as_json()},
    )
