"""Settle a step that was tried before: gather what proves its end, ask the table, write down what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions.conduct_step import outcome_event, probe_answer, step_command
from platformstate.entities.step import CommandStep, Step
from platformstate.policy.pin import step_sha256
from platformstate.policy.settle import Action, Situation, settle, why_unknown
from platformstate.policy.steps import StepState
from platformstate.policy.walking import AttemptFacts, situation
from platformstate.runner import adopt_output, attempt_facts

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.actions.run_site import RunSite
    from platformstate.store import Store


class Settlement(NamedTuple):
    """The events that say what became of a step, and the action that is left."""

    events: list[dict[str, Any]]
    action: Action


def settlement_of(conduct: Conduct, step: Step, holder: Mapping[str, Any] | None) -> Settlement:
    """Return what is to be recorded of a step, and what to do with it then. A run of elsewhere is not probed."""
    known = conduct.folding.walk.at(step.index)
    facts = facts_of(conduct.store, conduct.site, step, known, holder)
    asked = situation(step, known, facts)
    attempt = known.last.number if known.last else known.next_attempt
    events: list[dict[str, Any]] = []
    while (action := settle(asked)) in _RECORDED or action is Action.PROBE:
        if action is Action.PROBE:
            assert isinstance(step, CommandStep)
            answer = probe_answer(conduct, step, attempt) if conduct.pinned_here else "unclear"
            asked = asked._replace(probe=answer)
            continue
        event = _record(conduct, step, attempt, action, asked)
        events.append(event)
        conduct.forget_later(step.index, attempt)
        asked = _after(asked, step, event)
    return Settlement(events, action)


_RECORDED = frozenset(
    {
        Action.CLOSE_NOT_STARTED,
        Action.ADOPT,
        Action.CLOSE_UNKNOWN,
        Action.RECORD_DONE,
        Action.RECORD_ABSENT,
    }
)
_OUTCOMES = {
    "StepNotStarted": "not_started",
    "StepUnknown": "unknown",
    "StepSucceeded": "succeeded",
    "StepFailed": "failed",
}


def facts_of(
    store: Store,
    site: RunSite,
    step: Step,
    known: StepState,
    holder: Mapping[str, Any] | None,
    *,
    locked: bool = False,
) -> AttemptFacts:
    """Return what the files beside a journal say of a step's last attempt."""
    if known.last is None or known.outcome != "open":
        return AttemptFacts(locked=locked)
    found = attempt_facts(site.lease, step.index, known.last.number, step_sha256(step))
    receipt = "bad" if found.is_receipt_bad else "none"
    if found.exit_code is not None:
        done = isinstance(step, CommandStep) and found.exit_code in step.success_rc
        receipt = "success" if done else "failure"
    return AttemptFacts(receipt, found.start is not None, _place(store, holder), locked)


def _place(store: Store, holder: Mapping[str, Any] | None) -> str:
    """Say whether an attempt was begun where we are, on this boot of it, or elsewhere."""
    from platformstate.store.place import place_of_work

    here = place_of_work(store.repository)
    if holder is None or (holder["clone"], holder["host"]) != (here.clone, here.host):
        return "other_place"
    return "same" if holder["boot_id"] == here.boot_id else "other_boot"


def _record(conduct: Conduct, step: Step, attempt: int, action: Action, asked: Situation) -> dict[str, Any]:
    place = {"step_index": step.index, "attempt": attempt}
    if action is Action.CLOSE_NOT_STARTED:
        return conduct.event("StepNotStarted", **place, by="proof")
    if action is Action.CLOSE_UNKNOWN:
        return conduct.event("StepUnknown", **place, why=why_unknown(asked))
    if action is Action.RECORD_DONE:
        return conduct.event("StepSucceeded", **place, by="probe")
    if action is Action.RECORD_ABSENT:
        return conduct.event("StepFailed", **place, by="probe", code="effect_absent")
    return _adopted(conduct, step, attempt)


def _adopted(conduct: Conduct, step: Step, attempt: int) -> dict[str, Any]:
    """Return the event for an attempt whose receipt says how it ended; its output becomes its log."""
    assert isinstance(step, CommandStep)
    found = attempt_facts(conduct.site.lease, step.index, attempt, step_sha256(step))
    assert found.exit_code is not None
    command = step_command(conduct, step, attempt, apart=step.capture is not None)
    output = adopt_output(conduct.site.lease, command)
    succeeded = found.exit_code in step.success_rc
    place = {"step_index": step.index, "attempt": attempt, "by": "receipt", "exit_code": found.exit_code}
    if succeeded and step.capture and (output is None or output.capture_problem is not None):
        return conduct.event("StepFailed", **place, code="capture_invalid")
    captured = output.captured if succeeded and step.capture and output is not None else None
    return outcome_event(conduct, step, attempt, found.exit_code, "receipt", captured=captured)


def _after(asked: Situation, step: Step, event: Mapping[str, Any]) -> Situation:
    safe = isinstance(step, CommandStep) and event.get("exit_code") in step.retry_safe_rc
    return asked._replace(
        outcome=_OUTCOMES[event["type"]], decision="none", rc_class="safe" if safe else "other"
    )
