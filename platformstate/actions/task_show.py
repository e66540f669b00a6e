"""`task show`: one task with its runs, and whether it can be taken up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer
from platformstate.actions.signs_of_life import claim_of, conditions_of
from platformstate.actions.task_folder import TaskFolder, read_task_folder, read_tasks, unreadable
from platformstate.entities import task as tasks
from platformstate.policy import lifecycle, ready
from platformstate.policy.brief import run_row

if TYPE_CHECKING:
    from platformstate.store import Store


def show_task(store: Store, task_id: str, *, runs: int | None = None) -> Answer:
    """Show a task, its newest `runs` runs, and what keeps it from being ready.

    Raises: task_not_found, id_ambiguous, state_invalid when the task itself cannot be read. A run
    or checkpoint that cannot be read makes the answer partial, with error state_invalid.
    """
    from platformstate.codec.sections import sections
    from platformstate.gitrepo import blob_id

    tree = store.tree()
    folder = read_task_folder(tree, task_requests.task_id(store, task_id))
    document = folder.document
    meta = document.meta
    known, problems = read_tasks(tree, meta.get("depends_on", ()))
    now = store.now()
    claimed, conditions = claim_of(store, folder, now), conditions_of(store, folder, now)
    taken = [document.id] if claimed is not None and claimed.is_live else []
    reasons = ready.not_ready(document.id, {**known, document.id: meta}, taken)
    rows = [run_row(run, folder.checkpoints, conditions.get(run.id)) for run in folder.runs]
    data: dict[str, Any] = {
        "task": task_requests.task_json(meta, blob_id(folder.data, store.repository.object_format)),
        "body": sections(document.body),
        "runs": rows if runs is None else rows[len(rows) - min(runs, len(rows)) :],
        "claim": None if claimed is None else claimed.as_json(),
        "ready": not reasons,
        "not_ready": [reason._asdict() for reason in reasons],
        "close": tasks.closed_how(meta),
    }
    found = [*folder.problems, *problems]
    return Answer(data, _next(folder), error=unreadable(found) if found else None)


def _next(folder: TaskFolder) -> tuple[str, ...]:
    meta = folder.document.meta
    if meta["status"] in ("intake", "refining") and not meta.get("acceptance"):
        return (lifecycle.ready_command(folder.task_id),)
    return (f"platformctl memory brief --task {folder.task_id}",)
