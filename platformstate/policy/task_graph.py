"""The graph of tasks: what waits for what, what went where. Pure: tasks in, nodes and edges out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from platformstate.policy.ready import Reason, not_ready

Tasks = Mapping[str, Mapping[str, Any]]
Data = dict[str, Any]


def graph_of(tasks: Tasks, claimed: Collection[str] = (), *, around: str | None = None) -> Data:
    """Return nodes, edges and cycles of all tasks, or of those that one is connected with.

    An edge points from the task that waits to the one it depends on, and from a criterion's old
    task to its new one. A missing task is no node, its edge stands nevertheless.
    """
    edges = [edge for task in sorted(tasks) for edge in _edges(task, tasks[task])]
    names = set(tasks) if around is None else _connected(around, edges)
    kept = [edge for edge in edges if edge["from"] in names]
    nodes = [_node(task, tasks, claimed) for task in sorted(names) if task in tasks]
    return {"nodes": nodes, "edges": kept, "cycles": [c for c in cycles(tasks) if set(c) & names]}


def cycles(tasks: Tasks) -> list[list[str]]:
    """Return each group of tasks that depend on each other in a circle, sorted."""
    core = _core(tasks)
    reach = {task: _reached(task, core) for task in core}
    groups = {
        tuple(sorted(o for o in reach[task] if task in reach[o])) for task in core if task in reach[task]
    }
    return sorted(list(group) for group in groups)


def _node(task: str, tasks: Tasks, claimed: Collection[str]) -> Data:
    reasons: tuple[Reason, ...] = not_ready(task, tasks, claimed)
    return {"id": task, "status": tasks[task]["status"], "ready": not reasons}


def _edges(task: str, meta: Mapping[str, Any]) -> Iterator[Data]:
    for needed in sorted(meta.get("depends_on", ())):
        yield {"from": task, "to": needed, "kind": "depends_on"}
    moved = {
        str(item["moved_to"]).partition("#")[0] for item in meta.get("acceptance", ()) if "moved_to" in item
    }
    for target in sorted(moved):
        yield {"from": task, "to": target, "kind": "moved_to"}


def _connected(start: str, edges: Sequence[Data]) -> set[str]:
    """Return the tasks that can be reached from one, along edges either way."""
    beside: dict[str, set[str]] = {}
    for edge in edges:
        beside.setdefault(edge["from"], set()).add(edge["to"])
        beside.setdefault(edge["to"], set()).add(edge["from"])
    found, wanted = {start}, [start]
    while wanted:
        fresh = beside.get(wanted.pop(), set()) - found
        found |= fresh
        wanted += fresh
    return found


def _core(tasks: Tasks) -> dict[str, set[str]]:
    """Return what is left when all that wait for nothing left are taken away, again and again."""
    core = {
        task: {needed for needed in tasks[task].get("depends_on", ()) if needed in tasks} for task in tasks
    }
    waiting: dict[str, list[str]] = {}
    for task, needs in core.items():
        for needed in needs:
            waiting.setdefault(needed, []).append(task)
    free = [task for task, needs in core.items() if not needs]
    while free:
        done = free.pop()
        del core[done]
        for task in waiting.get(done, ()):
            core[task].discard(done)
            free += [task] if not core[task] else []
    return core


def _reached(start: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    wanted = list(needs[start])
    while wanted:
        task = wanted.pop()
        if task not in found:
            found.add(task)
            wanted += needs[task]
    return found
