"""`run step begin` and `end`: a step that somebody does by hand, told by whoever does it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer, written
from platformstate.actions.conduct_evidence import evidence_of
from platformstate.actions.conduct_open import Conduct, opened
from platformstate.actions.conduct_place import require_here
from platformstate.actions.conduct_settle import facts_of
from platformstate.actions.fencing import refuse_fenced_run
from platformstate.actions.operators import require_operator
from platformstate.actions.run_site import KnownRun, RunSite, find_run, read_run, sites
from platformstate.entities.kinds import TASK
from platformstate.entities.step import ManualStep
from platformstate.errors import StateError, shown
from platformstate.files import Folder, WorkTree
from platformstate.policy.pin import EXPANDER, Pin, Source, pin_bytes, task_steps
from platformstate.policy.redaction import known_values
from platformstate.policy.settle import Action, foreseen
from platformstate.policy.standing import RunFacts, next_action
from platformstate.policy.walking import cursor, situation
from platformstate.runner import Journal, inherited, run_command

if TYPE_CHECKING:
    from platformstate.store import Store


def begin_step(store: Store, text: str, *, step: int | None = None) -> Answer:
    """Begin the first manual step that is not done.

    Raises: run_not_found, step_not_found, step_out_of_order, run_decision_required,
    run_transition_refused, actor_mismatch, claim_fenced, run_locked.
    """
    known = _pinned(store, find_run(store, text))
    with opened(store, known, "run step begin") as conduct:
        manual = _next(conduct, step)
        _refuse_status(conduct)
        state = conduct.folding.walk.at(manual.index)
        action = foreseen(situation(manual, state, facts_of(store, known.site, manual, state, None)))
        if action is Action.DECIDE or (action is Action.WAIT and not manual.idempotent):
            raise StateError(
                "run_decision_required",
                f"{manual.key} was begun before; what came of it?",
                hint=f"platformctl run step end {known.site.named} --outcome succeeded|failed, or run decide",
            )
        if action is Action.WAIT and state.last is not None:
            unknown = {"step_index": manual.index, "attempt": state.last.number, "why": "no_receipt"}
            conduct.append(conduct.event("StepUnknown", **unknown))
        attempt = conduct.folding.walk.at(manual.index).next_attempt
        conduct.mark(manual, attempt, actor=store.actor)
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
        manual = _next(conduct, step)
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


def _next(conduct: Conduct, wanted: int | None) -> ManualStep:
    """Return the first step that is not done; it has to be one that is done by hand."""
    steps = conduct.pin.steps
    index = cursor(steps, conduct.folding.walk)
    if index is None or (wanted is not None and wanted >= len(steps)):
        message = f"{conduct.site.named} has no step {wanted}" if index is not None else "every step is done"
        raise StateError("step_not_found", message, hint=f"platformctl run steps {conduct.site.named}")
    step = steps[index]
    if wanted is not None and wanted != index:
        raise StateError(
            "step_out_of_order",
            f"step {index} {step.key} comes before step {wanted}",
            hint="do them in order",
        )
    if not isinstance(step, ManualStep):
        raise StateError(
            "run_transition_refused",
            f"step {index} {step.key} is a {step.kind} step, which nobody does by hand",
            hint=f"platformctl run resume {conduct.site.named}",
        )
    return step


def _refuse_status(conduct: Conduct) -> None:
    """Refuse a step of a run that has ended, or of a procedure whose conductor died."""
    at_task = conduct.site.subject.startswith("task/")
    if conduct.status == ("running" if at_task else "suspended"):
        return
    raise StateError(
        "run_transition_refused",
        f"{conduct.site.named} is {conduct.status}",
        hint=f"platformctl run {'show' if at_task else 'resume'} {conduct.site.named}",
        path=conduct.site.journal,
    )


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


def task_pin(store: Store, task: str) -> Pin | None:
    """Return a task's plan as a pinned list, None when it has no plan."""
    document = store.load(TASK, task)
    plan = document.meta.get("plan")
    if not plan:
        return None
    data = WorkTree(store.root).bytes_of(document.path) or b""
    source = Source("task", task, document.path, store.session.blob_id(data))
    return Pin(source, task_steps([dict(item) for item in plan]))


def pin_event(pin: Pin, at: str) -> dict[str, Any]:
    """Return the event that records a pin."""
    return {
        "type": "ResolvedStepsRecorded",
        "at": at,
        "step_count": len(pin.steps),
        "steps_sha256": sha256(pin_bytes(pin)).hexdigest(),
        "source_blob": pin.source.blob,
        "params_sha256": pin.params_sha256,
        "expander": EXPANDER,
    }


def record_task_pin(store: Store, site: RunSite, pin: Pin) -> None:
    """Write a task run's pin and record it, before its first step."""
    durability = store.session.settings.durability
    with Folder.at(store.root, site.folder, durability=durability) as folder:
        folder.remove(".ps-resolved_steps.json")
        folder.create(".ps-resolved_steps.json", pin_bytes(pin), durability)
        folder.rename(".ps-resolved_steps.json", "resolved_steps.json")
        folder.sync(durability)
    with Journal.open(store.root, site.journal, torn=site.torn) as journal:
        journal.append([pin_event(pin, store.now())], sync=True)


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
    if conduct.last is None:
        return Answer({**data, "commit": None, "pending": False, "write": None})
    return written(data, conduct.last)
