"""Which tasks can be taken up now, and what holds the others back. Pure: tasks in, reasons out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from platformstate.entities.task import DEFAULT_PRIORITY, DONE_OR_LATER
from platformstate.errors import StateError


class Reason(NamedTuple):
    """One thing that keeps a task from being ready, and the task it is about."""

    code: str
    task: str


Tasks = Mapping[str, Mapping[str, Any]]


def not_ready(task: str, tasks: Tasks, claimed: Iterable[str] = ()) -> tuple[Reason, ...]:
    """Return what keeps a task from being ready; empty when nothing does.

    `tasks` holds the front matter of the task and of all that it depends on, as far as they exist;
    `claimed` names tasks with a live claim.
    """
    meta = tasks[task]
    reasons = []
    if meta["status"] != "ready":
        reasons.append(Reason("status", task))
    if task in set(claimed):
        reasons.append(Reason("claimed", task))
    if not meta.get("acceptance"):
        reasons.append(Reason("no_criteria", task))
    for needed in meta.get("depends_on", ()):
        if needed not in tasks:
            reasons.append(Reason("dependency_missing", needed))
        elif tasks[needed]["status"] not in DONE_OR_LATER:
            reasons.append(Reason("dependency_open", needed))
    if cycle_through(task, tasks):
        reasons.append(Reason("dependency_cycle", task))
    return tuple(reasons)


def in_order(tasks: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return tasks in the order in which they are offered: priority, age, id."""
    return sorted(
        tasks, key=lambda meta: (meta.get("priority", DEFAULT_PRIORITY), meta["created_at"], meta["id"])
    )


def cycle_through(task: str, tasks: Tasks) -> list[str]:
    """Return the shortest path of dependencies from a task back to itself; empty without one."""
    paths = [[task]]
    seen: set[str] = set()
    while paths:
        path = paths.pop(0)
        for needed in tasks.get(path[-1], {}).get("depends_on", ()):
            if needed == task:
                return [*path, task]
            if needed not in seen:
                seen.add(needed)
                paths.append([*path, needed])
    return []


def refuse_cycle(task: str, tasks: Tasks, *, hint: str = "") -> None:
    """Raise task_dependency_cycle, with the path, when a task depends on itself."""
    path = cycle_through(task, tasks)
    if path:
        raise StateError(
            "task_dependency_cycle",
            f"these dependencies close a cycle: {' -> '.join(path)}",
            hint=hint or f"platformctl task update {path[-2]} --remove-dep {task}",
        )
