"""The hooks' way in: found in the arguments before click, so that a commit waits for little.

The verbs themselves are in `hook_commands`, which is imported when `hooks` is asked for by name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from platformstate.actions.hook_calls import FRAMEWORK, PROBE, HookCall, probe_answer, reads_input
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.errors import StateError
from platformstate.gitrepo import discover
from platformstate.gitrepo.environment import clean_environment, hook_environment

_OWN_FLAGS: Final = ("--json", "-v", "-q", "--quiet", "--verbose")


def __getattr__(name: str) -> Any:
    if name == "hooks":
        from platformstate.cli.hook_commands import hooks

        return hooks
    raise AttributeError(name)


def run_hook(argv: Sequence[str], invocation: Invocation) -> None:
    """Run one hook as git calls it, reading where git says that the index and the objects are."""
    reading = hook_environment(os.environ)
    clean_environment(os.environ)
    words = [word for word in argv if word not in _OWN_FLAGS]
    judge(words[0] if words else "", words[1:], invocation, reading)


def judge(name: str, arguments: Sequence[str], invocation: Invocation, reading: Mapping[str, str]) -> None:
    """Judge as the hook of this name. Raises: usage_invalid for a name that is no hook of ours."""
    if word := os.environ.get(PROBE):
        raise StateError("usage_invalid", probe_answer(name, word), hint=f"unset {PROBE}")
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if reads_input(name) else ""
    told = {key: os.environ[key] for key in FRAMEWORK if key in os.environ}
    repository = discover(Path(invocation.directory), reading=reading, meanwhile=_load_rules)
    from platformstate.actions.hook_runs import run_hook
    from platformstate.cli.findings import findings_text, plain_lines

    answer = run_hook(repository, HookCall(name, tuple(arguments), text, told))
    present(invocation, answer, plain_lines if name.startswith("pre-receive") else findings_text)


def _load_rules() -> None:
    from platformstate.actions import hook_runs  # noqa: F401  there is time for it while git answers
