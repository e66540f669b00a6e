"""Do one step of a conduct: start it, watch it, record how it ended."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.codec.safe import safe_text
from platformstate.core.instants import instant, moment
from platformstate.entities.step import CheckStep, CommandStep, Step
from platformstate.policy.pin import step_sha256
from platformstate.policy.redaction import known_values
from platformstate.policy.walking import captures
from platformstate.runner import (
    Ended,
    StepCommand,
    StepNames,
    execute_step,
    refuse_alive,
    run_command,
    step_environment,
)

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct

MAX_MESSAGE_CHARACTERS: Final = 500
SHOWN_CHARACTERS: Final = 80
# Verbs of a request that end the step at once; a plain hold waits for the step's own end.
_AT_ONCE: Final = frozenset({"hold-now", "abort", "replace"})


class Failure(NamedTuple):
    """Why a run does not go on: `code` is that of the answer, `reason` that of its suspension."""

    code: str
    reason: str
    message: str
    step: Step | None = None
    exit_code: int | None = None
    log: str | None = None

    def as_json(self) -> dict[str, Any] | None:
        """Return the failure as an answer has it, None when no step is its cause."""
        if self.step is None:
            return None
        return {
            "step_index": self.step.index,
            "key": self.step.key,
            "kind": self.step.kind,
            "code": self.code,
            "message": self.message,
            "exit_code": self.exit_code,
            "log": self.log,
        }


def run_step(conduct: Conduct, step: CommandStep) -> Failure | None:
    """Run a command step to its end, with the retries that do no harm; None when it succeeded."""
    spent = 0
    conduct.executed.append(step.index)
    while True:
        attempt = conduct.folding.walk.at(step.index).next_attempt
        conduct.mark(step, attempt)
        conduct.terms.begins(conduct, attempt)
        ended = _execute(conduct, step, attempt, apart=step.capture is not None)
        refuse_alive(ended)
        conduct.terms.saw(ended)
        failure = _record(conduct, step, attempt, ended)
        if failure is None or ended.outcome == "cancelled" or conduct.asked_to_stop:
            return failure
        delay_s = conduct.terms.retry_after_s(conduct, step, attempt, spent, ended, failure)
        if delay_s is None or not _wait(conduct, step, attempt, delay_s):
            return failure
        spent += 1


def run_check(conduct: Conduct, step: CheckStep, *, recheck: bool = False) -> Failure | None:
    """Make a check; None when what it expects holds. It has no marker: it changes nothing."""
    attempt = conduct.folding.walk.at(step.index).next_attempt
    conduct.executed.append(step.index)
    conduct.site.lease.forget_attempt(step.index, attempt)
    ended = _execute(conduct, step, attempt, apart=True)
    place = {"step_index": step.index, "attempt": attempt, "by": "conductor"}
    conduct.forget_later(step.index, attempt)
    message = _unmet(step, ended)
    if message is None:
        again = True if recheck else None
        conduct.append(
            conduct.event("StepSucceeded", **place, exit_code=ended.exit_code, ms=ended.ms, recheck=again),
            torn_at=step.index,
        )
        conduct.reach("outcome", step.index)
        return None
    if ended.outcome == "cancelled":
        conduct.append(conduct.event("StepCancelled", **place, signal=ended.signal or signal.SIGTERM))
    elif ended.outcome == "timed_out":
        conduct.append(conduct.event("StepTimedOut", **place, ms=ended.ms, timeout=step.timeout))
    else:
        fields = {
            "code": "run_check_failed",
            "exit_code": ended.exit_code,
            "ms": ended.ms,
            "message": message,
        }
        conduct.append(conduct.event("StepFailed", **place, **fields), torn_at=step.index)
    conduct.reach("outcome", step.index)
    log = conduct.site.log(step.index, attempt)
    return Failure("run_check_failed", "check_failed", message, step, ended.exit_code, log)


def step_env(conduct: Conduct, step: Step, attempt: int) -> dict[str, str]:
    """Return the whole environment of a step that runs something."""
    defined = conduct.folding.defined
    names = StepNames(
        run=conduct.site.named,
        actor=str(defined["actor"]),
        index=step.index,
        key=step.key,
        attempt=attempt,
        task=defined.get("task"),
        params=getattr(step, "env", {}),
        captures=captures(conduct.captors, conduct.folding.walk, step, conduct.carried),
        more=conduct.terms.variables(conduct, attempt),
    )
    return step_environment(conduct.terms.environment(), names)


def probe_answer(conduct: Conduct, step: CommandStep, attempt: int) -> str:
    """Ask a step's done_when: done, not_done or unclear."""
    assert step.done_when is not None
    ran = run_command(
        step.done_when.argv,
        conduct.terms.root(conduct) / step.cwd,
        env=step_env(conduct, step, attempt),
        limit_s=step.done_when.timeout,
    )
    if ran.exit_code == 0:
        return "done"
    return "not_done" if ran.exit_code in step.done_when.absent_rc and not ran.is_timed_out else "unclear"


def step_command(
    conduct: Conduct, step: CommandStep | CheckStep, attempt: int, *, apart: bool
) -> StepCommand:
    """Return what an attempt at a step executes."""
    env = step_env(conduct, step, attempt)
    return StepCommand(
        index=step.index,
        attempt=attempt,
        step_sha256=step_sha256(step),
        argv=step.argv,
        cwd=conduct.terms.root(conduct) / step.cwd,
        env=env,
        root=conduct.store.root,
        log=conduct.site.log(step.index, attempt),
        timeout_s=conduct.terms.timeout_s(step.timeout),
        grace_s=step.grace,
        output_limit=conduct.pin.output_limit,
        apart=apart,
        values=known_values(env, conduct.pin.secrets),
        limits=conduct.terms.limits(),
        shown=conduct.shown,
    )


def outcome_event(
    conduct: Conduct, step: CommandStep, attempt: int, exit_code: int, by: str, **more: Any
) -> dict[str, Any]:
    """Return the event that closes an attempt whose exit code is known."""
    place = {"step_index": step.index, "attempt": attempt, "by": by, "exit_code": exit_code}
    if exit_code in step.success_rc:
        return conduct.event("StepSucceeded", **place, **more)
    more.pop("captured", None)
    return conduct.event("StepFailed", **place, code="run_step_failed", **more)


def _execute(conduct: Conduct, step: CommandStep | CheckStep, attempt: int, *, apart: bool) -> Ended:
    points = conduct.store.session.failpoints
    spawned = {}
    if points.is_asked("conduct.spawned", step.index):
        spawned = {"conduct.spawned": lambda: points.reach("conduct.spawned", step.index)}
    assert conduct.lock is not None
    ended = execute_step(
        conduct.lock,
        step_command(conduct, step, attempt, apart=apart),
        signals=conduct.signals,
        cancel=lambda number: heard(conduct, number),
        points=spawned,
    )
    conduct.reach("receipt", step.index)
    return ended


def heard(conduct: Conduct, number: int) -> bool:
    """Take a signal: a request beside it says what is wanted. Say whether the step ends at once."""
    request = conduct.site.lease.asked()
    if request is None or number != signal.SIGTERM:
        conduct.signalled = number
        return True
    conduct.asked_to_stop = (request.verb, request.actor, request.reason)
    conduct.site.lease.answered()
    return request.verb in _AT_ONCE


def _record(conduct: Conduct, step: CommandStep, attempt: int, ended: Ended) -> Failure | None:
    """Append how an attempt ended; return why the run cannot go on with the next step."""
    place = {"step_index": step.index, "attempt": attempt}
    event, message = _closing(conduct, step, attempt, ended, place)
    conduct.append(event, torn_at=step.index)
    conduct.reach("outcome", step.index)
    conduct.forget_later(step.index, attempt)
    if event["type"] == "StepSucceeded":
        return None
    log = conduct.site.log(step.index, attempt)
    code = event.get("code", "run_step_failed")
    if event["type"] == "StepTimedOut":
        code = "run_step_timed_out"
    elif event["type"] == "StepUnknown":
        code = conduct.terms.lost_code(step)
    return Failure(code, "step_failed", message, step, ended.exit_code, log)


def _closing(
    conduct: Conduct, step: CommandStep, attempt: int, ended: Ended, place: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    by = {**place, "by": "conductor"}
    if ended.outcome == "timed_out":
        event = conduct.event("StepTimedOut", **by, ms=ended.ms, timeout=step.timeout)
        return event, f"{step.key} did not end within {step.timeout} s"
    if ended.outcome == "cancelled":
        event = conduct.event("StepCancelled", **by, signal=ended.signal or signal.SIGTERM)
        return event, f"{step.key} was cancelled"
    if ended.outcome == "output_exceeded":
        message = f"{step.key} printed more than {conduct.pin.output_limit} bytes"
        return conduct.event(
            "StepFailed", **by, code="step_output_exceeded", ms=ended.ms, message=message
        ), message
    if ended.outcome == "unknown" or ended.exit_code is None:
        return conduct.event("StepUnknown", **place, why="no_receipt"), f"nobody knows how {step.key} ended"
    return _exited(conduct, step, attempt, ended, ended.exit_code)


def _exited(
    conduct: Conduct, step: CommandStep, attempt: int, ended: Ended, exit_code: int
) -> tuple[dict[str, Any], str]:
    problem = ended.output.capture_problem if step.capture and exit_code in step.success_rc else None
    if problem is not None:
        place = {"step_index": step.index, "attempt": attempt, "by": "conductor", "exit_code": exit_code}
        message = safe_text(problem)[:MAX_MESSAGE_CHARACTERS]
        event = conduct.event("StepFailed", **place, code="capture_invalid", ms=ended.ms, message=message)
        return event, f"{step.key}: {message}"
    captured = ended.output.captured if step.capture else None
    event = outcome_event(conduct, step, attempt, exit_code, "conductor", ms=ended.ms, captured=captured)
    return event, f"{step.key} ended with exit code {exit_code}"


def _unmet(step: CheckStep, ended: Ended) -> str | None:
    """Return why a check does not hold, None when it does."""
    expect, stdout = step.expect, (ended.output.stdout or "").removesuffix("\n")
    if ended.outcome == "timed_out":
        return f"{step.key} did not end within {step.timeout} s"
    if ended.outcome != "exited":
        return f"{step.key} did not end by itself"
    if ended.exit_code != expect.exit_code:
        return f"{step.key} ended with exit code {ended.exit_code}, {expect.exit_code} was expected"
    if expect.stdout is not None and stdout != expect.stdout.removesuffix("\n"):
        return f"{step.key} printed {_shown(stdout)}, {_shown(expect.stdout)} was expected"
    if expect.stdout_contains is not None and expect.stdout_contains not in stdout:
        return f"{step.key} printed {_shown(stdout)}, which does not hold {_shown(expect.stdout_contains)}"
    return None


def _shown(text: str) -> str:
    return f'"{safe_text(text[:SHOWN_CHARACTERS])}{"…" if len(text) > SHOWN_CHARACTERS else ""}"'


def _wait(conduct: Conduct, step: CommandStep, attempt: int, delay: float) -> bool:
    """Record that a step is tried again and wait for its time; False when a signal came meanwhile."""
    not_before = instant(moment(conduct.store.now()) + timedelta(seconds=ceil(delay)))
    fields = {"step_index": step.index, "attempt": attempt + 1, "not_before": not_before}
    conduct.append(conduct.event("RetryScheduled", **fields))
    return not paused(conduct, delay)


def paused(conduct: Conduct, seconds: float) -> bool:
    """Wait; say whether a signal ended the wait."""
    import select
    import time

    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if conduct.signals is None:
            time.sleep(left)
            continue
        select.select([conduct.signals.descriptor], [], [], left)
        number = conduct.signals.take()
        if number is not None and (heard(conduct, number) or conduct.asked_to_stop):
            return True
    return False
