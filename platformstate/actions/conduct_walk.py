"""Walk a run's pinned steps from where it stands to its end, or to where somebody is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.conduct_settle import settlement_of
from platformstate.actions.conduct_step import Failure, heard, run_check, run_step
from platformstate.entities.step import CheckpointStep, CheckStep, CommandStep, GateStep, ManualStep, Step
from platformstate.errors import StateError
from platformstate.policy.settle import Action
from platformstate.policy.walking import is_done

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct

EXIT_SUCCESS: Final = 0


def walk(conduct: Conduct) -> Failure | None:
    """Do every step that is not done; return why the run stopped, None when it succeeded.

    What happened is in the journal and committed, as far as a commit can be made now.
    """
    for step in conduct.pin.steps:
        if is_done(step, conduct.folding.walk):
            continue
        failure = _interrupted(conduct) or _full(conduct, step) or _settled(conduct, step)
        if failure is None and not is_done(step, conduct.folding.walk):
            failure = _do(conduct, step)
        if failure is not None:
            return failure
        conduct.told(f"{step.index + 1}/{len(conduct.pin.steps)} {step.key}: {_outcome(conduct, step)}")
        conduct.commit_at("CheckpointRecorded" if step.kind == "checkpoint" else "StepSucceeded")
    conduct.reach("all-done")
    failure = _interrupted(conduct)
    if failure is not None:
        return failure
    failure = conduct.terms.before_success(conduct)
    if failure is not None:
        return fail(conduct, failure)
    succeed(conduct)
    return None


def fail(conduct: Conduct, failure: Failure) -> Failure:
    """End a run as failed; return why."""
    code, reason = conduct.terms.failed(failure)
    index = None if failure.step is None else failure.step.index
    fields = {"reason": reason, "step_index": index, "exit_code": failure.exit_code}
    conduct.append(conduct.event("RunFailed", **fields))
    finish(conduct, "RunFailed")
    return failure._replace(code=code, reason=reason)


def succeed(conduct: Conduct) -> None:
    """End a run all of whose steps are done."""
    conduct.append(conduct.event("RunSucceeded", exit_code=EXIT_SUCCESS))
    finish(conduct, "RunSucceeded")


def finish(conduct: Conduct, verb: str) -> None:
    """Write what an ended run leaves, commit it, and forget its local files."""
    from platformstate.actions.run_files import write_ending

    conduct.reach("terminal")
    write_ending(conduct)
    conduct.commit(verb)
    conduct.terms.ended(conduct)
    conduct.site.lease.clear()


def suspend(conduct: Conduct, failure: Failure, *, actor: str | None = None) -> Failure:
    """Suspend the run for a reason and commit it; a run suspended for it already is left as it is."""
    index = None if failure.step is None else failure.step.index
    state = conduct.state
    if (state.status, state.reason, state.stopped_at) != ("suspended", failure.reason, index):
        conduct.append(conduct.event("RunSuspended", reason=failure.reason, step_index=index, actor=actor))
        conduct.commit("RunSuspended")
    return failure


def no_room(conduct: Conduct, step: Step) -> Failure | None:
    """Return why a run does not begin a step: no reader takes a larger journal. None while there is room."""
    if conduct.journal.has_room:
        return None
    message = "the journal is too large for another step; another run has to go on"
    return Failure("text_too_large", "journal_full", message, step)


def _full(conduct: Conduct, step: Step) -> Failure | None:
    failure = no_room(conduct, step)
    return None if failure is None else suspend(conduct, failure)


def _settled(conduct: Conduct, step: Step) -> Failure | None:
    """Settle a step that was tried before; return why the run stops at it, None when it may be done now."""
    if conduct.folding.walk.outcome(step.index) in ("none", "waiting"):
        return None
    settlement = settlement_of(conduct, step, conduct.state.holder)
    if settlement.events:
        conduct.append(*settlement.events)
    failure = failure_of(settlement.action, step)
    return None if failure is None else suspend(conduct, failure)


def failure_of(action: Action, step: Step) -> Failure | None:
    """Return why a run stops at a step for an action that is a person's, None for one of its own."""
    if action is Action.DECIDE:
        return undecided(step)
    if action in (Action.WAIT, Action.BEGIN) and isinstance(step, GateStep):
        return waiting_at_gate(step)
    if action in (Action.WAIT, Action.BEGIN) and isinstance(step, ManualStep):
        return waiting_for_hand(step)
    return None


def _do(conduct: Conduct, step: Step) -> Failure | None:
    if isinstance(step, CommandStep):
        return stopped(conduct, step, run_step(conduct, step))
    if isinstance(step, CheckStep):
        return stopped(conduct, step, run_check(conduct, step))
    if isinstance(step, CheckpointStep):
        from platformstate.actions.conduct_checkpoint import record_checkpoint

        record_checkpoint(conduct, step)
        return None
    if isinstance(step, GateStep):
        return ask(conduct, step)
    return suspend(conduct, waiting_for_hand(step))


def ask(conduct: Conduct, step: GateStep) -> Failure:
    """Open a gate's question, or leave it open; a person answers it."""
    failure = waiting_at_gate(step)
    known = conduct.folding.walk.at(step.index)
    if known.outcome != "waiting":
        approvers = list(step.approvers)
        waiting = conduct.event(
            "GateWaiting", step_index=step.index, attempt=known.next_attempt, approvers=approvers
        )
        suspended = conduct.event("RunSuspended", reason="gate", step_index=step.index)
        conduct.append(waiting, suspended)
        conduct.reach("outcome", step.index)
        conduct.commit("RunSuspended")
    return failure


def waiting_at_gate(step: GateStep) -> Failure:
    """Return why a run stands at a gate."""
    return Failure("run_gate_waiting", "gate", f"{step.key} waits: {step.prompt}", step)


def waiting_for_hand(step: ManualStep) -> Failure:
    """Return why a run stands at a step that somebody does by hand."""
    return Failure("run_manual_waiting", "manual", f"{step.key} is done by hand: {step.instruct}", step)


def undecided(step: Step) -> Failure:
    """Return why a run stands at a step of which nobody knows what happened."""
    message = f"nobody knows whether {step.key} had its effect; look, then decide"
    return Failure("run_decision_required", "decision_required", message, step)


def stopped(conduct: Conduct, step: Step, failure: Failure | None) -> Failure | None:
    """Return the failure of a step after the run has taken it: suspended, failed, or stopped on request."""
    if failure is None:
        return None
    stopping = _interrupted(conduct, failure)
    if stopping is not None:
        return stopping
    if getattr(step, "on_fail", "suspend") == "fail" and failure.code != "run_decision_required":
        return fail(conduct, failure)
    if failure.code == "run_decision_required":
        return suspend(conduct, undecided(step))
    return suspend(conduct, failure)


def _interrupted(conduct: Conduct, failure: Failure | None = None) -> Failure | None:
    """Act on a signal or a request that came; None when none did."""
    while conduct.signals is not None and (number := conduct.signals.take()) is not None:
        heard(conduct, number)
    if conduct.asked_to_stop is not None:
        return _on_request(conduct, *conduct.asked_to_stop)
    if conduct.signalled is None:
        return None
    return conduct.terms.signalled(conduct, None if failure is None else failure.step)


def _on_request(conduct: Conduct, verb: str, actor: str, reason: str) -> Failure:
    if verb in ("hold", "hold-now"):
        message = f"held by {actor}" + (f": {reason}" if reason else "")
        return suspend(conduct, Failure("run_held", "held", message), actor=actor)
    ended = conduct.terms.stop_reason(verb)
    abort(conduct, actor, ended, because=reason or None)
    return Failure(
        ended if ended.startswith("job_") else "run_held",
        "aborted",
        f"aborted by {actor}" + (f": {reason}" if reason else ""),
    )


def abort(conduct: Conduct, actor: str, reason: str, **more: Any) -> None:
    """End a run as aborted and commit it; an outcome nobody knows is named."""
    in_flight = None
    if conduct.folding.walk.open is not None:
        index, attempt = conduct.folding.walk.open
        in_flight = {"step_index": index, "attempt": attempt}
    fields = {"reason": reason, "actor": actor, "in_flight": in_flight, **more}
    conduct.append(conduct.event("RunAborted", **fields))
    finish(conduct, "RunAborted")


def _outcome(conduct: Conduct, step: Step) -> str:
    return conduct.folding.walk.outcome(step.index)


def failure_error(failure: Failure) -> StateError:
    """Return the error of an answer for why a run stopped."""
    return StateError(failure.code, failure.message, hint="platformctl run show RUN says what to do next")
