"""`task release`: give a claim back and end the run that held it.

For other verbs that end a run at a task: `run_ending.ended` gives the run's files and its lease given
back, `task_after` the task's own change; both go into one change, `claim_remote.give_back` comes after.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.claim import read_for_claim
from platformstate.actions.claim_remote import give_back
from platformstate.actions.fencing import held, refuse_fenced
from platformstate.actions.operators import is_operator
from platformstate.actions.rescue_proof import dead_journal_held
from platformstate.actions.run_ending import ended
from platformstate.actions.run_repeats import asked_before, nothing_written, run_mark
from platformstate.actions.signs_of_life import Claimed, claim_of, signs_of
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.core import ids
from platformstate.core.places import task_path
from platformstate.entities.run import OPEN
from platformstate.errors import StateError, Warned
from platformstate.policy import claims

if TYPE_CHECKING:
    from platformstate.policy.chain import RunFacts
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange, Written


def release_task(
    store: Store,
    task: str,
    *,
    outcome: str = "aborted",
    reason: str | None = None,
    remote: bool = False,
    idempotency_key: str | None = None,
) -> Answer:
    """End the run that holds a task's claim, and give the claim back; the task becomes ready again.

    With `remote` a claim that stands at no remote is refused. With a key, the run that the same request
    ended before is the answer. Raises: task_not_found, id_ambiguous, run_not_found (nobody holds it here),
    claim_held, claim_fenced, run_transition_refused, remote_missing, idempotency_conflict, and what a
    write raises.
    """
    name = task_requests.task_id(store, task)
    folder = read_for_claim(store, name)
    wanted = {"outcome": outcome, "reason": reason, "remote": remote}
    mark = run_mark(store, idempotency_key, "task.release", name, **wanted)
    if (earlier := asked_before(folder, mark)) is not None:
        return _answer(name, earlier.id, outcome, nothing_written(store, f"task: release {name}"))
    claimed, run = _held_run(store, folder)
    if remote and claimed.lease.remote is None:
        raise StateError(
            "remote_missing",
            f"the claim of {name} was never pushed to a remote",
            hint=f"platformctl task release {name}",
        )
    with dead_journal_held(store, folder):
        done = store.write(lambda: _decide(store, name, outcome, reason, mark))
    lease = done.change.lease
    warnings = () if lease is None else give_back(store, lease)
    return _answer(name, run.id, outcome, done, warnings)


def _answer(task: str, run: str, outcome: str, done: Written, warnings: tuple[Warned, ...] = ()) -> Answer:
    data = {"task": task, "run": run, "outcome": outcome}
    return written(data, done, (f"platformctl task show {task}",), warnings)


def _decide(store: Store, task: str, outcome: str, reason: str | None, mark: str | None) -> Change:
    from platformstate.store.change import Change

    folder = read_task_folder(store.tree(), task).checked()
    if asked_before(folder, mark) is not None:
        return Change(f"task: release {task}", (), ())
    claimed, run = _held_run(store, folder)
    at = store.now()
    word = None if reason is None else ids.slug(reason)[: ids.MAX_LENGTH].strip("-") or None
    because = reason if reason is not None and reason != word else None
    end = ended(store, folder, run, outcome, at, reason=word, because=because, lease=claimed.lease, mark=mark)
    files = (*end.files, *task_after(store, folder, run, outcome, at))
    trailers = (("Task", task), ("Run", run.id), ("Actor", store.actor))
    return Change(f"task: release {task}", trailers, files, lease=end.lease)


def task_after(
    store: Store, folder: TaskFolder, run: RunFacts, outcome: str, at: str
) -> tuple[FileChange, ...]:
    """Return a task's own change at a run's end: after failed or aborted it is offered again.

    That is so in implementation, unless another run at it is alive.
    """
    from platformstate.codec.edit import text_of
    from platformstate.store.change import FileChange

    document = folder.document
    if outcome == "succeeded" or document.meta["status"] != "implementation":
        return ()
    others = (other for other in folder.runs if other.id != run.id and other.header["status"] in OPEN)
    if any(claims.proof_of_death(signs_of(store, folder, other, at)) == claims.ALIVE for other in others):
        return ()
    ready = document.with_changes({"status": "ready", "status_reason": None})
    return (FileChange(task_path(folder.task_id), folder.data, text_of(ready).encode()),)


def _held_run(store: Store, folder: TaskFolder) -> tuple[Claimed, RunFacts]:
    """Return the claim that may be given back, and its run.

    Raises: run_not_found, claim_held, claim_fenced.
    """
    inside = os.environ.get("PLATFORMSTATE_RUN")
    refuse_fenced(store, folder, next((run for run in folder.runs if run.id == inside), None))
    claimed = claim_of(store, folder, store.now())
    if claimed is None or claimed.state == "released":
        raise StateError(
            "run_not_found",
            f"nobody holds a claim of {folder.task_id}",
            hint=f"platformctl task show {folder.task_id}",
        )
    lease = claimed.lease
    if not is_operator(store) and (lease.actor != store.actor or inside not in (None, lease.run)):
        raise held(folder.task_id, claimed, "releasing it")
    if claimed.run is None:
        raise StateError(
            "run_not_found",
            f"the files of run {lease.run} are not on this branch",
            hint=f"release it in worktree {lease.worktree}, on branch {lease.branch or 'none'}",
        )
    return claimed, claimed.run
