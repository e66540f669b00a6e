"""`run hold` and `run abort`: ask a living conductor to stop, or do it where none is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.answer import Answer, written
from platformstate.actions.conduct_open import Conduct, opened
from platformstate.actions.conduct_settle import settlement_of
from platformstate.actions.conduct_walk import abort
from platformstate.actions.operators import is_operator
from platformstate.actions.run_site import KnownRun, find_run, read_run
from platformstate.errors import StateError
from platformstate.policy.journal import TERMINAL
from platformstate.policy.standing import RunFacts, next_action
from platformstate.runner import Request, stop_orphans

if TYPE_CHECKING:
    from platformstate.store import Store

WAIT_S: Final = 60.0
_PAUSE_S: Final = 0.05
_GRACE_S: Final = 10.0


def hold_run(
    store: Store, text: str, *, now: bool = False, wait_s: float = WAIT_S, reason: str | None = None
) -> Answer:
    """Stop a run after its present step, or at once; a crashed one is only suspended.

    Raises: run_not_found, run_transition_refused, run_locked (it did not stop in time).
    """
    known = read_run(find_run(store, text))
    if known.state.status not in ("running", "suspended"):
        raise _refused(known, "held")
    verb = "hold-now" if now else "hold"
    if known.state.status == "running" and _asked(store, known, verb, reason, wait_s):
        return _told(read_run(known.site))
    if known.state.status == "suspended":
        return _told(known)
    with opened(store, known, "run hold") as conduct:
        if conduct.status == "running":
            conduct.append(conduct.event("RunSuspended", reason="held", actor=store.actor))
            conduct.commit("RunSuspended")
        return _written(conduct)


def abort_run(store: Store, text: str, *, reason: str, wait_s: float = WAIT_S) -> Answer:
    """End a run: its conductor's step first, then the run; an outcome nobody knows is named.

    Raises: run_not_found, run_transition_refused, operator_required, run_locked.
    """
    known = read_run(find_run(store, text))
    if known.state.status in TERMINAL:
        raise _refused(known, "aborted")
    if not is_operator(store) and store.actor != known.state.header["actor"]:
        raise StateError(
            "operator_required",
            f"{known.site.named} is {known.state.header['actor']}'s; {store.actor} may not end it",
            hint="an operator, or its own actor, may",
        )
    if known.state.status == "running" and _asked(store, known, "abort", reason, wait_s):
        return _told(read_run(known.site))
    if not stop_orphans(known.site.lease, _GRACE_S):
        raise known.site.lease.refusal()
    with opened(store, known, "run abort") as conduct:
        if conduct.folding.walk.open is not None:
            step = conduct.pin.steps[conduct.folding.walk.open[0]]
            settled = [
                event
                for event in settlement_of(conduct, step, conduct.state.holder).events
                if event["type"] in ("StepSucceeded", "StepNotStarted")
            ]
            if settled:
                conduct.append(*settled)
        abort(conduct, store.actor, "aborted")
        return _written(conduct)


def replace_run(store: Store, text: str) -> None:
    """End a run of a job that stands still, for a later firing. Raises: run_not_found, run_locked."""
    from platformstate.actions.job_terms_of import job_terms

    known = read_run(find_run(store, text))
    if known.state.status in TERMINAL:
        return
    if not stop_orphans(known.site.lease, _GRACE_S):
        raise known.site.lease.refusal()
    with opened(store, known, "jobs replace") as conduct:
        conduct.terms = job_terms(store, known) or conduct.terms
        abort(conduct, store.actor, "job_replaced")


def _asked(store: Store, known: KnownRun, verb: str, reason: str | None, wait_s: float) -> bool:
    """Ask a living conductor and wait for it; False when there is none. Raises: run_locked."""
    lease = known.site.lease
    if lease.conductor() is None or not lease.is_held():
        return False
    if not lease.ask(Request(verb, store.actor, reason or "")):
        lease.answered()
        return False
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if lease.conductor() is None or not lease.is_held():
            return read_run(known.site).state.status != "running"
        time.sleep(_PAUSE_S)
    raise StateError(
        "run_locked",
        f"{known.site.named} did not stop within {wait_s:g} s; it was asked to",
        hint="repeat it, or with --now",
        retryable=True,
    )


def _refused(known: KnownRun, what: str) -> StateError:
    return StateError(
        "run_transition_refused",
        f"{known.site.named} is {known.state.status}; it cannot be {what}",
        hint=f"platformctl run show {known.site.named}",
        path=known.site.journal,
    )


def _told(known: KnownRun) -> Answer:
    data: dict[str, Any] = {
        "run": known.site.named,
        "status": known.state.status,
        "reason": known.state.reason,
        "next_action": next_action(known.state, known.pin, RunFacts()),
        "commit": None,
        "pending": False,
        "write": None,
    }
    return Answer(data)


def _written(conduct: Conduct) -> Answer:
    state = conduct.state
    data: dict[str, Any] = {
        "run": conduct.site.named,
        "status": state.status,
        "reason": state.reason,
        "next_action": next_action(state, conduct.pin, RunFacts()),
    }
    if conduct.last is None:
        return Answer({**data, "commit": None, "pending": False, "write": None})
    return written(data, conduct.last)
