"""What to do about one step when a run goes on: the resume decision as tables. Pure.

Four axes are folded into three readings of the same step first: what proves how an open attempt
ended, which column of the table the step belongs to, and which row it is in. One action comes out;
the caller does it, records what it learned, and asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Action(StrEnum):
    """The one thing to do next about a step."""

    SKIP = "skip"  # it is done
    REFUSE = "refuse"  # somebody holds the run
    CLOSE_NOT_STARTED = "close_not_started"  # record that the attempt never began
    ADOPT = "adopt"  # record what its receipt says
    CLOSE_UNKNOWN = "close_unknown"  # record that nobody knows
    PROBE = "probe"  # ask done_when
    RECORD_DONE = "record_done"  # record the probe's yes
    RECORD_ABSENT = "record_absent"  # record the probe's no
    RUN = "run"  # begin the next attempt
    DECIDE = "decide"  # ask a person what happened
    ASK = "ask"  # open the gate's question
    WAIT = "wait"  # somebody has to answer or to end it
    BEGIN = "begin"  # somebody has to begin it by hand
    STOP = "stop"  # the answer ends the run


class Situation(NamedTuple):
    """Everything that the decision may depend on.

    `kind` is the step's; `outcome` that of its last attempt (none, open, succeeded, skipped, carried,
    approved, failed, timed_out, cancelled, unknown, not_started, waiting, rejected); `receipt` none,
    success, failure or bad; `place` same, other_boot or other_place; `probe` absent, unasked, done,
    not_done or unclear; `decision` none, redo, done, skip or abort, about that very attempt;
    `rc_class` safe when its exit code promises that nothing was done.
    """

    kind: str
    idempotent: bool = False
    probe: str = "absent"
    outcome: str = "none"
    receipt: str = "none"
    start_mark: bool = False
    place: str = "same"
    locked: bool = False
    decision: str = "none"
    rc_class: str = "other"


AXES: Final[Mapping[str, tuple[object, ...]]] = {
    "kind": ("command", "check", "checkpoint", "gate", "manual"),
    "idempotent": (False, True),
    "probe": ("absent", "unasked", "done", "not_done", "unclear"),
    "outcome": (
        "none",
        "open",
        "succeeded",
        "skipped",
        "carried",
        "approved",
        "failed",
        "timed_out",
        "cancelled",
        "unknown",
        "not_started",
        "waiting",
        "rejected",
    ),
    "receipt": ("none", "success", "failure", "bad"),
    "start_mark": (False, True),
    "place": ("same", "other_boot", "other_place"),
    "locked": (False, True),
    "decision": ("none", "redo", "done", "skip", "abort"),
    "rc_class": ("other", "safe"),
}

DONE: Final = frozenset({"succeeded", "skipped", "carried", "approved"})
CLOSED_UNDONE: Final = frozenset({"failed", "timed_out", "cancelled", "unknown"})

# What proves how an open attempt ended: (place, receipt) -> ..., where a missing start mark counts
# on the same boot only. In another place no file here can speak of the attempt.
_PROOF: Final[Mapping[tuple[str, str], str]] = {
    ("same", "none"): "mark",
    ("same", "bad"): "nothing",
    ("same", "success"): "receipt",
    ("same", "failure"): "receipt",
    ("other_boot", "none"): "nothing",
    ("other_boot", "bad"): "nothing",
    ("other_boot", "success"): "receipt",
    ("other_boot", "failure"): "receipt",
    ("other_place", "none"): "nothing",
    ("other_place", "bad"): "nothing",
    ("other_place", "success"): "nothing",
    ("other_place", "failure"): "nothing",
}

COLUMNS: Final = ("idempotent", "probed", "bare", "check", "gate", "by_hand", "by_hand_again")
# A command's column follows from two axes, a manual step's from one; a checkpoint step, which is
# written again without harm, stands with the checks.
_COMMAND_COLUMNS: Final[Mapping[tuple[bool, bool], str]] = {
    (True, True): "idempotent",
    (True, False): "idempotent",
    (False, True): "probed",
    (False, False): "bare",
}
_MANUAL_COLUMNS: Final[Mapping[bool, str]] = {False: "by_hand", True: "by_hand_again"}
_OTHER_COLUMNS: Final[Mapping[str, str]] = {"check": "check", "checkpoint": "check", "gate": "gate"}

_A: Final = Action


def _cells(*actions: Action) -> Mapping[str, Action]:
    return dict(zip(COLUMNS, actions, strict=True))


# Rows by name; the cells stand in the order of COLUMNS. A cell PROBE is answered by PROBED below.
TABLE: Final[Mapping[str, Mapping[str, Action]]] = {
    "none": _cells(_A.RUN, _A.RUN, _A.RUN, _A.RUN, _A.ASK, _A.BEGIN, _A.BEGIN),
    "never began": _cells(_A.RUN, _A.RUN, _A.RUN, _A.RUN, _A.ASK, _A.BEGIN, _A.BEGIN),
    "to be done again": _cells(_A.RUN, _A.RUN, _A.RUN, _A.RUN, _A.ASK, _A.BEGIN, _A.BEGIN),
    "closed, not done": _cells(_A.RUN, _A.PROBE, _A.DECIDE, _A.RUN, _A.ASK, _A.DECIDE, _A.BEGIN),
    "failed, safely": _cells(_A.RUN, _A.PROBE, _A.RUN, _A.RUN, _A.ASK, _A.DECIDE, _A.BEGIN),
    "open, never began": _cells(*[_A.CLOSE_NOT_STARTED] * 3, _A.RUN, _A.ASK, _A.WAIT, _A.WAIT),
    "open, receipt": _cells(_A.ADOPT, _A.ADOPT, _A.ADOPT, _A.RUN, _A.ASK, _A.WAIT, _A.WAIT),
    "open, nothing proves": _cells(
        _A.CLOSE_UNKNOWN, _A.PROBE, _A.CLOSE_UNKNOWN, _A.RUN, _A.ASK, _A.WAIT, _A.WAIT
    ),
    "waiting": _cells(_A.STOP, _A.STOP, _A.STOP, _A.STOP, _A.WAIT, _A.STOP, _A.STOP),
    "locked": dict.fromkeys(COLUMNS, _A.REFUSE),
    "done": dict.fromkeys(COLUMNS, _A.SKIP),
    "ended": dict.fromkeys(COLUMNS, _A.STOP),
}

# (is the attempt open, what the probe says) -> action.
PROBED: Final[Mapping[tuple[bool, str], Action]] = {
    (True, "unasked"): _A.PROBE,
    (True, "done"): _A.RECORD_DONE,
    (True, "not_done"): _A.RECORD_ABSENT,
    (True, "unclear"): _A.CLOSE_UNKNOWN,
    (False, "unasked"): _A.PROBE,
    (False, "done"): _A.RECORD_DONE,
    (False, "not_done"): _A.RUN,
    (False, "unclear"): _A.DECIDE,
}

# Rows by a decision about the last attempt, before anything else but "done" and the lock.
_DECIDED: Final[Mapping[str, str | None]] = {
    "none": None,
    "redo": "to be done again",
    "done": "done",
    "skip": "done",
    "abort": "ended",
}
_BY_OUTCOME: Final[Mapping[str, str]] = {
    "none": "none",
    "not_started": "never began",
    "waiting": "waiting",
    "rejected": "ended",
    **dict.fromkeys(DONE, "done"),
    **dict.fromkeys(CLOSED_UNDONE, "closed, not done"),
}


def settle(situation: Situation) -> Action:
    """Return the one action that a step's situation asks for."""
    action = TABLE[row(situation)][column(situation)]
    if action is Action.PROBE:
        return PROBED[situation.outcome == "open", situation.probe]
    return action


def column(situation: Situation) -> str:
    """Return the column of the table that a situation is in."""
    if situation.kind == "command":
        return _COMMAND_COLUMNS[situation.idempotent, situation.probe != "absent"]
    if situation.kind == "manual":
        return _MANUAL_COLUMNS[situation.idempotent]
    return _OTHER_COLUMNS[situation.kind]


def row(situation: Situation) -> str:
    """Return the row of the table that a situation is in."""
    if situation.outcome in DONE:
        return "done"
    if situation.locked and situation.kind in ("command", "check", "checkpoint"):
        return "locked"
    decided = None if situation.outcome in ("none", "open") else _DECIDED[situation.decision]
    if decided is not None:
        return decided
    if situation.outcome == "open":
        return _open_row(situation)
    if situation.outcome == "failed" and situation.rc_class == "safe":
        return "failed, safely"
    return _BY_OUTCOME[situation.outcome]


def _open_row(situation: Situation) -> str:
    proof = _PROOF[situation.place, situation.receipt]
    if proof == "mark":
        proof = "nothing" if situation.start_mark else "not begun"
    return {"not begun": "open, never began", "receipt": "open, receipt", "nothing": "open, nothing proves"}[
        proof
    ]


def why_unknown(situation: Situation) -> str:
    """Return the reason that StepUnknown gives for an attempt that nothing proves."""
    if situation.place != "same":
        return situation.place
    return "bad_receipt" if situation.receipt == "bad" else "no_receipt"


def foreseen(situation: Situation) -> Action:
    """Return the action that a step comes to when every record that needs no asking has been made.

    A probe that is not asked yet stays one; this is what a dry run and a standing show.
    """
    action = settle(situation)
    if action is Action.CLOSE_NOT_STARTED:
        return foreseen(situation._replace(outcome="not_started", decision="none"))
    if action is Action.CLOSE_UNKNOWN:
        return foreseen(situation._replace(outcome="unknown", decision="none"))
    return action
