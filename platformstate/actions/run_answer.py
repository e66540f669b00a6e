"""`run decide`, `approve`, `reject`: what a person says of a run, recorded and committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.conduct_answer import said
from platformstate.actions.conduct_evidence import evidence_of
from platformstate.actions.conduct_open import Conduct, opened
from platformstate.actions.conduct_settle import settlement_of
from platformstate.actions.conduct_walk import abort, finish
from platformstate.actions.operators import is_operator, require_operator
from platformstate.actions.run_site import find_run, read_run
from platformstate.actions.said import refuse_event
from platformstate.entities.step import GateStep, Step, is_side_effecting
from platformstate.errors import StateError
from platformstate.policy.settle import CLOSED_UNDONE
from platformstate.policy.standing import RunFacts, next_action
from platformstate.policy.walking import cursor

if TYPE_CHECKING:
    from platformstate.store import Store

_OPERATOR_WORD = "operator"


def decide_run(
    store: Store,
    text: str,
    answer: str,
    *,
    reason: str,
    step: int | None = None,
    evidence: Sequence[str] = (),
) -> Answer:
    """Answer what happened to a step: redo, done, skip or abort; a crashed run is settled first.

    Raises: run_not_found, run_locked, run_transition_refused, operator_required, evidence_required,
    evidence_refused.
    """
    with _held(store, text, f"run decide {answer}") as conduct:
        events, asked = _question(conduct, step)
        if is_side_effecting(asked) and not (is_operator(store) or conduct.pin.agent_may_decide):
            require_operator(store, f"deciding about {asked.key}")
        if answer == "done" and not evidence:
            raise StateError(
                "evidence_required",
                f"that {asked.key} is done needs --evidence",
                hint="--evidence file:PATH, commit:OID or url:URL",
            )
        proofs = evidence_of(store, evidence)
        _record_decision(conduct, events, asked, answer, reason, proofs)
        data = {"step_index": asked.index, "answer": answer}
        return _answer(conduct, data)


def _record_decision(
    conduct: Conduct,
    events: list[dict[str, Any]],
    step: Step,
    answer: str,
    reason: str,
    proofs: list[dict[str, Any]],
) -> None:
    """Append the settlement, the decision and what it means in one write, and commit it."""
    walk = conduct.folding.walk
    last = walk.at(step.index).last
    place = {"step_index": step.index, "attempt": last.number if last else 1}
    actor = conduct.store.actor
    fields = {**place, "answer": answer, "actor": actor, "reason": reason, "evidence": proofs or None}
    decision = conduct.event("DecisionRecorded", **fields)
    refuse_event(conduct.store, conduct.site.journal, decision)
    events.append(decision)
    if answer == "done":
        events.append(conduct.event("StepSucceeded", **place, by="decision", evidence=proofs or None))
    elif answer == "skip":
        events.append(conduct.event("StepSkipped", step_index=step.index, by="decision"))
    conduct.append(*events)
    conduct.position()
    if answer == "abort":
        abort(conduct, actor, "decided")
    else:
        conduct.commit("DecisionRecorded")


def _question(conduct: Conduct, wanted: int | None) -> tuple[list[dict[str, Any]], Step]:
    """Return the step of which is asked what happened, with the events that settle it first."""
    walk, state = conduct.folding.walk, conduct.state
    index = walk.open[0] if walk.open is not None else cursor(conduct.pin.steps, walk)
    if index is None or (wanted is not None and wanted != index):
        raise _no_question(conduct)
    step = conduct.pin.steps[index]
    events: list[dict[str, Any]] = []
    outcome = walk.outcome(index)
    if state.status == "running":
        events.append(conduct.event("RunSuspended", reason="crashed"))
    if outcome == "open":
        outcome = _settle_open(conduct, step, events)
    if outcome not in CLOSED_UNDONE or walk.at(index).decision is not None:
        raise _no_question(conduct)
    return events, step


def _settle_open(conduct: Conduct, step: Step, events: list[dict[str, Any]]) -> str:
    """Settle an open attempt as a resume would; a manual one that nobody ended is unknown."""
    settled = settlement_of(conduct, step, conduct.state.holder).events
    if not settled and step.kind == "manual":
        last = conduct.folding.walk.at(step.index).last
        place = {"step_index": step.index, "attempt": last.number if last else 1}
        settled = [conduct.event("StepUnknown", **place, why="no_receipt")]
    events += settled
    if not settled or settled[-1]["type"] in ("StepSucceeded", "StepNotStarted"):
        return "none"
    return "unknown" if settled[-1]["type"] == "StepUnknown" else "failed"


def _no_question(conduct: Conduct) -> StateError:
    return StateError(
        "run_transition_refused",
        f"{conduct.site.named} asks nothing there; it is {conduct.state.status}",
        hint=f"platformctl run show {conduct.site.named}",
        path=conduct.site.journal,
    )


def approve_run(
    store: Store,
    text: str,
    *,
    step: int | None = None,
    reason: str | None = None,
    evidence: Sequence[str] = (),
) -> Answer:
    """Let a run pass its gate. Raises: run_approval_refused, operator_required, run_transition_refused."""
    with _held(store, text, "run approve") as conduct:
        gate = _waiting_gate(conduct, step)
        _require_approver(store, gate)
        proofs = evidence_of(store, evidence)
        conduct.append(_answered(conduct, "GateApproved", gate, reason, proofs))
        conduct.position()
        conduct.commit("GateApproved")
        return _answer(conduct, {"step_index": gate.index, "answer": "approved"})


def reject_run(store: Store, text: str, *, reason: str, step: int | None = None) -> Answer:
    """End a run at its gate. Raises: run_approval_refused, operator_required, run_transition_refused."""
    with _held(store, text, "run reject") as conduct:
        gate = _waiting_gate(conduct, step)
        _require_approver(store, gate)
        rejected = _answered(conduct, "GateRejected", gate, reason, [])
        failed = conduct.event("RunFailed", reason="gate_rejected", step_index=gate.index)
        conduct.append(rejected, failed)
        finish(conduct, "GateRejected")
        return _answer(conduct, {"step_index": gate.index, "answer": "rejected"})


def _answered(
    conduct: Conduct, type_: str, gate: GateStep, reason: str | None, proofs: list[dict[str, Any]]
) -> dict[str, Any]:
    last = conduct.folding.walk.at(gate.index).last
    place = {"step_index": gate.index, "attempt": last.number if last else 1}
    actor = conduct.store.actor
    event = conduct.event(type_, **place, actor=actor, reason=reason, evidence=proofs or None)
    refuse_event(conduct.store, conduct.site.journal, event)
    return event


def _waiting_gate(conduct: Conduct, wanted: int | None) -> GateStep:
    index = cursor(conduct.pin.steps, conduct.folding.walk)
    step = None if index is None else conduct.pin.steps[index]
    waiting = isinstance(step, GateStep) and conduct.folding.walk.outcome(step.index) == "waiting"
    if not waiting or not isinstance(step, GateStep) or (wanted is not None and wanted != index):
        raise _no_question(conduct)
    return step


def _require_approver(store: Store, gate: GateStep) -> None:
    """Refuse who is not named, then who is no operator. Raises: run_approval_refused, operator_required."""
    anyone = _OPERATOR_WORD in gate.approvers
    if store.actor not in gate.approvers and not (anyone and store.actor in store.operators):
        raise StateError(
            "run_approval_refused",
            f"{store.actor} may not answer {gate.key}; these may: {', '.join(gate.approvers)}",
            hint="platformctl --actor NAME run approve …",
        )
    require_operator(store, f"answering {gate.key}")


@contextmanager
def _held(store: Store, text: str, command: str) -> Iterator[Conduct]:
    """Hold a run that stands still. Raises: run_locked, run_not_found."""
    with opened(store, read_run(find_run(store, text)), command) as conduct:
        yield conduct


def _answer(conduct: Conduct, data: dict[str, Any]) -> Answer:
    state = conduct.state
    told = {
        "run": conduct.site.named,
        **data,
        "status": state.status,
        "next_action": next_action(state, conduct.pin, RunFacts()),
    }
    again = () if told["next_action"] == "none" else (f"platformctl run resume {conduct.site.named}",)
    return said(conduct, told, again)
