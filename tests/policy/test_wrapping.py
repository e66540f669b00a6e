"""What the end of a wrapped command means, over the product of exit codes and signals."""

from __future__ import annotations

from itertools import product

import pytest

from platformstate.errors import StateError
from platformstate.policy.wrapping import Ending, due, ending_of, interval_seconds

CODES = (0, 1, 2, 15, 126, 127, 128, 129, 130, 131, 137, 143, 255)
HEARD = ((), (15,), (2,), (1,), (3,), (2, 15), (1, 2, 3, 15))


@pytest.mark.parametrize(("exit_code", "heard"), list(product(CODES, HEARD)))
def test_a_run_is_aborted_only_by_a_signal_that_came_and_that_ended_the_command(
    exit_code: int, heard: tuple[int, ...]
) -> None:
    ending = ending_of(exit_code, heard)
    ended_by_it = exit_code in (129, 130, 143) and exit_code - 128 in heard
    if exit_code == 0:
        assert ending == Ending("succeeded", None, 0, 0)
    elif ended_by_it:
        assert ending == Ending("aborted", "signal", exit_code, exit_code)
    else:
        assert ending == Ending("failed", "command_failed", exit_code, 1)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("999999", 999999)]
)
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert interval_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1m", "10 m", "1.5h", "10d", "ten", "1000000"])
def test_any_other_interval_is_refused(text: str) -> None:
    with pytest.raises(StateError) as refused:
        interval_seconds(text)
    assert refused.value.code == "usage_invalid"


@pytest.mark.parametrize(("moved", "own", "quiet", "late"), list(product((False, True), repeat=4)))
def test_a_checkpoint_is_due_at_anothers_commit_and_when_the_interval_is_over(
    moved: bool, own: bool, quiet: bool, late: bool
) -> None:
    found = due(moved=moved, own=own, quiet=quiet, since_s=20 if late else 5, interval_s=10)
    assert found.commit == (moved and quiet and not own)
    assert found.wait == (late and not found.commit)
