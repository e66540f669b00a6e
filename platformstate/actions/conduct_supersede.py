"""A run in place of another: what was done is carried, what changed is done anew, never in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from platformstate.actions.operators import require_operator
from platformstate.actions.run_copies import is_pinned, refuse_behind
from platformstate.actions.run_site import KnownRun, find_run, read_run, site_of
from platformstate.errors import StateError
from platformstate.policy.pin import Pin
from platformstate.policy.standing import RunFacts, next_action
from platformstate.policy.walking import carry

if TYPE_CHECKING:
    from platformstate.store import Store

_ALLOWED = frozenset({"suspended", "failed", "aborted"})


class Superseded(NamedTuple):
    """The run that is replaced: (new index, old index) of each carried step, and what these captured."""

    known: KnownRun
    pairs: tuple[tuple[int, int], ...]
    captured: dict[int, str]


def supersede(store: Store, subject: str, text: str, pin: Pin, allow_reorder: bool) -> Superseded:
    """Return what a new run takes from an old one.

    What a run of elsewhere says of its steps, an operator believes or nobody.
    Raises: run_not_found, run_transition_refused, run_locked, run_decision_required, run_journal_behind,
    operator_required, procedure_order_changed.
    """
    site = find_run(store, text)
    known = read_run(site)
    if site.subject != subject or known.state.status not in _ALLOWED or known.pin is None:
        raise StateError(
            "run_transition_refused",
            f"{site.named} is a {known.state.status} run of {site.subject}; "
            f"only a suspended, failed or aborted run of {subject} can be superseded",
            hint=f"platformctl run abort {site.named} --reason TEXT",
        )
    if site.lease.is_held():
        raise site.lease.refusal()
    refuse_behind(store, site, known.events)
    if not is_pinned(store, site, known.state):
        require_operator(store, "superseding a run that was conducted elsewhere")
    if known.state.status == "suspended" and next_action(known.state, known.pin, RunFacts()) == "decide":
        raise StateError(
            "run_decision_required",
            f"{site.named} asks what happened to a step; decide first",
            hint=f"platformctl run decide {site.named} redo|done|skip|abort --reason TEXT",
        )
    carried = carry(known.pin.steps, known.state.walk, pin.steps)
    if carried.before and not allow_reorder:
        keys = ", ".join(pin.steps[index].key for index in carried.before[:5])
        raise StateError(
            "procedure_order_changed",
            f"{keys} would be run now although a step after it was done already",
            hint="repeat it with --allow-reorder if that order does no harm",
        )
    captured = {
        new: said for new, was in carried.pairs if (said := captured_by(store, known, was)) is not None
    }
    return Superseded(known, carried.pairs, captured)


def captured_by(store: Store, known: KnownRun, index: int) -> str | None:
    """Return what a step captured in a run, or in the run from which it was carried there."""
    step = known.state.walk.at(index)
    if step.carried is None:
        return step.captured
    run, was = step.carried
    return captured_by(store, read_run(site_of(store, known.site.subject, run)), was)


def carried_captures(store: Store, known: KnownRun) -> dict[int, str]:
    """Return what the carried steps of a run captured where they were done."""
    found = {
        index: captured_by(store, known, index)
        for index, step in known.state.walk.steps.items()
        if step.carried
    }
    return {index: text for index, text in found.items() if text is not None}


def abort_superseded(store: Store, old: Superseded, successor: str) -> None:
    """End the old run before its successor is pinned; one that has ended already stays as it is."""
    if old.known.state.status != "suspended":
        return
    from platformstate.actions.conduct_open import opened
    from platformstate.actions.conduct_walk import abort

    conduct = opened(store, old.known, f"supersede by {successor}")
    try:
        abort(conduct, store.actor, "superseded", successor=successor)
    finally:
        conduct.close()
