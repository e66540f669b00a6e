"""Whether a job's attempt is tried again, and after how long; a slot's waits are the same on every host."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from typing import Final, Literal, NamedTuple

How = Literal["exit", "timeout", "signal", "resource", "unknown", "not_started", "output_invalid"]
Verdict = Literal["succeeded", "retry", "final"]

FIRST_SIGNAL_CODE: Final = 129
LAST_SIGNAL_CODE: Final = 159


class Ended(NamedTuple):
    """How an attempt ended; `code` is that of a normal exit."""

    how: How
    code: int | None = None


class Backoff(NamedTuple):
    """The waits between attempts, in milliseconds."""

    initial_ms: int = 30_000
    factor: int = 2
    max_ms: int = 600_000
    jitter: Literal["full", "none"] = "full"

    def cap_ms(self, attempt: int) -> int:
        """Return the longest wait after an attempt, which counts from 1."""
        return min(self.max_ms, self.initial_ms * int(self.factor ** (attempt - 1)))

    def wait_ms(self, local_run: str, attempt: int) -> int:
        """Return the wait after an attempt of the run `<job>.<run>`.

        Full jitter is the share of the cap that the first eight bytes of a digest are of 2^64.
        """
        if self.jitter == "none":
            return self.cap_ms(attempt)
        digest = sha256(f"{local_run}|{attempt}".encode("ascii")).digest()
        return self.cap_ms(attempt) * int.from_bytes(digest[:8], "big") >> 64


class Rules(NamedTuple):
    """What a spec says of success and retries; `max` retries follow the first attempt."""

    max: int = 0
    backoff: Backoff = Backoff()
    when: Collection[str] = ("exit", "timeout", "signal")
    exit_codes: Collection[int] = ()
    never_exit_codes: Collection[int] = ()
    success_exit_codes: Collection[int] = (0,)
    is_repeatable: bool = False  # side_effects: none


class Decision(NamedTuple):
    """What follows an attempt; `wait_ms` stands before a retry, `reason` where the end has one of its own."""

    verdict: Verdict
    wait_ms: int = 0
    reason: str | None = None


_FINAL: Final = frozenset({"not_started", "output_invalid"})
_Row = tuple[Callable[[Rules, Ended], bool], Verdict]
_ROWS: Final[Sequence[_Row]] = (
    (lambda rules, ended: ended.how in _FINAL or ended.code in rules.never_exit_codes, "final"),
    (
        lambda rules, ended: ended.how == "exit" and "exit" in rules.when and _is_retried(rules, ended.code),
        "retry",
    ),
    (lambda rules, ended: ended.how == "timeout" and "timeout" in rules.when, "retry"),
    (lambda rules, ended: ended.how in ("signal", "resource") and "signal" in rules.when, "retry"),
    (lambda rules, ended: ended.how == "unknown" and ("lost" in rules.when or rules.is_repeatable), "retry"),
)


def exited(code: int, rules: Rules) -> Ended:
    """Return how a child ended that exited by itself: what a shell reports of a signal counts as one."""
    is_signal = FIRST_SIGNAL_CODE <= code <= LAST_SIGNAL_CODE and code not in rules.success_exit_codes
    return Ended("signal" if is_signal else "exit", code)


def decide(rules: Rules, ended: Ended, attempt: int, *, local_run: str, left_ms: int | None) -> Decision:
    """Return what follows an attempt, which counts from 1.

    `left_ms` is the time up to the run's deadline, None for no deadline.
    """
    if ended.how == "exit" and ended.code in rules.success_exit_codes:
        return Decision("succeeded")
    if attempt > rules.max:
        return Decision("final")
    wait_ms = rules.backoff.wait_ms(local_run, attempt)
    if left_ms is not None and wait_ms > left_ms:
        return Decision("final", reason="job_deadline_exceeded")
    verdict: Verdict = next((verdict for applies, verdict in _ROWS if applies(rules, ended)), "final")
    return Decision(verdict, wait_ms if verdict == "retry" else 0)


def _is_retried(rules: Rules, code: int | None) -> bool:
    return not rules.exit_codes or code in rules.exit_codes
