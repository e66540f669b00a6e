"""Where a walk stands: trailing checks, carried steps, captures, commits, retries."""

from __future__ import annotations

import pytest

from platformstate.entities.step import CommandStep, Step
from platformstate.policy.steps import Walk
from platformstate.policy.walking import boundary, captors, captures, carry, cursor, retry_delay, trailing
from tests.conduct.recipes import check, command, done, event, gate, manual, pin_of, state_of


def walk_of(steps: list[Step], *events: dict[str, object]) -> Walk:
    return state_of(pin_of(*steps), *events).walk


def test_the_walk_goes_on_at_the_first_step_that_is_not_done() -> None:
    steps: list[Step] = [command(0), command(1, pinned_skip=True), command(2), command(3)]
    assert cursor(steps, walk_of(steps)) == 0
    assert cursor(steps, walk_of(steps, *done(command(0)))) == 2
    assert (
        cursor(steps, walk_of(steps, *done(command(0)), event("StepSkipped", 2), event("StepSkipped", 3)))
        is None
    )


def test_20_08_checks_after_the_last_effect_are_made_again() -> None:
    steps: list[Step] = [check(0), command(1), check(2), check(3, recheck="never"), command(4)]
    held = [event("StepSucceeded", index, 1) for index in (2, 3)]
    walk = walk_of(steps, event("StepSucceeded", 0, 1), *done(command(1)), *held)
    assert trailing(steps, walk) == (2,)


def test_a_check_that_asks_for_it_is_made_again_wherever_it_stands() -> None:
    steps: list[Step] = [check(0, recheck="always"), check(1), command(2)]
    held = [event("StepSucceeded", index, 1) for index in (0, 1)]
    assert trailing(steps, walk_of(steps, *held, *done(command(2)))) == (0,)


def test_a_check_that_has_not_held_is_not_trailing() -> None:
    steps: list[Step] = [command(0), check(1)]
    assert trailing(steps, walk_of(steps, *done(command(0)), event("StepFailed", 1, 1))) == ()


def test_a_carried_effect_counts_as_an_effect() -> None:
    steps: list[Step] = [check(0), command(1), check(2)]
    walk = walk_of(steps, event("StepSucceeded", 0, 1), event("StepCarried", 1), event("StepSucceeded", 2, 1))
    assert trailing(steps, walk) == (2,)


def test_done_effects_are_carried_by_what_they_do() -> None:
    old: list[Step] = [command(0, "a"), command(1, "b"), check(2), manual(3)]
    new: list[Step] = [check(0), command(1, "a"), command(2, "b"), command(3, "c"), gate(4)]
    walk = walk_of(old, *done(command(0, "a"), command(1, "b")))
    assert carry(old, walk, new) == (((1, 0), (2, 1)), ())


def test_a_step_to_be_run_before_a_carried_one_is_named() -> None:
    old: list[Step] = [command(0, "a"), command(1, "b")]
    new: list[Step] = [command(0, "x"), command(1, "a"), command(2, "y"), command(3, "b"), command(4, "z")]
    carried = carry(old, walk_of(old, *done(command(0, "a"), command(1, "b"))), new)
    assert carried.pairs == ((1, 0), (3, 1))
    assert carried.before == (0, 2)


def test_equal_steps_are_carried_once_each_and_changed_ones_never() -> None:
    old: list[Step] = [command(0, "a"), command(1, "a")]
    new: list[Step] = [command(0, "a"), command(1, "a", retries=1), command(2, "a"), command(3, "a")]
    assert carry(old, walk_of(old, *done(command(0, "a"), command(1, "a"))), new).pairs == ((0, 0), (2, 1))


def test_what_was_not_done_or_is_skipped_now_is_not_carried() -> None:
    old: list[Step] = [command(0, "a"), command(1, "b")]
    failed = [event("StepStarted", 1, 1), event("StepFailed", 1, 1)]
    new: list[Step] = [command(0, "a", pinned_skip=True), command(1, "b")]
    assert carry(old, walk_of(old, *done(command(0, "a")), *failed), new) == ((), ())


def test_a_capture_is_given_to_later_steps_of_the_same_call() -> None:
    steps: list[Step] = [
        command(0, "a", capture="top"),
        command(1, "roll/b", capture="inner"),
        command(2, "roll/c"),
        command(3, "d"),
    ]
    first, second = done(*steps[:2])[1::2]
    walk = walk_of(
        steps,
        event("StepStarted", 0, 1),
        {**first, "captured": "A"},
        event("StepStarted", 1, 1),
        {**second, "captured": "B"},
    )
    known = captors(steps)
    assert captures(known, walk, steps[1], {}) == {}
    assert captures(known, walk, steps[2], {}) == {"inner": "B"}
    assert captures(known, walk, steps[3], {}) == {"top": "A"}
    assert captures(known, walk_of(steps, event("StepCarried", 0)), steps[3], {0: "old"}) == {"top": "old"}
    assert captures(known, walk_of(steps), steps[3], {}) == {}


@pytest.mark.parametrize(
    "type_,last,now,committed",
    [
        ("RunStarted", None, 0.0, True),
        ("RunSuspended", 0.0, 0.1, True),
        ("RunSucceeded", 0.0, 0.1, True),
        ("RunFailed", 0.0, 0.1, True),
        ("RunAborted", 0.0, 0.1, True),
        ("CheckpointRecorded", 0.0, 9.9, False),
        ("CheckpointRecorded", 0.0, 10.0, True),
        ("StepSucceeded", 0.0, 59.9, False),
        ("StepSucceeded", 0.0, 60.0, True),
        ("StepFailed", None, 0.0, True),
        ("StepStarted", 0.0, 999.0, False),
        ("RunResumed", 0.0, 999.0, False),
        ("JournalRepaired", None, 0.0, False),
    ],
)
def test_a_run_is_committed_at_boundaries_only(
    type_: str, last: float | None, now: float, committed: bool
) -> None:
    assert boundary(event(type_), last, now) is committed


@pytest.mark.parametrize(
    "step,spent,code,delay",
    [
        (command(0, idempotent=True, retries=2), 0, 1, 1),
        (command(0, idempotent=True, retries=2), 1, 1, 2),
        (command(0, idempotent=True, retries=2), 2, 1, None),
        (command(0, idempotent=True, retries=2), 0, None, 1),
        (command(0, idempotent=True, retries=10, retry_delay=60), 9, 1, 300),
        (command(0, retries=2), 0, 1, None),
        (command(0, retries=2, retry_safe_rc=(75,)), 0, 75, 1),
        (command(0, retries=2, retry_safe_rc=(75,)), 0, 1, None),
        (command(0, retries=2, retry_safe_rc=(75,)), 0, None, None),
    ],
)
def test_a_command_is_tried_again_only_when_that_does_no_harm(
    step: CommandStep, spent: int, code: int | None, delay: int | None
) -> None:
    assert retry_delay(step, spent, code) == delay
