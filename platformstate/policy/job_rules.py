"""A whole spec as the rules that decide about its runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from platformstate.core.quantities import milliseconds, seconds, size_bytes
from platformstate.policy.misfire import Misfire
from platformstate.policy.retry import Backoff, Rules

_SIZES: Final = ("memory", "file_size")
_COUNTS: Final = ("cpu_seconds", "open_files")


def backoff_of(whole: Mapping[str, Any]) -> Backoff:
    """Return the waits between attempts."""
    given = whole["retry"]["backoff"]
    return Backoff(
        milliseconds(given["initial"]), given["factor"], milliseconds(given["max"]), given["jitter"]
    )


def retry_rules(whole: Mapping[str, Any]) -> Rules:
    """Return what decides about another attempt."""
    given = whole["retry"]
    return Rules(
        max=given["max"],
        backoff=backoff_of(whole),
        when=tuple(given["when"]),
        exit_codes=tuple(given["exit_codes"]),
        never_exit_codes=tuple(given["never_exit_codes"]),
        success_exit_codes=tuple(whole["success_exit_codes"]),
        is_repeatable=whole["policy"]["side_effects"] == "none",
    )


def misfire_rules(whole: Mapping[str, Any]) -> Misfire:
    """Return what decides about slots whose time has passed."""
    given = whole["misfire"]
    return Misfire(
        given["policy"],
        timedelta(seconds=seconds(given["late_after"])),
        timedelta(seconds=seconds(given["window"])),
        given["max_runs"],
    )


def limits_of(whole: Mapping[str, Any]) -> dict[str, int]:
    """Return the limits of a step's resources, in bytes, seconds and counts."""
    given = whole["runtime"]["limits"]
    sizes = {name: size_bytes(given[name]) for name in _SIZES if name in given}
    return {**sizes, **{name: given[name] for name in _COUNTS if name in given}}


def deadline_s(whole: Mapping[str, Any]) -> int:
    """Return how long a whole run may take, back-off included."""
    return seconds(whole["runtime"]["deadline"])
