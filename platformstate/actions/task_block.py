"""`task block` and `task unblock`: work that waits, and work that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.signs_of_life import claim_of
from platformstate.actions.task_change import change_task
from platformstate.actions.task_folder import read_task_folder, read_tasks, unreadable
from platformstate.core.document import Document
from platformstate.entities import task as tasks
from platformstate.entities.kinds import TASK
from platformstate.policy import lifecycle, ready

if TYPE_CHECKING:
    from platformstate.store import Store


def block_task(
    store: Store,
    task_id: str,
    reason: str,
    *,
    on: str | None = None,
    waits_on: str | None = None,
    expect_rev: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Set an open task to blocked, and say what it waits on; with `on` it depends on that task.

    Raises: task_not_found, id_ambiguous, task_transition_refused, task_dependency_cycle,
    record_changed, idempotency_conflict, and what a write raises.
    """

    def revise(document: Document[Any]) -> Document[Any]:
        lifecycle.refuse_block(document.meta)
        text = reason if waits_on is None else f"{waits_on}: {reason}"
        return document.with_changes(
            {"status": "blocked", "status_reason": text, **_needed(store, document.meta, on)}
        )

    asked = {"reason": reason, "on": on, "waits_on": waits_on}
    return change_task(
        store, task_id, "block", revise, expect_rev=expect_rev, key=idempotency_key, asked=asked
    )


def unblock_task(
    store: Store,
    task_id: str,
    *,
    reason: str | None = None,
    expect_rev: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Let a blocked task go on: implementation while a run holds its lease, else ready.

    Raises: task_not_found, id_ambiguous, task_transition_refused, task_has_no_criteria,
    record_changed, idempotency_conflict, and what a write raises.
    """

    def revise(document: Document[Any]) -> Document[Any]:
        target = lifecycle.unblocked(document.meta, held=_is_held(store, document.id))
        return document.with_changes({"status": target, "status_reason": reason})

    asked = {"reason": reason}
    return change_task(
        store, task_id, "unblock", revise, expect_rev=expect_rev, key=idempotency_key, asked=asked
    )


def _is_held(store: Store, task: str) -> bool:
    """Say whether a run holds the lease of a task."""
    claimed = claim_of(store, read_task_folder(store.tree(), task), store.now())
    return claimed is not None and claimed.is_live


def _needed(store: Store, meta: Mapping[str, Any], on: str | None) -> dict[str, list[str]]:
    """Return the dependencies with the task that is waited for. Raises: task_dependency_cycle."""
    if on is None:
        return {}
    needed = store.resolve(TASK, on)
    listed = tasks.without_repeats([*meta.get("depends_on", ()), needed])
    known, problems = read_tasks(store.tree(), [needed])
    if problems:
        raise unreadable(problems)
    task = str(meta["id"])
    ready.refuse_cycle(task, {**known, task: {**meta, "depends_on": listed}}, hint="leave out --on")
    return {"depends_on": listed}
