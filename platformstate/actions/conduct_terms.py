"""What a conduct does in its own way by the kind of its subject; here stand the terms of a procedure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformstate.policy.walking import retry_delay
from platformstate.runner import inherited

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.actions.conduct_step import Failure
    from platformstate.entities.step import CommandStep, Step
    from platformstate.runner import Ended


class Terms:
    """The terms of a procedure's run: committed at boundaries, suspended where somebody is needed."""

    def environment(self) -> dict[str, str]:
        """Return what a step has of the caller's environment."""
        return inherited(os.environ)

    def variables(self, conduct: Conduct, attempt: int) -> Mapping[str, str]:
        """Return the variables that a step has besides those of every run."""
        return {}

    def root(self, conduct: Conduct) -> Path:
        """Return the folder below which a step works."""
        return conduct.store.root

    def begins(self, conduct: Conduct, attempt: int) -> None:
        """Make ready for an attempt that is marked and not started yet."""

    def limits(self) -> Mapping[str, int]:
        """Return the limits of a step's resources."""
        return {}

    def timeout_s(self, step_timeout: int) -> float:
        """Return how long an attempt may take."""
        return step_timeout

    def saw(self, ended: Ended) -> None:
        """Take note of how an attempt ended."""

    def retry_after_s(
        self, conduct: Conduct, step: CommandStep, attempt: int, spent: int, ended: Ended, failure: Failure
    ) -> float | None:
        """Return after how many seconds a failed attempt is followed by another, None when it is not."""
        if failure.code == "step_output_exceeded" or ended.outcome == "unknown":
            return None
        code = None if ended.outcome == "timed_out" else ended.exit_code
        return retry_delay(step, spent, code)

    def lost_code(self, step: CommandStep) -> str:
        """Return the code of a step of which nobody knows how its attempt ended."""
        needs_decision = not step.idempotent and step.done_when is None
        return "run_decision_required" if needs_decision else "run_step_failed"

    def failed(self, failure: Failure) -> tuple[str, str]:
        """Return the code of the answer and the reason of the run when a step's failure ends it."""
        return "run_failed", failure.reason

    def signalled(self, conduct: Conduct, step: Step | None) -> Failure:
        """Let the run stop because of a signal, and return why it stopped."""
        from platformstate.actions.conduct_step import Failure
        from platformstate.actions.conduct_walk import suspend

        return suspend(conduct, Failure("run_held", "signal", f"stopped by signal {conduct.signalled}", step))

    def before_success(self, conduct: Conduct) -> Failure | None:
        """Do what is left when every step is done; return why the run fails all the same."""
        return None

    def stop_reason(self, verb: str) -> str:
        """Return the reason of a run that another command ended."""
        return "replaced" if verb == "replace" else "aborted"

    def is_committed(self, conduct: Conduct) -> bool:
        """Say whether the run's files are committed now."""
        return True

    def receipt_facts(self, conduct: Conduct) -> dict[str, Any]:
        """Return what the receipt says besides what every receipt does: payload, tool, job."""
        return {}

    def ended(self, conduct: Conduct) -> None:
        """Do what follows once a run's receipt stands and its files are committed."""

    def close(self) -> None:
        """Let go of what the terms hold while this process conducts."""
