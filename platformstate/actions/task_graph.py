"""`task graph`: which task waits for which, and where criteria went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer
from platformstate.actions.signs_of_life import claims_of
from platformstate.actions.task_folder import read_tasks, unreadable
from platformstate.entities.kinds import TASK
from platformstate.errors import Warned
from platformstate.policy.task_graph import graph_of

if TYPE_CHECKING:
    from platformstate.store import Store


def graph_tasks(store: Store, *, task: str | None = None) -> Answer:
    """Return the graph of all tasks, or of those that one is connected with.

    A task that cannot be read makes the answer partial, with error state_invalid. Raises:
    task_not_found, id_ambiguous.
    """
    around = None if task is None else task_requests.task_id(store, task)
    tasks, problems = read_tasks(store.tree(), store.ids(TASK), follow=False)
    statuses = {name: str(meta["status"]) for name, meta in tasks.items()}
    held = [name for name, one in claims_of(store, statuses, store.now()).items() if one.is_live]
    data = graph_of(tasks, held, around=around)
    warnings = tuple(
        Warned("task_dependency_cycle", f"these tasks wait for each other: {', '.join(cycle)}")
        for cycle in data["cycles"]
    )
    return Answer(data, warnings=warnings, error=unreadable(problems) if problems else None)
