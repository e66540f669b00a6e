"""Rules that tie a record to its place: the file says what its folder says, and ids are unique. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import Any

from platformstate.codec import locate
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.ids import is_timed_id
from platformstate.core.places import Place
from platformstate.errors import Problem, shown


def identity_problems(document: Document[Any]) -> tuple[Problem, ...]:
    """Return where a record names another id, task, run or subject than its path does."""
    place = places.place_of(document.path)
    if place is None or document.kind.name in ("store", "template", "resolved_steps"):
        return ()  # they name no id: there is one store, and a pin is of any run with these steps
    return tuple(_mismatches(document, _expected(document.kind.name, place)))


def journal_identity_problems(
    rows: Sequence[tuple[int, Mapping[str, Any]]], path: str
) -> tuple[Problem, ...]:
    """Return where a journal's first event, or a ledger's line, names another place than its path does."""
    place = places.place_of(path)
    if place is None or not rows:
        return ()
    if place.kind == "ledger":
        job = (place.subject or "").partition("/")[2]
        wrong = [(line, row["job"]) for line, row in rows if row["job"] != job]
        return tuple(_mismatch(path, line, 1, "/job", has, job) for line, has in wrong)
    line, event = rows[0]
    wanted = {"run": place.run or place.id, "subject": place.subject or ""}
    return tuple(
        _mismatch(path, line, 1, f"/{name}", event[name], value)
        for name, value in wanted.items()
        if name in event and event[name] != value
    )


def duplicate_problems(paths: Iterable[str], judged: frozenset[str] | None = None) -> tuple[Problem, ...]:
    """Return each run or checkpoint whose id another record of its kind has, sorted by path.

    Other kinds have their id as their path, so that two of them cannot meet; a run's id may be a
    job's slot, which is unique within its job only. With `judged`, only those paths are reported.
    """
    first: dict[tuple[str, str], str] = {}
    found = []
    for path in sorted(paths if judged is None else _with_an_id_of(paths, judged)):
        place = _minted(path)
        if place is None:
            continue
        other = first.setdefault((place.kind, place.id.casefold()), path)
        if other != path and (judged is None or not judged.isdisjoint((path, other))):
            message = f"the {place.kind} id {place.id} is also that of {other}"
            fix = "give one of them a new id; a copied record is a new record"
            found.append(Problem(path, 1, 1, "id_duplicate", message, fix, "/id"))
    return tuple(found)


def _with_an_id_of(paths: Iterable[str], judged: frozenset[str]) -> list[str]:
    """Return the paths in which the id of a judged record stands: all others cannot meet one."""
    names = {place.id.casefold() for path in judged if (place := _minted(path)) is not None}
    if not names:
        return []
    return [path for path in paths if not names.isdisjoint(path.casefold().replace(".", "/").split("/"))]


def _minted(path: str) -> Place | None:
    if not path.endswith(".md") or "/runs/" not in path:
        return None
    place = places.place_of(path)
    return place if place is not None and is_timed_id(place.id) else None


def _expected(kind: str, place: Place) -> dict[str, str]:
    wanted = {"id": place.id}
    if kind == "run":
        wanted["subject"] = place.subject or ""
    elif kind == "checkpoint":
        wanted |= {"run": place.run or "", **_task_of(place)}
    elif kind == "receipt":
        wanted = {"run": place.run or place.id, "subject": place.subject or ""}
    return wanted


def _task_of(place: Place) -> dict[str, str]:
    kind, _, name = (place.subject or "").partition("/")
    return {"task": name} if kind == "task" else {}


def _mismatches(document: Document[Any], wanted: Mapping[str, str]) -> Iterator[Problem]:
    container = KINDS[document.kind.name].container
    for name, value in wanted.items():
        if document.meta.get(name) != value:
            line, col = locate.position(document.source or "", container, f"/{name}")
            yield _mismatch(document.path, line, col, f"/{name}", document.meta.get(name), value)


def _mismatch(path: str, line: int, col: int, pointer: str, has: object, wanted: str) -> Problem:
    name = pointer[1:]
    message = f'{name} is "{shown(has)}", the folder says "{wanted}"' if has else f"{name} is missing here"
    home = _home(path, f"job/{has}" if name == "job" else str(has)) if name in ("job", "subject") else None
    fix = f"write {name}: {wanted}, or move the file" if home is None else _moved_back(path, home)
    return Problem(path, line, col, "path_mismatch", message, fix, pointer)


def _home(path: str, subject: str) -> str | None:
    """Return where a part of a run, or a ledger, belongs by the subject that it names; None where that is no place."""
    kind, _, name = subject.partition("/")
    if kind not in places.SUBJECT_FOLDERS:
        return None
    home = "/".join((f"{places.STATE}{places.SUBJECT_FOLDERS[kind]}", name, *path.split("/")[3:]))
    return None if places.place_of(home) is None else home


def _moved_back(path: str, home: str) -> str:
    """Return the command that moves what was recorded of a subject back to it, a run as a whole, over nothing."""
    here = "/".join(path.split("/")[: 5 if path.split("/")[3] == "runs" else None])
    there = quote("/".join(home.split("/")[:4]))
    return f"mkdir -p {there} && mv -n {quote(here)} {there}/; what was recorded stays its subject's"
