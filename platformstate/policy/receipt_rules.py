"""Compare a run's receipt with its journal, from which it is rendered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from platformstate.codec import locate
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.errors import Problem, shown
from platformstate.policy.journal import TERMINAL, JournalBroken, RunState, fold
from platformstate.policy.pin import Pin
from platformstate.policy.receipt import counts, references, told
from platformstate.policy.steps import Event

_FIX: Final = "restore the receipt from the commit that wrote it, or let platformctl run resume make it again"


def receipt_problems(
    receipt: Document[Any], events: Sequence[Event], journal: bytes, pin: Pin | None
) -> Iterator[Problem]:
    """Yield the first field in which a receipt says otherwise than its journal and the steps pinned there.

    A journal that breaks its own rules has its own finding and none here, a pin that is not there too.
    """
    if not events:
        message = "no events.jsonl stands beside it, so that nothing bears it out"
        yield _problem(receipt, "journal", message)
        return
    try:
        state = fold(events)
    except JournalBroken:
        return
    if state.status not in TERMINAL:
        message = f"it tells of an end, and the run is {state.status}"
        yield _problem(receipt, "status", message)
        return
    says = {**told(state, events, journal), **_of_the_pin(receipt, state, pin)}
    differing = [key for key, value in says.items() if receipt.meta.get(key) != value]
    if differing:
        name = differing[0]
        has, said = shown(receipt.meta.get(name, "absent")), shown(says[name])
        others = f" (also: {', '.join(differing[1:])})" if differing[1:] else ""
        yield _problem(receipt, name, f'{name} is "{has}", the journal says "{said}"{others}')


def _of_the_pin(receipt: Document[Any], state: RunState, pin: Pin | None) -> dict[str, Any]:
    if state.walk.pin is not None and pin is None:
        return {}
    said = receipt.meta["references"]
    steps = None if pin is None else counts(state, pin)
    return {"steps": steps, "references": {**references(state, pin), "trusted_ref": said["trusted_ref"]}}


def _problem(receipt: Document[Any], name: str, message: str) -> Problem:
    line, col = locate.position(receipt.source or "", KINDS["receipt"].container, f"/{name}")
    return Problem(receipt.path, line, col, "run_header_differs", message, _FIX, f"/{name}")
