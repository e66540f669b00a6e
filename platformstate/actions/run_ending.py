"""End a run at a task: the event that ends it, and the files that follow from it, for one change.

Whoever ends a run puts `ended(...).files` into the change that it makes, and `.lease` with them.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions.run_files import header_text
from platformstate.actions.run_site import RunSite, site_of
from platformstate.codec.journal import encode
from platformstate.codec.jsonl import parse_lines
from platformstate.errors import StateError
from platformstate.policy.claims import Lease, released
from platformstate.policy.journal import TERMINAL, RunState, fold
from platformstate.policy.pin import Pin
from platformstate.policy.receipt import ReceiptFacts, render_receipt, render_summary

if TYPE_CHECKING:
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.policy.chain import RunFacts
    from platformstate.store import Store
    from platformstate.store.change import FileChange

OUTCOMES: Mapping[str, str] = {"succeeded": "RunSucceeded", "failed": "RunFailed", "aborted": "RunAborted"}


class EndedRun(NamedTuple):
    """A run that comes to its end: its folded header, the files that change, its lease given back."""

    header: Mapping[str, Any]
    files: tuple[FileChange, ...]
    lease: Lease | None


def ended(
    store: Store,
    folder: TaskFolder,
    run: RunFacts,
    outcome: str,
    at: str,
    *,
    reason: str | None = None,
    because: str | None = None,
    exit_code: int | None = None,
    successor: str | None = None,
    lease: Lease | None = None,
    mark: str | None = None,
) -> EndedRun:
    """Return what ends a run as succeeded, failed or aborted: journal, header, receipt, summary.

    `reason` is one word (default: released for failed and aborted), `because` what a person said of it.
    A step that is open is named in an abortion, closed as unknown before a success. The lease, given as
    it stands, comes back released. `mark` is what an idempotency key left of the request.
    The journal must be held (`checkpoint_step.journal_held`) until the change is written.
    Raises: run_transition_refused for a run that has ended.
    """
    from platformstate.store.change import FileChange
    from platformstate.store.checking import refuse_bad_files

    site = site_of(store, f"task/{folder.task_id}", run.id)
    if run.header["status"] in TERMINAL:
        raise StateError(
            "run_transition_refused",
            f"{run.id} is {run.header['status']} already",
            hint=f"platformctl run show {run.id}",
            path=site.journal,
        )
    before = folder.files[site.journal]
    rows = [row for _, row in parse_lines(before, site.journal).rows]
    event = _event(store, run, outcome, max(at, str(rows[-1]["at"])))
    said = {"reason": reason or "released", "because": because} if outcome != "succeeded" else {}
    event |= {"exit_code": exit_code if outcome != "aborted" else None, **said}
    event |= {"successor": successor if outcome == "aborted" else None, "idempotency": mark}
    closing = _closing(run, outcome, str(event["at"]))
    added = encode([*closing, _without_none(event)], seq=len(rows), h=rows[-1]["h"])
    refuse_bad_files(
        [FileChange(site.journal, before, before + added, append=True)],
        store.session.settings.allowed_secrets,
    )
    journal = before + added
    events = [row for _, row in parse_lines(journal, site.journal).rows]
    state = fold(events)
    header = folder.files.get(site.header)
    files = (
        FileChange(site.header, header, header_text(site, state, run.pin, header)),
        FileChange(site.journal, before, journal, append=True),
        *_pin_left(store, folder, site),
        *_leavings(store, site, state, run.pin, events, journal),
    )
    return EndedRun(state.header, files, None if lease is None else released(lease, event["at"]))


def _event(store: Store, run: RunFacts, outcome: str, at: str) -> dict[str, Any]:
    event: dict[str, Any] = {"type": OUTCOMES[outcome], "at": at}
    if outcome != "aborted":
        return event
    in_flight = None
    if run.state is not None and run.state.open_attempt is not None:
        index, attempt = run.state.open_attempt
        in_flight = {"step_index": index, "attempt": attempt}
    return {**event, "actor": store.actor, "in_flight": in_flight}


def _closing(run: RunFacts, outcome: str, at: str) -> list[dict[str, Any]]:
    """Return what closes the step that a succeeding run left open: nobody has said how it ended."""
    if outcome != "succeeded" or run.state is None or run.state.open_attempt is None:
        return []
    index, attempt = run.state.open_attempt
    unknown = {"step_index": index, "attempt": attempt, "why": "no_receipt"}
    return [{"type": "StepUnknown", "at": at, **unknown}]


def _without_none(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value is not None}


def _pin_left(store: Store, folder: TaskFolder, site: RunSite) -> tuple[FileChange, ...]:
    """Return the pinned steps of a run that was killed before they were committed."""
    from platformstate.gitrepo import look_up
    from platformstate.store.change import FileChange

    data = folder.files.get(site.pin)
    if data is None or look_up(store.repository, [f"HEAD:{site.pin}"])[0] is not None:
        return ()
    return (FileChange(site.pin, None, data),)


def _leavings(
    store: Store,
    site: RunSite,
    state: RunState,
    pin: Pin | None,
    events: list[dict[str, Any]],
    journal: bytes,
) -> tuple[FileChange, ...]:
    """Return receipt and summary; what a killed process left of them is replaced."""
    from platformstate import __version__
    from platformstate.store.change import FileChange

    trusted = store.trusted_ref()
    tools = {
        "platformstate": __version__,
        "git": store.repository.git_version,
        "python": platform.python_version(),
    }
    facts = ReceiptFacts(journal, tools, None if trusted is None else trusted.ref)
    made = {
        site.receipt: render_receipt(state, pin, events, facts),
        site.summary: render_summary(state, pin, {}).encode(),
    }
    return tuple(FileChange(path, store.bytes_of(path), data) for path, data in made.items())
