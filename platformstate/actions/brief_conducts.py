"""Where the procedures and jobs stand that are conducted for a task."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from platformstate.core.places import Place, journal_path, place_of
from platformstate.errors import Problem, StateError
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.actions.run_site import KnownRun
    from platformstate.core.tree import Tree
    from platformstate.policy.standing import RunFacts
    from platformstate.store import Store

CONDUCTED: Final = ("state/procedures", "state/jobs")
_Name = tuple[str, str]
Standings = tuple[dict[str, Any], ...]


def conducts_of(
    store: Store, task: str, trees: Sequence[Tree], *, at_commit: bool
) -> tuple[Standings, list[Problem]]:
    """Return where each run for a task stands, newest first, and what of them cannot be read.

    The first tree is this worktree unless `at_commit`; of the others those runs count that it lacks.
    """
    found: dict[_Name, dict[str, Any]] = {}
    problems: list[Problem] = []
    for number, tree in enumerate(trees):
        journals = [(place, data) for place, data in _journals(tree, task) if _name(place) not in found]
        if number == 0 and not at_commit:
            found |= _here(store, [place for place, _ in journals], problems)
        else:
            found |= {
                _name(place): stood
                for place, data in journals
                if (stood := _there(tree, place, data, problems))
            }
    return tuple(found[run] for run in sorted(found, reverse=True)), problems


def _name(place: Place) -> _Name:
    """Return what tells a run from all others: of two jobs the runs of one instant have one id."""
    return place.id, str(place.subject)


def _journals(tree: Tree, task: str) -> Iterator[tuple[Place, bytes]]:
    """Yield the place and bytes of each journal whose first line names the task."""
    for folder in CONDUCTED:
        places = ((entry.path, place_of(entry.path)) for entry in tree.entries(folder))
        journals = {path: place for path, place in places if place and place.kind == "event"}
        for path, data in tree.read(journals):
            if _serves(data.partition(b"\n")[0], task):
                yield journals[path], data


def _serves(line: bytes, task: str) -> bool:
    if b'"task"' not in line:
        return False
    try:
        defined = json.loads(line)
    except ValueError:
        return False
    return isinstance(defined, Mapping) and defined.get("task") == task


def _here(store: Store, places: Sequence[Place], problems: list[Problem]) -> dict[_Name, dict[str, Any]]:
    if not places:
        return {}
    from platformstate.actions.run_show import facts_beside
    from platformstate.actions.run_site import read_run, site_of
    from platformstate.policy.standing import standing

    known = {}
    for place in places:
        try:
            known[_name(place)] = read_run(site_of(store, str(place.subject), place.id))
        except StateError as fault:
            problems.append(_problem(place, fault))
    ended = {name: run for name, run in known.items() if run.state.status in TERMINAL}
    facts = {name: facts_beside(store, run) for name, run in known.items() if name not in ended}
    facts |= _ended(store, ended)
    return {name: standing(run.state, run.pin, facts[name]) for name, run in known.items()}


def _ended(store: Store, runs: Mapping[_Name, KnownRun]) -> dict[_Name, RunFacts]:
    """Return what lies beside runs that have ended: of all of them git is asked once."""
    from platformstate.actions.run_copies import is_pinned
    from platformstate.policy.standing import RunFacts

    if not runs:
        return {}
    committed = (
        {}
        if store.repository.head is None
        else dict(store.tree("HEAD").read([run.site.journal for run in runs.values()]))
    )
    return {
        name: RunFacts(
            pin_verified=None if run.pin is None else is_pinned(store, run.site, run.state),
            last_seq=len(run.events) - 1,
            committed_seq=_last(committed.get(run.site.journal, b"")),
        )
        for name, run in runs.items()
    }


def _last(journal: bytes) -> int | None:
    return journal.count(b"\n") - 1 if journal else None


def _there(tree: Tree, place: Place, data: bytes, problems: list[Problem]) -> dict[str, Any] | None:
    from platformstate.actions.run_reading import pin_path, run_of
    from platformstate.policy.standing import RunFacts, standing
    from platformstate.policy.walking import AttemptFacts
    from platformstate.store.reading import judged

    path, steps = journal_path(str(place.subject), place.id), pin_path(str(place.subject), place.id)
    files = {path: data, **dict(tree.read([steps]))}
    read = {name: judged(text, name) for name, text in files.items()}
    run, faults = run_of(place, read, files)
    problems += [fault for one in read.values() for fault in one.problems if fault.severity == "error"]
    problems += faults
    if run is None or run.state is None:
        return None
    last = _last(data) or 0
    # Of a commit nobody knows who holds what: an attempt that is open there proves nothing.
    facts = RunFacts(AttemptFacts(place="other_place"), last_seq=last, committed_seq=last)
    return {**standing(run.state, run.pin, facts), "condition": None}


def _problem(place: Place, fault: StateError) -> Problem:
    path = fault.path or journal_path(str(place.subject), place.id)
    return Problem(path, fault.line or 1, fault.col or 1, fault.code, fault.message, fault.hint or "")
