"""A run that was asked for before: `--idempotency-key` on a verb that opens or ends one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.policy.repeats import is_repeat, mark_of

if TYPE_CHECKING:
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.policy.chain import RunFacts
    from platformstate.policy.claims import Lease
    from platformstate.store import Store
    from platformstate.store.change import Written


def run_mark(store: Store, key: str | None, op: str, task: str, **wanted: Any) -> str | None:
    """Return what a key leaves in the run that a request opens or ends; None without one."""
    return mark_of(key, op, task=task, actor=store.actor, **wanted)


def asked_before(folder: TaskFolder, mark: str | None) -> RunFacts | None:
    """Return the run that this very request opened or ended. Raises: idempotency_conflict."""
    return next((run for run in folder.runs if is_repeat(mark, run.mark)), None)


def lease_of_run(store: Store, folder: TaskFolder, run: str) -> Lease | None:
    """Return a task's lease when this run holds it."""
    from platformstate.actions.signs_of_life import claim_of

    claimed = claim_of(store, folder, store.now())
    return claimed.lease if claimed is not None and claimed.lease.run == run else None


def nothing_written(store: Store, subject: str) -> Written:
    """Return a write of nothing, the answer to what was written before."""
    from platformstate.store.change import Change

    return store.write(lambda: Change(subject, (), ()))
