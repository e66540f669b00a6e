"""What a tree's files say of one run: its folded journal and its pinned steps, as far as they can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate.codec.journal import chain_problems, layout_problems
from platformstate.core.places import Place, journal_path, run_folder
from platformstate.errors import Problem
from platformstate.policy.chain import RunFacts
from platformstate.policy.journal import folded

if TYPE_CHECKING:
    from platformstate.policy.pin import Pin
    from platformstate.validation import Judged

Rows = tuple[tuple[int, dict[str, Any]], ...]


def pin_path(subject: str, run: str) -> str:
    """Return the path of a run's pinned steps."""
    return f"{run_folder(subject, run)}/resolved_steps.json"


def run_of(
    place: Place, judged: Mapping[str, Judged], files: Mapping[str, bytes]
) -> tuple[RunFacts | None, tuple[Problem, ...]]:
    """Return the run whose journal stands at a place, and what is wrong with it.

    None stands for a run of which nothing can be believed. A journal that holds beside a pin that does
    not is a run with a fault and without steps.
    """
    subject = str(place.subject)
    path, steps = journal_path(subject, place.id), pin_path(subject, place.id)
    rows = judged[path].rows
    if rows is None:
        return None, ()
    if faults := chain_problems(rows, path) or layout_problems(rows, files[path], path):
        return None, faults[:1]
    state, faults = folded(rows, path)
    if state is None:
        return None, faults
    events = [event for _, event in rows]
    pin, wrong = _pin(rows, path, steps, judged, files)
    fault = wrong[0].message if wrong else None
    marks = [event["idempotency"] for event in (events[0], events[-1]) if "idempotency" in event]
    return RunFacts(state.header, events[-1]["at"], state, pin, fault, " ".join(marks) or None), wrong


def _pin(
    rows: Rows, path: str, steps: str, judged: Mapping[str, Judged], files: Mapping[str, bytes]
) -> tuple[Pin | None, tuple[Problem, ...]]:
    if steps not in files and all(event["type"] != "ResolvedStepsRecorded" for _, event in rows):
        return None, ()
    from platformstate.policy.pin import read_pin  # most runs pin no steps
    from platformstate.policy.pin_rules import pin_problems

    read = judged.get(steps)
    document = None if read is None else read.document
    value = None if document is None else document.meta
    wrong = pin_problems(rows, path, files.get(steps), value, steps)
    return (None if wrong or value is None else read_pin(value)), wrong
