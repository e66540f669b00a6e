"""The resume decision over the full product of its axes, and the page's table cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from platformstate.policy.settle import (
    AXES,
    COLUMNS,
    DONE,
    TABLE,
    Action,
    Situation,
    column,
    foreseen,
    row,
    settle,
    why_unknown,
)

ASKING = {Action.DECIDE, Action.ASK, Action.WAIT, Action.BEGIN}


def everything() -> Iterator[Situation]:
    return (Situation(*values) for values in product(*AXES.values()))  # type: ignore[arg-type]


def test_the_whole_product_has_one_action_each_and_keeps_the_promises() -> None:
    """Total; done never runs; side effects never run unproven unless decided; idempotent never asks."""
    seen = set()
    reached = set()
    for situation in everything():
        action = settle(situation)
        seen.add((type(action), action))
        reached.add((row(situation), column(situation)))
        assert all(promise(situation, action) for promise in PROMISES), situation
    assert seen == {(Action, action) for action in Action}
    assert {name for name, _ in reached} == set(TABLE)
    assert {name for _, name in reached} == set(COLUMNS)


PROMISES: tuple[Callable[[Situation, Action], bool], ...] = (
    # What is done is skipped, and nothing else about it.
    lambda s, action: s.outcome not in DONE or action is Action.SKIP,
    # Only commands, checks and checkpoints run by themselves.
    lambda s, action: action is not Action.RUN or s.kind in ("command", "check", "checkpoint"),
    lambda s, action: s.kind not in ("gate", "manual") or action not in (Action.PROBE, Action.ADOPT),
    # A side effect runs when something proves that it is not there, or somebody took it upon himself.
    lambda s, action: action is not Action.RUN or s.kind != "command" or s.idempotent or _may_run(s),
    # An idempotent command never asks.
    lambda s, action: s.kind != "command" or not s.idempotent or action not in ASKING,
    # Nothing runs while somebody holds the run.
    lambda s, action: not s.locked or s.kind != "command" or action in (Action.REFUSE, Action.SKIP),
    # What was decided to be done or left out is skipped.
    lambda s, action: (
        s.decision not in ("done", "skip")
        or s.outcome in ("none", "open")
        or s.locked
        or action is Action.SKIP
    ),
)


def _may_run(s: Situation) -> bool:
    """Say whether something proves that no effect is there, or somebody took it upon himself."""
    safe = s.outcome == "failed" and s.rc_class == "safe"
    absent = s.probe == "not_done" and s.outcome != "open"
    return s.outcome in ("none", "not_started") or s.decision == "redo" or safe or absent


def test_every_row_has_every_column() -> None:
    assert all(tuple(cells) == COLUMNS for cells in TABLE.values())


BARE = Situation("command")
AGAIN = BARE._replace(idempotent=True)
PROBED = BARE._replace(probe="unasked")
CHECK = Situation("check")
HAND = Situation("manual")
HAND_AGAIN = HAND._replace(idempotent=True)
MARK = {"outcome": "open", "start_mark": True}

PAGE = {
    "none, idempotent": (AGAIN, Action.RUN),
    "none, probed": (PROBED, Action.RUN),
    "none, bare": (BARE, Action.RUN),
    "none, check": (CHECK, Action.RUN),
    "none, manual": (HAND, Action.BEGIN),
    "none, gate": (Situation("gate"), Action.ASK),
    "waiting, gate": (Situation("gate", outcome="waiting"), Action.WAIT),
    "approved, gate": (Situation("gate", outcome="approved"), Action.SKIP),
    "rejected, gate": (Situation("gate", outcome="rejected"), Action.STOP),
    "open, locked": (BARE._replace(outcome="open", locked=True), Action.REFUSE),
    "open, no mark": (BARE._replace(outcome="open"), Action.CLOSE_NOT_STARTED),
    "open, no mark, other boot": (BARE._replace(outcome="open", place="other_boot"), Action.CLOSE_UNKNOWN),
    "open, receipt": (BARE._replace(receipt="success", **MARK), Action.ADOPT),
    "open, receipt of a failure": (BARE._replace(receipt="failure", **MARK), Action.ADOPT),
    "open, receipt after power loss": (
        BARE._replace(receipt="success", place="other_boot", **MARK),
        Action.ADOPT,
    ),
    "open, receipt in another place": (
        BARE._replace(receipt="success", place="other_place", **MARK),
        Action.CLOSE_UNKNOWN,
    ),
    "open, bad receipt": (BARE._replace(receipt="bad", **MARK), Action.CLOSE_UNKNOWN),
    "open, nothing, probed": (PROBED._replace(**MARK), Action.PROBE),
    "open, nothing, probe yes": (PROBED._replace(**MARK)._replace(probe="done"), Action.RECORD_DONE),
    "open, nothing, probe no": (PROBED._replace(**MARK)._replace(probe="not_done"), Action.RECORD_ABSENT),
    "open, nothing, probe unclear": (PROBED._replace(**MARK)._replace(probe="unclear"), Action.CLOSE_UNKNOWN),
    "open, manual": (HAND._replace(**MARK), Action.WAIT),
    "failed, idempotent": (AGAIN._replace(outcome="failed"), Action.RUN),
    "failed, bare": (BARE._replace(outcome="failed"), Action.DECIDE),
    "failed safely": (BARE._replace(outcome="failed", rc_class="safe"), Action.RUN),
    "timed out with that code": (BARE._replace(outcome="timed_out", rc_class="safe"), Action.DECIDE),
    "failed, probed": (PROBED._replace(outcome="failed"), Action.PROBE),
    "failed, probe yes": (PROBED._replace(outcome="failed", probe="done"), Action.RECORD_DONE),
    "failed, probe no": (PROBED._replace(outcome="failed", probe="not_done"), Action.RUN),
    "failed, probe unclear": (PROBED._replace(outcome="failed", probe="unclear"), Action.DECIDE),
    "unknown, check": (CHECK._replace(outcome="failed"), Action.RUN),
    "failed, manual": (HAND._replace(outcome="failed"), Action.DECIDE),
    "failed, manual idempotent": (HAND_AGAIN._replace(outcome="failed"), Action.BEGIN),
    "not started": (BARE._replace(outcome="not_started"), Action.RUN),
    "redo": (BARE._replace(outcome="unknown", decision="redo"), Action.RUN),
    "redo, manual": (HAND._replace(outcome="unknown", decision="redo"), Action.BEGIN),
    "abort": (BARE._replace(outcome="unknown", decision="abort"), Action.STOP),
    "an open attempt that was decided before": (BARE._replace(decision="redo", **MARK), Action.CLOSE_UNKNOWN),
}


@pytest.mark.parametrize("situation,action", PAGE.values(), ids=PAGE)
def test_a_cell_of_the_page(situation: Situation, action: Action) -> None:
    assert settle(situation) is action


@pytest.mark.parametrize(
    "situation,action",
    [
        (BARE._replace(**MARK), Action.DECIDE),
        (BARE._replace(outcome="open"), Action.RUN),
        (AGAIN._replace(**MARK), Action.RUN),
        (PROBED._replace(**MARK), Action.PROBE),
        (PROBED._replace(**MARK)._replace(probe="unclear"), Action.DECIDE),
    ],
)
def test_what_is_foreseen_is_where_the_records_lead(situation: Situation, action: Action) -> None:
    assert foreseen(situation) is action


@pytest.mark.parametrize(
    "change,why",
    [
        ({}, "no_receipt"),
        ({"receipt": "bad"}, "bad_receipt"),
        ({"place": "other_boot", "receipt": "bad"}, "other_boot"),
        ({"place": "other_place"}, "other_place"),
    ],
)
def test_the_record_says_why_nobody_knows(change: dict[str, str], why: str) -> None:
    assert why_unknown(BARE._replace(**MARK)._replace(**change)) == why  # type: ignore[arg-type]
