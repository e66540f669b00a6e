"""`codex-task end`, and the end of a wrapped command: checkpoint, receipt, release, in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions import task_requests
from platformstate.actions.agent_task_watch import ground_of, run_in
from platformstate.actions.answer import Answer, written
from platformstate.actions.checkpoint_build import end_checkpoint
from platformstate.actions.checkpoint_step import journal_held, stands_at
from platformstate.actions.claim_remote import give_back
from platformstate.actions.fencing import refuse_fenced
from platformstate.actions.release import task_after
from platformstate.actions.run_ending import ended
from platformstate.actions.run_opening import run_meant
from platformstate.actions.run_repeats import asked_before, nothing_written, run_mark
from platformstate.actions.signs_of_life import lease_of_task
from platformstate.actions.task_folder import read_task_folder
from platformstate.errors import StateError, Warned
from platformstate.policy.journal import TERMINAL
from platformstate.policy.wrapping import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platformstate.actions.task_folder import TaskFolder
    from platformstate.policy.chain import RunFacts
    from platformstate.store import Store
    from platformstate.store.change import Change, Written


class EndRequest(NamedTuple):
    """How a run ends; `because` is a person's or an agent's reason, `next_action` what is to come.

    `mark` is what an idempotency key left of the request.
    """

    ending: Ending
    because: str | None = None
    next_action: str | None = None
    mark: str | None = None


class EndedTaskRun(NamedTuple):
    """A run's folded header after its end, and the write that recorded it."""

    header: Mapping[str, Any]
    checkpoints: int
    written: Written
    warnings: tuple[Warned, ...] = ()


def end_run(
    store: Store,
    task: str | None,
    outcome: str = "succeeded",
    *,
    reason: str | None = None,
    next_action: str | None = None,
    inside_run: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """End the actor's open run at a task, or the one that this command stands in.

    With a key, the run that the same request ended before is the answer. Raises: usage_invalid without a
    task, task_not_found, run_not_found, actor_mismatch, claim_fenced, run_transition_refused for a run
    that has ended, idempotency_conflict.
    """
    if task is None:
        raise StateError("usage_invalid", "outside of a run an end needs --task", hint="--task TASK")
    if reason is not None and outcome == "succeeded":
        raise StateError(
            "usage_invalid", "--reason says why a run failed or was aborted", hint="--outcome failed"
        )
    known = task_requests.task_id(store, task)
    folder = read_task_folder(store.tree(), known).checked()
    wanted = {"outcome": outcome, "reason": reason, "next": next_action}
    mark = run_mark(store, idempotency_key, "agent-task.end", known, **wanted)
    if (earlier := asked_before(folder, mark)) is not None:
        again = ended_before(store, folder, earlier, f"run: end {earlier.id}")
        return written(end_data(again), again.written, (f"platformctl task show {known}",))
    run = run_meant(store, folder, None, inside_run)
    if run is None:
        raise StateError(
            "run_not_found",
            f"{store.actor} has no open run at {known} in this worktree",
            hint=f"platformctl task show {known}",
        )
    if run.header["status"] in TERMINAL:
        raise _has_ended(run.id, run.header)
    done = record_end(store, known, run.id, EndRequest(Ending(outcome), reason, next_action, mark))
    return written(end_data(done), done.written, (f"platformctl task show {known}",), done.warnings)


def ended_before(store: Store, folder: TaskFolder, run: RunFacts, subject: str) -> EndedTaskRun:
    """Return a run as it stands, with a write of nothing."""
    count = sum(said.meta["run"] == run.id for said in folder.checkpoints)
    return EndedTaskRun(run.header, count, nothing_written(store, subject))


def record_end(store: Store, task: str, run: str, request: EndRequest) -> EndedTaskRun:
    """Record a run's end; one that has ended already stays as it is. Raises: claim_fenced, run_not_found."""
    with journal_held(store, task, run):
        done = store.write(lambda: _decide(store, task, run, request))
    header, checkpoints = done.change.data
    lease = done.change.lease
    return EndedTaskRun(header, checkpoints, done, () if lease is None else give_back(store, lease))


def _decide(store: Store, task: str, run_id: str, request: EndRequest) -> Change:
    from platformstate.store.change import Change

    folder, at = read_task_folder(store.tree(), task).checked(), store.now()
    run = run_in(folder, run_id)
    ground = ground_of(store, folder, run, at)
    subject = f"run: end {run_id}"
    if run.header["status"] in TERMINAL:
        return Change(subject, (), (), (run.header, len(ground.earlier)))
    refuse_fenced(store, folder, run)
    said = end_checkpoint(store, ground, next_action=request.next_action, step=stands_at(run))
    ending = request.ending
    done = ended(
        store,
        folder,
        run,
        ending.status,
        at,
        reason=ending.reason,
        because=request.because,
        exit_code=ending.exit_code,
        mark=request.mark,
        lease=lease_of_task(store, task, folder.runs, folder.checkpoints),
    )
    trailers = (("Task", task), ("Run", run_id), ("Checkpoint", said.said.id), ("Actor", store.actor))
    files = (*task_after(store, folder, run, ending.status, at), *done.files, said.file)
    return Change(subject, trailers, files, (done.header, len(ground.earlier) + 1), lease=done.lease)


def end_data(done: EndedTaskRun) -> dict[str, Any]:
    """Return what an end answers."""
    header = done.header
    return {
        "task": str(header["subject"]).partition("/")[2],
        "run": header["id"],
        "fence": header.get("fence"),
        "status": header["status"],
        "exit_code": header.get("exit_code"),
        "checkpoints": done.checkpoints,
    }


def _has_ended(run: str, header: Mapping[str, Any]) -> StateError:
    return StateError(
        "run_transition_refused",
        f"run {run} has ended already: it {header['status']}",
        hint=f"platformctl run show {run}",
    )
