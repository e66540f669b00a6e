"""`run tail`: the journal's lines as they are, those to come too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.run_site import find_run, read_run
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.store import Store

_PAUSE_S: Final = 0.2


def tail_run(
    store: Store, text: str, *, follow: bool = False, since: int | None = None, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the events of a run after a number, at most the last `limit` of those that are there.

    Following ends at the run's end. Raises: run_not_found, run_journal_corrupt, run_steps_mismatch.
    """
    site = find_run(store, text)
    known = read_run(site)
    wanted = [event for event in known.events if since is None or event["seq"] > since]
    yield from wanted if limit is None else wanted[-limit:] if limit else []
    shown = len(known.events)
    while follow and known.state.status not in TERMINAL:
        time.sleep(_PAUSE_S)
        known = read_run(site)
        yield from known.events[shown:]
        shown = max(shown, len(known.events))


def tail_log(store: Store, text: str, step: int | None = None) -> str:
    """Return the log of a step's last attempt, the newest one's without a step. Raises: step_not_found."""
    known = read_run(find_run(store, text))
    tried = [state for state in known.state.walk.steps.values() if state.last is not None]
    found = [state for state in tried if step is None or state.index == step]
    tree = WorkTree(store.root)
    for state in reversed(found):
        assert state.last is not None
        data = tree.bytes_of(known.site.log(state.index, state.last.number))
        if data is not None:
            return data.decode("utf-8", "replace")
    raise StateError("step_not_found", "no step of this run has left a log here")
