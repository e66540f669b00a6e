"""What the end of a wrapped command means for its run, and when a checkpoint is due meanwhile. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from platformstate.errors import StateError, shown

SIGNALLED: Final = 128
COMMAND_FAILED: Final = "command_failed"
BY_SIGNAL: Final = "signal"
ENDING_SIGNALS: Final = (1, 2, 15)  # HUP, INT, TERM: what is sent to end a command
OUTCOMES: Final = ("succeeded", "failed", "aborted")
FAILED_STATUS: Final = 1
DEFAULT_INTERVAL: Final = "10m"
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,5})([smh]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


class Ending(NamedTuple):
    """How a run ends: its status, why, the exit code on record, and the wrapper's own exit status."""

    status: str
    reason: str | None = None
    exit_code: int | None = None
    exit_status: int = 0


def ending_of(exit_code: int, heard: Collection[int]) -> Ending:
    """Return what becomes of a run whose command ended so, after these signals came to the wrapper.

    A signal ends the run only if the command ended by it, or says so: what it survived counts for nothing.
    """
    if exit_code == 0:
        return Ending("succeeded", None, 0)
    number = exit_code - SIGNALLED
    if number in ENDING_SIGNALS and number in heard:
        return Ending("aborted", BY_SIGNAL, exit_code, exit_code)
    return Ending("failed", COMMAND_FAILED, exit_code, FAILED_STATUS)


def interval_seconds(text: str) -> int:
    """Return the length that `--interval` names: `90`, `90s`, `10m` or `2h`. Raises: usage_invalid."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise StateError(
            "usage_invalid", f"--interval {shown(text)!r} is no length of time", hint="--interval 10m"
        )
    return int(found[1]) * _SECONDS[found[2]]


class Due(NamedTuple):
    """What is due at a look: a checkpoint at once, one whose commit waits, or nothing."""

    commit: bool
    wait: bool


def due(*, moved: bool, own: bool, quiet: bool, since_s: float, interval_s: float) -> Due:
    """Say what is due when HEAD `moved`, by commits that are our `own`, in a `quiet` repository.

    While a merge or a rebase is under way HEAD moves without meaning anything.
    """
    commit = moved and quiet and not own
    return Due(commit, not commit and since_s >= interval_s)
