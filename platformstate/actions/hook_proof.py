"""Prove that our hooks run: start each as git would, and hear it answer before anything else of it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from platformstate.actions.hook_calls import PROBE, probe_answer
from platformstate.actions.hook_files import Hook, client_place, program_of
from platformstate.gitrepo import Repository
from platformstate.gitrepo.environment import child_environment

_LIMIT_S: Final = 30.0
_SHEBANG_BYTES: Final = 1024


def silent_hooks(repository: Repository, hooks: Sequence[Hook], program: str) -> list[tuple[str, str]]:
    """Return each installed hook that does not run, with the reason.

    Only a hook that says to the byte what ours says, and calls this very program, is started: what a
    planted repository brings along is not. It answers before an older hook would run, and refuses. Of a
    hook that calls another platformctl the interpreter is looked for.
    """
    place = client_place(repository)
    found = []
    for hook in hooks:
        if hook.state != "installed":
            continue
        called = program_of(place, hook.name)
        fault = None
        if called and program and os.path.realpath(called) == os.path.realpath(program):
            fault = _silence(place.path / hook.name, hook.name, repository.root or place.root)
        elif called:
            fault = _interpreter_fault(Path(called))
        found += [] if fault is None else [(hook.name, fault)]
    return found


def _silence(path: Path, name: str, root: Path) -> str | None:
    from platformstate.runner import run_command  # doctor alone starts a hook

    word = f"doctor-{os.getpid()}"
    ran = run_command([str(path)], root, env=child_environment(os.environ, {PROBE: word}), limit_s=_LIMIT_S)
    if probe_answer(name, word) in ran.output:
        return None
    said = ran.output.strip().splitlines()
    return f"it ended with {ran.exit_code}: {said[-1]}" if said else f"it ended with {ran.exit_code}"


def _interpreter_fault(program: Path) -> str | None:
    """Return why a script cannot start: the interpreter that its first line names is gone."""
    try:
        with program.open("rb") as file:
            line = file.read(_SHEBANG_BYTES).split(b"\n", 1)[0]
    except OSError as refused:
        return f"{program}: {refused.strerror}"
    words = os.fsdecode(line.removeprefix(b"#!")).split()
    if not line.startswith(b"#!") or not words or os.access(words[0], os.X_OK):
        return None
    return f"{program} needs {words[0]}, which is not there"
