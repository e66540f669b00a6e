"""Rules between records: what a record names exists, is of the right kind, and leads to no circle. Pure.

Which fields name other records is the schemas' `x-ref`; whether a target exists is read off the
paths of the tree, since a record's id is its path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from platformstate.codec import locate
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.kind import Shape
from platformstate.errors import Problem, shown
from platformstate.policy.present import Present

# field -> (kinds it stands in, code of a circle through it)
CHAINS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "depends_on": (("task",), "task_dependency_cycle"),
    "parent_run": (("run",), "reference_cycle"),
    "supersedes": (("checkpoint", "run"), "reference_cycle"),
}
SUBJECT_FILES: Final[Mapping[str, str]] = {
    "task": "state/tasks/{}/task.md",
    "job": "state/jobs/{}/job.md",
    "procedure": "state/procedures/{}/procedure.md",
}


class Reference(NamedTuple):
    """One value that names another record, and where it stands."""

    pointer: str
    target: str
    kind: str
    same_subject: bool


def reference_problems(document: Document[Any], present: Present) -> Iterator[Problem]:
    """Yield each reference of a record that leads nowhere, to the wrong kind, or back to itself."""
    for reference in references(document):
        target = target_path(document, reference, present)
        if target == document.path:
            yield _problem(document, reference, "reference_self", f'names itself: "{reference.target}"')
        elif target is None:
            yield _missing(document, reference, present)


def references(document: Document[Any]) -> Iterator[Reference]:
    """Yield every value of a record that its schema says names another record."""
    naming = _naming(document.kind.name)
    return iter(()) if naming is None else _walk(document.meta, naming, "")


class _Naming(NamedTuple):
    """What of a shape names records: here, or at the keys or items below."""

    ref: str | None
    same_subject: bool
    keys: tuple[tuple[str, _Naming], ...]
    items: _Naming | None


@cache
def _naming(kind: str) -> _Naming | None:
    return _pruned(KINDS[kind].shape)


def _pruned(shape: Shape) -> _Naming | None:
    keys = tuple((key, below) for key, child in shape.keys.items() if (below := _pruned(child)))
    items = None if shape.items is None else _pruned(shape.items)
    found = _Naming(shape.ref, shape.same_subject, keys, items)
    return found if shape.ref is not None or keys or items else None


def _walk(value: Any, naming: _Naming, pointer: str) -> Iterator[Reference]:
    if naming.ref is not None and isinstance(value, str):
        yield Reference(pointer, value, naming.ref, naming.same_subject)
    elif isinstance(value, dict):
        for key, below in naming.keys:
            if key in value:
                yield from _walk(value[key], below, f"{pointer}/{key}")
    elif isinstance(value, list) and naming.items is not None:
        for index, item in enumerate(value):
            yield from _walk(item, naming.items, f"{pointer}/{index}")


def target_path(document: Document[Any], reference: Reference, present: Present) -> str | None:
    """Return the path of the record that a reference names; None when there is none."""
    place = places.place_of(document.path)
    subject = (place.subject if place else None) or ""
    path: str | None
    if reference.kind in SUBJECT_FILES:
        path = SUBJECT_FILES[reference.kind].format(reference.target)
    elif reference.kind == "subject":
        kind, _, name = reference.target.partition("/")
        path = SUBJECT_FILES.get(kind, "{}").format(name)
    elif reference.kind == "run":
        path = _run_target(reference, subject, present)
    else:
        path = _checkpoint_target(reference.target, subject, present)
    return path if path is not None and path in present else None


def _run_target(reference: Reference, subject: str, present: Present) -> str | None:
    if reference.same_subject:
        return places.run_path(subject, reference.target)
    job, slash, run = reference.target.partition("/")
    if slash:
        return places.run_path(f"job/{job}", run)
    return present.run(reference.target)


def _checkpoint_target(target: str, subject: str, present: Present) -> str | None:
    """Find a checkpoint in any run at the same subject: that is as far as one may supersede."""
    begin = places.run_path(subject, "x").removesuffix("x/run.md") if subject else "state/"
    return present.checkpoint(target, begin)


def _missing(document: Document[Any], reference: Reference, present: Present) -> Problem:
    other = present.kind_of(reference.target.rpartition("/")[2])
    wanted = "task, job or procedure" if reference.kind == "subject" else reference.kind
    if other is not None and other != reference.kind and reference.kind != "subject":
        return _problem(
            document,
            reference,
            "reference_kind_wrong",
            f'"{shown(reference.target)}" is a {other}, not a {wanted}',
        )
    return _problem(
        document, reference, "reference_dangling", f'there is no {wanted} "{shown(reference.target)}"'
    )


def _problem(document: Document[Any], reference: Reference, code: str, message: str) -> Problem:
    line, col = locate.position(document.source or "", KINDS[document.kind.name].container, reference.pointer)
    field = reference.pointer.split("/")[1]
    fix = f"name an existing {reference.kind} in {field}, or take this one out"
    if reference.kind == "subject" and document.kind.name in ("run", "receipt"):
        fix = "restore the record that it names (git log --all --diff-filter=D shows when it went); its runs stay its own"
    return Problem(document.path, line, col, code, f"{field}: {message}", fix, reference.pointer)


def circle_problems(
    documents: Iterable[Document[Any]], context: Iterable[Document[Any]] = ()
) -> Iterator[Problem]:
    """Yield one problem for each circle of references, at its first judged member.

    `documents` are judged; `context` are further records through which a circle may lead.
    """
    judged, others = list(documents), list(context)
    for field in CHAINS:
        yield from _circles(field, judged, [*judged, *others])


def is_in_a_chain(document: Document[Any]) -> bool:
    """Say whether a circle may lead through a record."""
    return any(_bears(document, field) for field in CHAINS)


def _bears(document: Document[Any], field: str) -> bool:
    return bool(document.meta.get(field)) and document.kind.name in CHAINS[field][0]


def _circles(
    field: str, judged: Sequence[Document[Any]], every: Sequence[Document[Any]]
) -> Iterator[Problem]:
    bearing = [document for document in every if _bears(document, field)]
    edges = {_node(document): _targets(document, field) for document in bearing}
    told: set[frozenset[str]] = set()
    wanted = (document for document in judged if _bears(document, field))
    for document in sorted(wanted, key=lambda each: each.path):
        circle = circle_through(_node(document), edges)
        if circle is None or len(circle) < 2 or frozenset(circle) in told:
            continue
        told.add(frozenset(circle))
        yield _circle_problem(document, field, CHAINS[field][1], circle)


def circle_through(start: str, edges: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return the shortest way from a node back to itself, without the repeated end; None without one."""
    came_from: dict[str, str] = {}
    queue = [start]
    for node in queue:
        for target in edges.get(node, ()):
            if target == start:
                return _way(start, node, came_from)
            if target not in came_from:
                came_from[target] = node
                queue.append(target)
    return None


def _way(start: str, last: str, came_from: Mapping[str, str]) -> list[str]:
    way = [last]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _node(document: Document[Any]) -> str:
    return str(document.meta.get("id", ""))


def _targets(document: Document[Any], field: str) -> list[str]:
    value = document.meta.get(field, [])
    return [str(name).rpartition("/")[2] for name in (value if isinstance(value, list) else [value])]


def _circle_problem(document: Document[Any], field: str, code: str, circle: Sequence[str]) -> Problem:
    value = document.meta[field]
    pointer = f"/{field}/{value.index(circle[1])}" if isinstance(value, list) else f"/{field}"
    line, col = locate.position(document.source or "", KINDS[document.kind.name].container, pointer)
    message = f"{field} leads in a circle: {' → '.join([*circle, circle[0]])}"
    return Problem(document.path, line, col, code, message, f"take one of them out of {field}", pointer)
