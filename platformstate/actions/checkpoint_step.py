"""The pinned step that a checkpoint speaks of, and the events with which it says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions.run_files import header_text
from platformstate.actions.run_site import RunSite, site_of
from platformstate.actions.task_pin import pin_event, task_pin
from platformstate.codec.journal import ZERO_HASH, encode
from platformstate.codec.jsonl import parse_lines
from platformstate.errors import StateError
from platformstate.policy.by_hand import told
from platformstate.policy.journal import RunState, fold
from platformstate.policy.pin import Pin, pin_bytes
from platformstate.policy.walking import cursor, where
from platformstate.runner import Journal, Position

if TYPE_CHECKING:
    from platformstate.actions.run_opening import OpenedRun
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.policy.chain import RunFacts
    from platformstate.store import Store
    from platformstate.store.change import FileChange


class ToldStep(NamedTuple):
    """What a checkpoint says of a step: the field, the files that change with it, where the journal is then."""

    field: dict[str, Any]
    files: tuple[FileChange, ...]
    site: RunSite
    position: Position


def stands_at(run: RunFacts | None) -> dict[str, Any] | None:
    """Return the step at which a run stands, None when none is pinned or all are done."""
    if run is None or run.pin is None or run.state is None:
        return None
    index = cursor(run.pin.steps, run.state.walk)
    return None if index is None else where(run.pin.steps, run.state.walk, index)


def tell_step(
    store: Store,
    folder: TaskFolder,
    run: str,
    opening: OpenedRun | None,
    said: tuple[str, str],
    at: str,
) -> ToldStep:
    """Return what it takes to say in a run's journal that a step was begun, is done or has failed.

    `opening` is a run that comes to be. A run without pinned steps gets the task's plan.
    Raises: step_not_found, step_out_of_order, run_transition_refused.
    """
    site = site_of(store, f"task/{folder.task_id}", run)
    before = folder.files.get(site.journal)
    opened = () if opening is None else opening.events
    events = [*(row for _, row in parse_lines(before or b"", site.journal).rows), *_numbered(opened)]
    at = max([at, *(str(event["at"]) for event in events[-1:])])  # a clock may have gone back
    known = next((facts for facts in folder.runs if facts.id == run), None)
    pinned = opening.pin if opening is not None else None if known is None else known.pin
    pin = pinned or _plan(store, folder.task_id)
    new = [] if pinned is not None else [pin_event(pin, at)]
    added = [*new, *told(pin, _state([*events, *new]), *said, at=at, actor=store.actor)]
    state = _state([*events, *added])
    return _told(site, folder, pin, state, before, (opened, added), said[0])


def _told(
    site: RunSite,
    folder: TaskFolder,
    pin: Pin,
    state: RunState,
    before: bytes | None,
    events: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]],
    key: str,
) -> ToldStep:
    from platformstate.store.change import FileChange

    opened, added = events
    rows = [row for _, row in parse_lines(before or b"", site.journal).rows]
    h = rows[-1]["h"] if rows else ZERO_HASH
    journal = (before or b"") + encode([*opened, *added], seq=len(rows), h=h)
    last = parse_lines(journal, site.journal).rows[-1][1]
    steps, header = pin_bytes(pin), folder.files.get(site.header)
    files = (
        FileChange(site.header, header, header_text(site, state, pin, header)),
        FileChange(site.journal, before, journal, append=True),
        FileChange(site.pin, folder.files.get(site.pin), steps),
    )
    index = next(step.index for step in pin.steps if step.key == key)
    position = Position(sha256(steps).hexdigest(), int(last["seq"]), str(last["h"]))
    return ToldStep(where(pin.steps, state.walk, index), files, site, position)


def _plan(store: Store, task: str) -> Pin:
    pin = task_pin(store, task)
    if pin is None:
        raise StateError(
            "step_not_found",
            f"task {task} has no plan, so a run at it has no steps",
            hint=f'platformctl task update {task} --plan "KEY=TEXT"',
        )
    return pin


def _numbered(events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return ({**event, "seq": number} for number, event in enumerate(events))


def _state(events: Sequence[dict[str, Any]]) -> RunState:
    return fold([{**event, "seq": number} for number, event in enumerate(events)])


@contextmanager
def journal_held(store: Store, task: str, run: str | None) -> Iterator[None]:
    """Let no other process append to a run's journal meanwhile; a run that is not there needs nothing."""
    site = None if run is None else site_of(store, f"task/{task}", run)
    if site is None or (store.laid(site.journal) is not None and not (store.root / site.journal).exists()):
        yield  # nothing can append to what a batch has not written yet
        return
    with Journal.open(store.root, site.journal, torn=site.torn) as journal, journal.held():
        yield
