"""The environment of a step: what of the caller's it keeps, and what names the run to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

_DROPPED_PREFIXES: Final = ("GIT_", "PLATFORMSTATE_", "LD_", "PYTHON")
_DROPPED: Final = frozenset({"BASH_ENV", "ENV"})
_JOB_NAMES: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass(frozen=True, slots=True)
class StepNames:
    """Who a step is: its run, its place in it, and what it is given.

    `params` are the pinned `P_<name>` of the step, `captures` the texts of earlier steps by name.
    `more` are a job's further variables.
    """

    run: str
    actor: str
    index: int
    key: str
    attempt: int
    task: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    captures: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a procedure's step gets of the caller's environment."""
    return {
        name: value
        for name, value in environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }


def job_base(
    environ: Mapping[str, str], passed: Sequence[str] = (), given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what a job's step gets: few names of the caller's, those it passes on, those it sets."""
    kept = {name: environ[name] for name in (*_JOB_NAMES, *passed) if name in environ}
    return {**kept, **(given or {})}


def step_environment(base: Mapping[str, str], names: StepNames) -> dict[str, str]:
    """Return the whole environment of a step over what it inherits."""
    made = {
        **base,
        **names.params,
        **{f"C_{name}": text for name, text in names.captures.items()},
        **names.more,
        "PLATFORMSTATE_RUN": names.run,
        "PLATFORMSTATE_ACTOR": names.actor,
        "STEP_INDEX": str(names.index),
        "STEP_KEY": names.key,
        "STEP_ATTEMPT": str(names.attempt),
        "STEP_IDEMPOTENCY_KEY": idempotency_key(names.run, names.index),
    }
    return {**made, "PLATFORMSTATE_TASK": names.task} if names.task else made


def idempotency_key(run: str, index: int) -> str:
    """Return what a step may give to others to be recognised by: the same over its attempts."""
    local = run.replace("/", ".")
    return sha256(f"{local}:{index}".encode()).hexdigest()[:32]
