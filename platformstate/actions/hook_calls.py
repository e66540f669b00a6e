"""How a hook was called: what git, another manager of hooks, or `doctor` told it. No judgement is here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

# With these the pre-commit framework tells a pre-push hook what is pushed, instead of standard input.
FRAMEWORK: Final = ("PRE_COMMIT", "PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF")

# With this `doctor` asks an installed hook whether it runs: it answers and refuses, and starts nothing else.
PROBE: Final = "PLATFORMSTATE_HOOK_PROBE"


class HookCall(NamedTuple):
    """How git, or another manager of hooks, called a hook."""

    name: str
    arguments: tuple[str, ...] = ()
    text: str = ""
    environment: Mapping[str, str] = {}


def probe_answer(name: str, word: str) -> str:
    """Return what a hook says to whoever probes it."""
    return f"{PROBE} is set, so nothing was judged: {name} answers {word}"


def reads_input(name: str) -> bool:
    """Say whether git tells a hook of this name on standard input what to judge."""
    return name.partition(".")[0] in ("pre-push", "pre-receive")
