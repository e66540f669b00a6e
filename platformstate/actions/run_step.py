"""`run step begin` and `end`: a step that somebody does by hand, told by whoever does it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.claim_remote import renew_remote
from platformstate.actions.conduct_answer import said
from platformstate.actions.conduct_evidence import evidence_of
from platformstate.actions.conduct_open import Conduct, opened
from platformstate.actions.conduct_place import require_here
from platformstate.actions.fencing import refuse_fenced_run
from platformstate.actions.operators import require_operator
from platformstate.actions.run_site import KnownRun, RunSite, find_run, read_run, sites
from platformstate.actions.said import refuse_event
from platformstate.actions.task_pin import record_task_pin, task_pin
from platformstate.entities.step import ManualStep
from platformstate.errors import StateError, shown
from platformstate.policy.by_hand import beginning, next_by_hand, refuse_status
from platformstate.policy.redaction import known_values
from platformstate.policy.standing import RunFacts, next_action
from platformstate.runner import inherited, run_command

if TYPE_CHECKING:
    from platformstate.store import Store


def begin_step(store: Store, text: str, *, step: int | None = None) -> Answer:
    """Begin the first manual step that is not done.

    Raises: run_not_found, step_not_found, step_out_of_order, run_decision_required,
    run_transition_refused, actor_mismatch, claim_fenced, run_locked.
    """
    known = _pinned(store, find_run(store, text))
    with opened(store, known, "run step begin") as conduct:
        named = known.site.named
        manual = next_by_hand(conduct.pin.steps, conduct.state, named, step)
        refuse_status(conduct.state, named)
        state = conduct.folding.walk.at(manual.index)
        attempt = state.next_attempt
        conduct.append(*beginning(manual, state, named, at=store.now(), actor=store.actor))
        conduct.position()
        conduct.reach("marker", manual.index)
        conduct.commit("StepStarted")
        return _answer(conduct, manual, attempt)


def end_step(
    store: Store,
    text: str,
    outcome: str,
    *,
    step: int | None = None,
    evidence: Sequence[str] = (),
    reason: str | None = None,
) -> Answer:
    """Say how the manual step that was begun has ended.

    Raises: run_not_found, step_not_open, step_out_of_order, step_not_found, evidence_required,
    evidence_refused, step_verify_failed, operator_required, usage_invalid.
    """
    known = _pinned(store, find_run(store, text))
    with opened(store, known, "run step end") as conduct:
        manual = next_by_hand(conduct.pin.steps, conduct.state, known.site.named, step)
        if conduct.folding.walk.open is None or conduct.folding.walk.open[0] != manual.index:
            raise StateError(
                "step_not_open",
                f"{manual.key} was not begun",
                hint=f"platformctl run step begin {known.site.named}",
            )
        attempt = conduct.folding.walk.open[1]
        proofs = evidence_of(store, evidence)
        events = {"succeeded": _succeeded, "failed": _failed, "skipped": _skipped}[outcome](
            conduct, manual, attempt, proofs, reason
        )
        for event in events:
            refuse_event(store, known.site.journal, event)
        conduct.append(*events)
        conduct.position()
        conduct.commit("StepSucceeded")
        return _answer(conduct, manual, attempt)


Proofs = list[dict[str, Any]]


def _succeeded(
    conduct: Conduct, step: ManualStep, attempt: int, proofs: Proofs, _reason: str | None
) -> list[dict[str, Any]]:
    if step.evidence == "required" and not proofs:
        raise StateError(
            "evidence_required",
            f"{step.key} needs --evidence",
            hint="--evidence file:PATH, commit:REV or url:URL",
        )
    if step.verify is not None:
        require_here(conduct, taken_over=False)
        env = {**inherited(os.environ), **step.env}
        ran = run_command(
            step.verify.argv,
            conduct.store.root,
            env=env,
            limit_s=step.verify.timeout,
            values=known_values(env, conduct.pin.secrets),
        )
        if ran.exit_code != 0:
            raise StateError(
                "step_verify_failed",
                f"what verifies {step.key} ended with exit code {ran.exit_code}; it stays begun",
                hint=f"{shown(' '.join(step.verify.argv))} must exit 0",
            )
    place = {"step_index": step.index, "attempt": attempt, "by": "actor"}
    return [conduct.event("StepSucceeded", **place, evidence=proofs or None)]


def _failed(
    conduct: Conduct, step: ManualStep, attempt: int, _proofs: Proofs, reason: str | None
) -> list[dict[str, Any]]:
    place = {"step_index": step.index, "attempt": attempt, "by": "actor"}
    return [conduct.event("StepFailed", **place, code="run_step_failed", message=reason)]


def _skipped(
    conduct: Conduct, step: ManualStep, attempt: int, proofs: Proofs, reason: str | None
) -> list[dict[str, Any]]:
    """Close the attempt, record who says that it is not to be done, and leave the step out."""
    require_operator(conduct.store, f"skipping {step.key}")
    if not reason:
        raise StateError("usage_invalid", "--outcome skipped needs --reason TEXT")
    place = {"step_index": step.index, "attempt": attempt}
    said = {"answer": "skip", "actor": conduct.store.actor, "reason": reason, "evidence": proofs or None}
    return [
        conduct.event("StepFailed", **place, by="actor", code="run_step_failed", message=reason),
        conduct.event("DecisionRecorded", **place, **said),
        conduct.event("StepSkipped", step_index=step.index, by="decision"),
    ]


def _pinned(store: Store, site: RunSite) -> KnownRun:
    """Return a run with pinned steps; an agent's run at a task with a plan is pinned now if it is not."""
    known = read_run(site)
    if not site.subject.startswith("task/"):
        return known
    _refuse_stranger(store, known)
    if known.pin is not None:
        return known
    pin = task_pin(store, site.subject.partition("/")[2])
    if pin is None:
        raise StateError(
            "step_not_found",
            f"{site.subject} has no plan, so its run has no steps",
            hint=f"platformctl task update {site.subject.partition('/')[2]} --plan …",
        )
    record_task_pin(store, site, pin)
    return read_run(site)


def _refuse_stranger(store: Store, known: KnownRun) -> None:
    """Refuse whoever is not the run's actor, and a run that another has taken the task from."""
    header = known.state.header
    if header["actor"] != store.actor:
        raise StateError(
            "actor_mismatch",
            f"{known.site.named} is {header['actor']}'s, not {store.actor}'s",
            hint=f"--actor {header['actor']}",
        )
    headers = (read_run(site).state.header for site in sites(store, known.site.subject))
    refuse_fenced_run(store, known.site.subject.partition("/")[2], header, headers)


def _answer(conduct: Conduct, step: ManualStep, attempt: int) -> Answer:
    data = {
        "run": conduct.site.named,
        "step_index": step.index,
        "key": step.key,
        "attempt": attempt,
        "outcome": conduct.folding.walk.outcome(step.index),
        "instruct": step.instruct,
        "verify_text": step.verify_text,
        "status": conduct.status,
        "next_action": next_action(conduct.state, conduct.pin, RunFacts()),
    }
    if data["outcome"] == "open":
        data["outcome"] = "in_flight"
    warnings = () if conduct.last is None else renew_remote(conduct.store, conduct.last.change.lease)
    return said(conduct, data, warnings=warnings)
