"""`task list`: the tasks of the store, filtered, in order of their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.signs_of_life import claims_of
from platformstate.actions.task_folder import errors_of, not_a_file, unreadable
from platformstate.core.places import task_path
from platformstate.cost import COST
from platformstate.entities import task as tasks
from platformstate.entities.kinds import TASK
from platformstate.errors import Warned
from platformstate.files import WorkTree

if TYPE_CHECKING:
    from platformstate.errors import Problem
    from platformstate.store import Store

Test = Callable[[Mapping[str, Any]], bool]


def list_tasks(
    store: Store,
    *,
    status: Sequence[str] = (),
    open_only: bool = False,
    label: Sequence[str] = (),
    agent: str | None = None,
    owner: str | None = None,
    priority: str | None = None,
    ref: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> Answer:
    """List tasks that meet every condition; `total` counts them before limit and offset.

    A task that cannot be read makes the answer partial, with error state_invalid.
    """
    statuses = {*status, *(tasks.OPEN if open_only else ())}
    equal = {"agent": agent, "owner": owner, "priority": priority}
    tests: list[Test] = [lambda row: not statuses or row["status"] in statuses]
    tests += [_is(name, value) for name, value in equal.items() if value is not None]
    tests.append(lambda row: set(label) <= set(row["labels"]))
    rows, problems = _rows(store, ref)
    found = [row for row in rows if all(test(row) for test in tests)]
    end = None if limit is None else offset + limit
    shown = found[offset:end]
    claimed = claims_of(store, {row["id"]: row["status"] for row in shown}, store.now())
    for row in shown:
        row["claim"] = claimed[row["id"]].as_json() if row["id"] in claimed else None
    data = {"tasks": shown, "total": len(found)}
    left = () if ref is not None else tuple(_without_record(store))
    return Answer(data, warnings=left, error=unreadable(problems) if problems else None)


def _without_record(store: Store) -> Iterator[Warned]:
    """Yield a warning for each folder of a task that holds files and no task: nothing is left out unsaid."""
    tree, home = store.tree(), task_path("").partition("//")[0]
    for name in sorted(set(WorkTree(store.root).names(home)) - set(store.ids(TASK))):
        if tree.entries(f"{home}/{name}"):
            text = "the folder holds files but no task.md, so it is no task"
            yield Warned("path_unexpected", text, f"{home}/{name}")


def _is(name: str, value: str) -> Test:
    return lambda row: row[name] == value


def _rows(store: Store, ref: str | None) -> tuple[list[dict[str, Any]], list[Problem]]:
    from platformstate.gitrepo import blob_id
    from platformstate.store.reading import judged

    rows, problems = [], []
    paths = [task_path(name) for name in sorted(store.ids(TASK))]
    COST.files = len(paths)
    unread = dict.fromkeys(paths)
    for path, data in store.tree().read(paths):
        del unread[path]
        COST.parsed += 1
        read = judged(data, path)
        problems += errors_of(read.problems)
        if read.document is not None and (ref is None or ref in read.document.meta.get("refs", ())):
            rows.append(tasks.row(read.document.meta, path, blob_id(data, store.repository.object_format)))
    return rows, sorted([*problems, *(not_a_file(path) for path in unread)])
