"""The hooks' way in: found in the arguments before click, so that a commit waits for little.

The verbs themselves are in `hook_commands`, which is imported when `hooks` is asked for by name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from platformstate.actions.validate import Wish, validate_repository
from platformstate.cli.findings import findings_text
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.errors import StateError, shown
from platformstate.gitrepo import discover
from platformstate.gitrepo.environment import clean_environment, hook_environment

RUN_NAMES: Final = ("pre-commit", "pre-merge-commit")


def __getattr__(name: str) -> Any:
    if name == "hooks":
        from platformstate.cli.hook_commands import hooks

        return hooks
    raise AttributeError(name)


def run_hook(argv: Sequence[str], invocation: Invocation) -> None:
    """Run one hook as git calls it: judge what is staged where git says that the index is."""
    reading = hook_environment(os.environ)
    clean_environment(os.environ)
    names = [word for word in argv if not word.startswith("-")]
    judge_staged(names[0] if names else "", invocation, reading)


def judge_staged(name: str, invocation: Invocation, reading: Mapping[str, str]) -> None:
    """Judge the index as the hook of this name. Raises: usage_invalid for a name that is no hook of ours."""
    if name.partition(".")[0] not in RUN_NAMES:  # another manager may have renamed us, as to .legacy
        raise StateError(
            "usage_invalid",
            f"{shown(name)!r} is no hook of ours: {', '.join(RUN_NAMES)}" if name else "name a hook to run",
            hint="platformctl hooks run pre-commit",
        )
    repository = discover(Path(invocation.directory), reading=reading)
    present(invocation, validate_repository(repository, Wish(staged=True)), findings_text)
