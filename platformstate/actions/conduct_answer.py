"""What a conduct and a resume answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import EXIT_PENDING, SETTLE, Answer, written
from platformstate.actions.conduct_step import Failure
from platformstate.errors import StateError, Warned
from platformstate.policy.journal import TERMINAL
from platformstate.policy.standing import RunFacts, next_action, standing, steps_done

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct

_SIGNALLED = 128


def answer_of(conduct: Conduct, failure: Failure | None) -> Answer:
    """Return where a run stands after this process has done what it could."""
    state, pin = conduct.state, conduct.pin
    facts = RunFacts()
    data: dict[str, Any] = {
        "run": conduct.site.named,
        "subject": conduct.site.subject,
        "path": conduct.site.folder,
        "status": state.status,
        "reason": state.reason,
        "steps_total": len(pin.steps),
        "steps_done": steps_done(state, pin),
        "executed": list(dict.fromkeys(conduct.executed)),
        "failure": None if failure is None else failure.as_json(),
        "drift": conduct.drift,
        "next_action": next_action(state, pin, facts),
        "commit": None if conduct.last is None else conduct.last.commit,
        "pending": _is_pending(conduct),
        "write": None if conduct.last is None else conduct.last.as_json(),
    }
    todo = () if state.status in TERMINAL else tuple(standing(state, pin, facts)["next"])
    notes = () if conduct.last is None else conduct.last.warnings
    if failure is not None:
        error = StateError(failure.code, failure.message, hint=" or ".join(todo), data=data)
        status = _SIGNALLED + conduct.signalled if failure.reason == "signal" and conduct.signalled else 0
        return Answer(data, todo, notes, exit_status=status, error=error)
    if data["pending"]:
        why = f" ({conduct.deferred})" if conduct.deferred else ""
        text = f"the run is durable and waits for its commit{why}"
        note = Warned("commit_pending", text, conduct.site.folder)
        return Answer(data, (SETTLE,), (*notes, note), EXIT_PENDING)
    return Answer(data, todo, notes)


def said(
    conduct: Conduct, data: dict[str, Any], next_: tuple[str, ...] = (), warnings: tuple[Warned, ...] = ()
) -> Answer:
    """Return what became of a word to a run: in HEAD, or durable and waiting for its commit."""
    if conduct.deferred is not None:
        text = f"the run is durable and waits for its commit ({conduct.deferred})"
        note = Warned("commit_pending", text, conduct.site.folder)
        waiting = {**data, "commit": None, "pending": True, "write": None}
        return Answer(waiting, (*next_, SETTLE), (*warnings, note), EXIT_PENDING)
    if conduct.last is None:
        return Answer({**data, "commit": None, "pending": False, "write": None}, next_)
    return written(data, conduct.last, next_, warnings)


def _is_pending(conduct: Conduct) -> bool:
    """Say whether the last commit could not be made."""
    return conduct.deferred is not None or (conduct.last is not None and conduct.last.pending)
