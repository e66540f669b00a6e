"""The steps of a pinned list: one value for each kind of step, with the defaults written out. No disk.

A recipe's step (what a person writes) becomes one of these when a run pins it; what it may hold is
`schemas/resolved_steps.schema.json`. Times are whole seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple

COMMAND_TIMEOUT_S: Final = 900
CHECK_TIMEOUT_S: Final = 60
PROBE_TIMEOUT_S: Final = 60
GRACE_S: Final = 10
OUTPUT_LIMIT_BYTES: Final = 268_435_456
SHELL: Final = ("/bin/sh", "-c")

Argv = tuple[str, ...]


class Probe(NamedTuple):
    """A read-only command whose end says whether an effect is there: 0 yes, `absent_rc` no."""

    argv: Argv
    absent_rc: tuple[int, ...] = (1,)
    timeout: int = PROBE_TIMEOUT_S


class Verification(NamedTuple):
    """A command that must exit 0 before a manual step may end."""

    argv: Argv
    timeout: int = PROBE_TIMEOUT_S


class Expectation(NamedTuple):
    """What must hold of a check's end and its output; None asks nothing."""

    exit_code: int = 0
    stdout: str | None = None
    stdout_contains: str | None = None


class Guard(NamedTuple):
    """A read-only command that must exit 0 before a run begins or goes on."""

    key: str
    argv: Argv
    env: Mapping[str, str] = {}
    timeout: int = PROBE_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class CommandStep:
    """A step that runs a command for its effect."""

    kind: ClassVar[str] = "command"
    index: int
    key: str
    argv: Argv
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "."
    idempotent: bool = False
    done_when: Probe | None = None
    timeout: int = COMMAND_TIMEOUT_S
    grace: int = GRACE_S
    retries: int = 0
    retry_delay: int = 1
    retry_safe_rc: tuple[int, ...] = ()
    success_rc: tuple[int, ...] = (0,)
    capture: str | None = None
    on_fail: str = "suspend"
    pinned_skip: bool = False


@dataclass(frozen=True, slots=True)
class CheckStep:
    """A step that runs a command for what it finds; it has no effect."""

    kind: ClassVar[str] = "check"
    index: int
    key: str
    argv: Argv
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "."
    timeout: int = CHECK_TIMEOUT_S
    grace: int = GRACE_S
    on_fail: str = "suspend"
    expect: Expectation = field(default_factory=Expectation)
    recheck: str = "trailing"
    pinned_skip: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointStep:
    """A step that leaves a checkpoint."""

    kind: ClassVar[str] = "checkpoint"
    index: int
    key: str
    summary: str
    next_action: str | None = None
    checkpoint_kind: str = "progress"
    pinned_skip: bool = False


@dataclass(frozen=True, slots=True)
class GateStep:
    """A step at which an operator says yes or no."""

    kind: ClassVar[str] = "gate"
    index: int
    key: str
    prompt: str
    approvers: tuple[str, ...] = ("operator",)
    pinned_skip: bool = False


@dataclass(frozen=True, slots=True)
class ManualStep:
    """A step that somebody does by hand; `verify_text` is shown and never run."""

    kind: ClassVar[str] = "manual"
    index: int
    key: str
    instruct: str
    env: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = False
    evidence: str = "optional"
    verify: Verification | None = None
    verify_text: str | None = None
    pinned_skip: bool = False


Step = CommandStep | CheckStep | CheckpointStep | GateStep | ManualStep

STEPS: Final[Mapping[str, type[Step]]] = {
    step.kind: step for step in (CommandStep, CheckStep, CheckpointStep, GateStep, ManualStep)
}


def has_effect(step: Step) -> bool:
    """Say whether a step is there for what it changes."""
    return step.kind in ("command", "manual")


def is_side_effecting(step: Step) -> bool:
    """Say whether a step must not be done twice without somebody deciding so."""
    return isinstance(step, CommandStep | ManualStep) and not step.idempotent


def call_path(key: str) -> str:
    """Return the keys of the calls that lead to a step, empty at the top: `roll` of `roll/build`."""
    return key.rpartition("/")[0]
