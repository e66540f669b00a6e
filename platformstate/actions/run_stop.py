"""`run hold` and `run abort`: ask a living conductor to stop, or do it where none is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.answer import Answer, written
from platformstate.actions.conduct_answer import said
from platformstate.actions.conduct_open import Conduct, opened
from platformstate.actions.conduct_settle import settlement_of
from platformstate.actions.conduct_walk import abort
from platformstate.actions.operators import is_operator
from platformstate.actions.run_site import KnownRun, RunSite, find_run, read_run
from platformstate.actions.said import refuse_event
from platformstate.errors import StateError
from platformstate.policy.journal import TERMINAL
from platformstate.policy.standing import RunFacts, next_action
from platformstate.runner import Request, stop_orphans

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change

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
    if known.state.status not in ("running", "suspended") or known.site.subject.startswith("task/"):
        raise _refused(known, "held")  # an agent is not conducted: it would be ended, not held
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
    event = {"type": "RunAborted", "at": store.now(), "reason": "aborted", "actor": store.actor}
    refuse_event(store, known.site.journal, {**event, "because": reason})
    if known.state.status == "running" and _asked(store, known, "abort", reason, wait_s):
        return _told(read_run(known.site))
    if not stop_orphans(known.site.lease, _GRACE_S):
        raise known.site.lease.refusal()
    if known.site.subject.startswith("task/"):
        return _abort_at_task(store, known.site, reason)
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
        abort(conduct, store.actor, conduct.terms.stop_reason("abort"), because=reason)
        return _written(conduct)


def replace_run(store: Store, text: str) -> None:
    """End a run of a job that stands still, for a later firing. Raises: run_not_found, run_locked."""
    known = read_run(find_run(store, text))
    if known.state.status in TERMINAL:
        return
    if not stop_orphans(known.site.lease, _GRACE_S):
        raise known.site.lease.refusal()
    with opened(store, known, "jobs replace") as conduct:
        abort(conduct, store.actor, conduct.terms.stop_reason("replace"))


def _abort_at_task(store: Store, site: RunSite, reason: str) -> Answer:
    """End an agent's run that no wrapper holds, with or without a plan; its claim is given back."""
    from platformstate.actions.checkpoint_step import journal_held
    from platformstate.actions.claim_remote import give_back

    task = site.subject.partition("/")[2]
    with journal_held(store, task, site.run):
        done = store.write(lambda: _task_change(store, task, site.run, reason))
    lease = done.change.lease
    warnings = () if lease is None else give_back(store, lease)
    next_ = (f"platformctl task show {task}",)
    header = done.change.data
    data = {"run": site.named, "status": header["status"], "reason": header["reason"], "next_action": "none"}
    return written(data, done, next_, warnings)


def _task_change(store: Store, task: str, run_id: str, reason: str) -> Change:
    from platformstate.actions.release import task_after
    from platformstate.actions.run_ending import ended
    from platformstate.actions.signs_of_life import claim_of
    from platformstate.actions.task_folder import read_task_folder
    from platformstate.store.change import Change

    at = store.now()
    folder = read_task_folder(store.tree(), task).checked()
    run = next(run for run in folder.runs if run.id == run_id)
    claimed = claim_of(store, folder, at)
    lease = claimed.lease if claimed is not None and claimed.lease.run == run_id else None
    lease = None if lease is None or lease.released_at else lease
    end = ended(store, folder, run, "aborted", at, reason="aborted", because=reason, lease=lease)
    files = (*end.files, *task_after(store, folder, run, "aborted", at))
    trailers = (("Task", task), ("Run", run_id), ("Actor", store.actor))
    return Change(f"run: abort {run_id}", trailers, files, end.header, lease=end.lease)


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
    return said(conduct, data)
