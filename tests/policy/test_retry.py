"""Whether an attempt is tried again: every row of the table, and waits that are known beforehand."""

from __future__ import annotations

from hashlib import sha256
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as some

from platformstate.policy.retry import Backoff, Ended, How, Rules, decide, exited

LOCAL = "nightly.20260302t000500z"


def verdict(rules: Rules, ended: Ended, attempt: int = 1, left_ms: int | None = None) -> str:
    return decide(rules, ended, attempt, local_run=LOCAL, left_ms=left_ms).verdict


@pytest.mark.parametrize(
    ("rules", "ended", "expected"),
    [
        (Rules(max=1), Ended("exit", 0), "succeeded"),
        (Rules(max=1, success_exit_codes=(0, 3)), Ended("exit", 3), "succeeded"),
        (Rules(max=1, success_exit_codes=(3,)), Ended("exit", 0), "retry"),
        (Rules(max=0), Ended("exit", 1), "final"),
        (Rules(max=1, never_exit_codes=(2,)), Ended("exit", 2), "final"),
        (Rules(max=1), Ended("not_started", 127), "final"),
        (Rules(max=1), Ended("output_invalid", 0), "final"),
        (Rules(max=1), Ended("exit", 1), "retry"),
        (Rules(max=1, exit_codes=(75,)), Ended("exit", 75), "retry"),
        (Rules(max=1, exit_codes=(75,)), Ended("exit", 1), "final"),
        (Rules(max=1, when=("timeout",)), Ended("exit", 1), "final"),
        (Rules(max=1), Ended("timeout"), "retry"),
        (Rules(max=1, when=("exit",)), Ended("timeout"), "final"),
        (Rules(max=1), Ended("signal", 137), "retry"),
        (Rules(max=1), Ended("resource", 152), "retry"),
        (Rules(max=1, when=("exit",)), Ended("resource", 152), "final"),
        (Rules(max=1), Ended("unknown"), "final"),
        (Rules(max=1, when=("lost",)), Ended("unknown"), "retry"),
        (Rules(max=1, is_repeatable=True), Ended("unknown"), "retry"),
    ],
)
def test_each_row_of_the_table(rules: Rules, ended: Ended, expected: str) -> None:
    assert verdict(rules, ended) == expected


HOWS: tuple[How, ...] = ("exit", "timeout", "signal", "resource", "unknown", "not_started", "output_invalid")


def test_after_the_last_retry_nothing_but_success_goes_on() -> None:
    for how, attempt in product(HOWS, (3, 4)):
        assert (
            verdict(Rules(max=2, when=("exit", "timeout", "signal", "lost")), Ended(how, 1), attempt)
            == "final"
        )


def test_a_wait_past_the_deadline_ends_the_run_with_its_own_reason() -> None:
    rules = Rules(max=3, backoff=Backoff(1000, 2, 60_000, "none"))
    assert verdict(rules, Ended("exit", 1), left_ms=1000) == "retry"
    decision = decide(rules, Ended("exit", 1), 1, local_run=LOCAL, left_ms=999)
    assert (decision.verdict, decision.reason) == ("final", "job_deadline_exceeded")


@pytest.mark.parametrize(
    ("code", "how"), [(0, "exit"), (128, "exit"), (129, "signal"), (159, "signal"), (160, "exit")]
)
def test_what_a_shell_says_of_a_signal_counts_as_one(code: int, how: str) -> None:
    assert exited(code, Rules()).how == how


def test_a_code_that_means_success_is_no_signal() -> None:
    assert (
        verdict(Rules(success_exit_codes=(143,)), exited(143, Rules(success_exit_codes=(143,))))
        == "succeeded"
    )


def test_30_09_the_waits_follow_the_formula() -> None:
    backoff = Backoff(40, 2, 100, "full")
    for attempt, cap in ((1, 40), (2, 80), (3, 100)):
        share = int.from_bytes(sha256(f"{LOCAL}|{attempt}".encode()).digest()[:8], "big") / 2**64
        assert backoff.wait_ms(LOCAL, attempt) == int(cap * share)
    assert [Backoff(40, 2, 100, "none").wait_ms(LOCAL, n) for n in (1, 2, 3, 4)] == [40, 80, 100, 100]


@given(
    local=some.text("abcdefghij0123456789-.", min_size=1),
    attempt=some.integers(1, 21),
    initial=some.integers(1, 10**10),
    factor=some.integers(1, 10),
)
def test_a_wait_never_passes_its_cap(local: str, attempt: int, initial: int, factor: int) -> None:
    backoff = Backoff(initial, factor, 600_000)
    assert 0 <= backoff.wait_ms(local, attempt) < max(1, backoff.cap_ms(attempt) + 1)
    assert backoff.cap_ms(attempt) <= 600_000
