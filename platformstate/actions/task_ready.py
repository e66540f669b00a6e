"""`task ready`: what can be taken up now, why another cannot, and taking up the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer
from platformstate.actions.signs_of_life import Claimed, claims_of
from platformstate.actions.task_folder import read_tasks, unreadable
from platformstate.core.places import task_path
from platformstate.entities import task as tasks
from platformstate.entities.kinds import TASK
from platformstate.errors import StateError, Warned
from platformstate.policy import ready

if TYPE_CHECKING:
    from platformstate.errors import Problem
    from platformstate.store import Store

# A claim that fails with one of these was lost to another since the tasks were read.
_LOST: Final = frozenset({"claim_held", "run_alive", "task_not_ready", "store_locked", "record_changed"})


class _Known(NamedTuple):
    """All tasks by id, the claims on them, those that are ready in their order, and what cannot be read."""

    tasks: Mapping[str, Mapping[str, Any]]
    claims: Mapping[str, Claimed]
    ready: Sequence[str]
    problems: Sequence[Problem]


def ready_answer(
    store: Store,
    *,
    limit: int | None = None,
    agent: str | None = None,
    label: Sequence[str] = (),
    explain: str | None = None,
    claim: bool = False,
    ttl: str | None = None,
) -> Answer:
    """Return what `task ready` was asked: the tasks, the reasons of one, or a claim of the first.

    Raises: task_not_found, id_ambiguous, ready_empty, usage_invalid, and what a claim raises.
    """
    if explain is not None:
        if claim:
            raise StateError("usage_invalid", "--explain only tells; --claim takes", hint="leave one out")
        return explain_task(store, explain)
    if ttl is not None and not claim:
        raise StateError(
            "usage_invalid", "--ttl is of a claim", hint="platformctl task ready --claim --ttl 60m"
        )
    known = _known(store, agent, label)
    return _claim_first(store, known, ttl) if claim else _listed(store, known, limit)


def explain_task(store: Store, task: str) -> Answer:
    """Say whether a task can be taken up, and what holds it back."""
    name = task_requests.task_id(store, task)
    found, problems = read_tasks(store.tree(), [name])
    if problems:
        raise unreadable(problems)
    claimed = claims_of(store, {name: str(found[name]["status"])}, store.now())
    live = [task for task, claim in claimed.items() if claim.is_live]
    reasons = ready.not_ready(name, found, live)
    data = {"task": name, "ready": not reasons, "reasons": [reason._asdict() for reason in reasons]}
    return Answer(data, (f"platformctl task show {name}",))


def _known(store: Store, agent: str | None, label: Sequence[str]) -> _Known:
    found, problems = read_tasks(store.tree(), sorted(store.ids(TASK)), follow=False)
    offered = {task: str(meta["status"]) for task, meta in found.items() if meta["status"] == "ready"}
    claimed = claims_of(store, offered, store.now())
    live = [task for task, claim in claimed.items() if claim.is_live]
    able = [
        found[task]
        for task in offered
        if set(label) <= set(found[task].get("labels", ()))
        and agent in (None, found[task].get("agent"))
        and not ready.not_ready(task, found, live)
    ]
    return _Known(found, claimed, [str(meta["id"]) for meta in ready.in_order(able)], problems)


def _listed(store: Store, known: _Known, limit: int | None) -> Answer:
    from platformstate.gitrepo import blob_id

    shown = known.ready if limit is None else known.ready[:limit]
    rows = []
    for task in shown:
        path = task_path(task)
        rev = blob_id(store.bytes_of(path) or b"", store.repository.object_format)
        claim = known.claims.get(task)
        rows.append(tasks.row(known.tasks[task], path, rev, None if claim is None else claim.as_json()))
    error = unreadable(known.problems) if known.problems else None
    next_ = (f"platformctl task claim {known.ready[0]}",) if known.ready else ()
    data = {"tasks": rows, "total": len(known.ready)}
    return Answer(data, next_, _cycles(known), error=error)


def _cycles(known: _Known) -> tuple[Warned, ...]:
    """Return a warning for each cycle of dependencies, which can only have come by a merge."""
    seen: set[str] = set()
    found = []
    for task in sorted(known.tasks):
        path = [] if task in seen else ready.cycle_through(task, known.tasks)
        if path:
            text = f"these dependencies close a cycle: {' -> '.join(path)}"
            found.append(Warned("task_dependency_cycle", text, task_path(task)))
        seen.update(path)
    return tuple(found)


def _claim_first(store: Store, known: _Known, ttl: str | None) -> Answer:
    """Claim the first ready task; one that another was faster at is skipped. Raises: ready_empty, record_changed."""
    from platformstate.actions.claim import claim_task

    if known.problems:
        raise unreadable(known.problems)
    skipped: list[str] = []
    changed: StateError | None = None
    for task in known.ready:
        try:
            claimed = claim_task(store, task, ttl=ttl)
        except StateError as lost:
            if lost.code not in _LOST:
                raise
            changed = lost if lost.code == "record_changed" else changed
            skipped.append(task)
        else:
            return claimed._replace(data={**claimed.data, "skipped": skipped})
    if changed is not None:
        raise changed  # nobody need have claimed it: what stands there may be no commit's
    raise StateError(
        "ready_empty",
        "no task is ready" if not skipped else f"all {len(skipped)} ready tasks were claimed meanwhile",
        hint="platformctl task list --open; platformctl task ready --explain TASK",
        data={"skipped": skipped},
    )
