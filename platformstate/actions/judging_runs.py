"""Judge the runs of a change: headers by their journals, journals by themselves and by what they pinned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.codec.journal import chain_problems, layout_problems
from platformstate.core import places
from platformstate.core.document import Document
from platformstate.errors import Problem
from platformstate.policy.checkpoint_rules import checkpoint_problems
from platformstate.policy.identity import journal_identity_problems
from platformstate.policy.journal import journal_problems
from platformstate.policy.run_header import header_problems, run_actor

if TYPE_CHECKING:
    from platformstate.actions.judging_part import Part
    from platformstate.policy.pin import Pin
    from platformstate.policy.steps import Event

_Rows = tuple[tuple[int, dict[str, Any]], ...]


def run_problems(part: Part, documents: Sequence[Document[Any]]) -> Iterator[Problem]:
    """Yield what is wrong with runs; a run whose journal or header has a finding has none at its receipt."""
    selected = [document for document in documents if document.path in part.selected]
    found: list[Problem] = []
    for document in selected:
        if document.kind.name == "checkpoint":
            yield from checkpoint_problems(document, _actor(part, document.path))
        elif document.kind.name == "run":
            found += _header_problems(part, document)
    found += [problem for path in _journals(part) for problem in _journal_problems(part, path)]
    yield from found
    for path in part.judged:
        if path.endswith("/events.jsonl"):
            yield from _kept_problems(part, path)
    told = {problem.path.rpartition("/")[0] for problem in found}
    for document in documents:
        if document.kind.name == "receipt" and document.path.rpartition("/")[0] not in told:
            yield from _receipt_problems(part, document)


def _journals(part: Part) -> frozenset[str]:
    """Return the journals to judge: the selected ones, and those beside a selected pin."""
    pins = {path for path in part.selected if path.endswith("/resolved_steps.json")}
    beside = {path.removesuffix("resolved_steps.json") + "events.jsonl" for path in pins}
    return (part.selected | beside) & part.judged.keys()


def _actor(part: Part, checkpoint: str) -> str | None:
    folder = checkpoint.rpartition("/checkpoints/")[0]
    rows = _rows(part, f"{folder}/events.jsonl")
    header = part.judged.get(f"{folder}/run.md")
    return run_actor(rows, header.document.meta if header and header.document else None)


def _rows(part: Part, path: str) -> _Rows:
    judged = part.judged.get(path)
    return judged.rows or () if judged else ()


def _receipt_problems(part: Part, receipt: Document[Any]) -> Iterator[Problem]:
    path = receipt.path.removesuffix("run_receipt.json") + "events.jsonl"
    rows, data = _rows(part, path), part.data.get(path)
    if part.selected.isdisjoint((path, receipt.path)) or (path in part.names and not rows):
        return
    from platformstate.policy.receipt_rules import receipt_problems

    journal = data if isinstance(data, bytes) else b""
    events = [event for _, event in rows]
    yield from receipt_problems(receipt, events, journal, _pin(part, path, events))


def _pin(part: Part, journal: str, events: Sequence[Event]) -> Pin | None:
    """Return the steps that a journal recorded, None when those beside it are others or none."""
    path = journal.removesuffix("events.jsonl") + "resolved_steps.json"
    judged, data = part.judged.get(path), part.data.get(path)
    if judged is None or judged.document is None or not isinstance(data, bytes):
        return None
    from platformstate.policy.pin_rules import recorded_pin  # few runs have a pin

    return recorded_pin(events, data, judged.document.meta)


def _kept_problems(part: Part, journal: str) -> Iterator[Problem]:
    """Compare what a run recorded with the files beside its journal, when that or they are selected."""
    recorded = dict(recorded_beside(part, journal))
    if recorded.keys().isdisjoint(part.selected) and journal not in part.selected:
        return
    from platformstate.policy.kept_files import kept_file_problems  # few runs keep files

    files = {path: data for path in recorded if isinstance(data := part.data.get(path), bytes)}
    yield from kept_file_problems(recorded, files)


def recorded_beside(part: Part, journal: str) -> Iterator[tuple[str, str]]:
    """Yield path and sha256 of each file that a journal recorded."""
    from platformstate.policy.kept_files import kept_files

    folder = journal.removesuffix("events.jsonl")
    for below, digest in kept_files(event for _, event in _rows(part, journal)):
        yield f"{folder}{below}", digest


def _header_problems(part: Part, header: Document[Any]) -> Iterator[Problem]:
    path = header.path.removesuffix("run.md") + "events.jsonl"
    if path in part.names and (not _rows(part, path) or _chain_problems(part, path)):
        return  # The journal has its own finding.
    yield from header_problems(header, _rows(part, path))


def _journal_problems(part: Part, path: str) -> Iterator[Problem]:
    rows = _rows(part, path)
    place = places.place_of(path)
    if place is None or place.kind not in ("event", "ledger") or part.judged[path].rows is None:
        return
    if place.kind == "event":
        yield from _rules_of_a_journal(part, path, rows)
    yield from journal_identity_problems(rows, path)


def _rules_of_a_journal(part: Part, path: str, rows: _Rows) -> Iterator[Problem]:
    yield from (
        _chain_problems(part, path)
        or _layout_problems(part, path)
        or journal_problems(rows, path)
        or _pin_problems(part, path)
    )


def _layout_problems(part: Part, path: str) -> tuple[Problem, ...]:
    data = part.data[path]
    if part.judged[path].chained or isinstance(data, int):
        return ()
    return layout_problems(_rows(part, path), data, path)


def _chain_problems(part: Part, path: str) -> tuple[Problem, ...]:
    return () if part.judged[path].chained else chain_problems(_rows(part, path), path)


def _pin_problems(part: Part, path: str) -> Iterator[Problem]:
    """Compare a journal with the steps that it pinned; a pin that breaks its schema has its own finding."""
    pin = path.removesuffix("events.jsonl") + "resolved_steps.json"
    judged, data = part.judged.get(pin), part.data.get(pin)
    if judged is not None and judged.document is None:
        return
    from platformstate.policy.pin_rules import pin_problems  # few journals have a pin

    value = None if judged is None or judged.document is None else judged.document.meta
    rows = _rows(part, path)
    yield from pin_problems(rows, path, data if isinstance(data, bytes) else None, value, pin)
