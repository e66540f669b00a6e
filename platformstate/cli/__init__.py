"""The command line: parse, call one action, print. Here is its one door and its one error handler."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from platformstate.cli import echo, present
from platformstate.cli.invocation import Invocation, wants_json
from platformstate.ending import Terminated
from platformstate.errors import StateError, Warned, lacks_descriptors, too_many_files

EXIT_INTERRUPTED: Final = 128 + signal.SIGINT
EXIT_TERMINATED: Final = 128 + signal.SIGTERM


# A signal that arrives while a class is made, in an import, comes out of Python 3.11 as the cause of another error.
_STOPS: Final[Mapping[type | None, int]] = {KeyboardInterrupt: EXIT_INTERRUPTED, Terminated: EXIT_TERMINATED}


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status. Never raises, never prints a traceback."""
    started = time.perf_counter()
    invocation = Invocation(json=wants_json(argv), verbose=int("-v" in argv))
    try:
        _run(argv, invocation)
    except StateError as error:
        invocation.status = _failed(invocation, error)
    except KeyboardInterrupt:
        invocation.status = _stopped(invocation, EXIT_INTERRUPTED)
    except Terminated:
        invocation.status = _stopped(invocation, EXIT_TERMINATED)
    except Exception as bug:
        stop = _STOPS.get(type(bug.__cause__))
        if stop is not None:
            invocation.status = _stopped(invocation, stop)
        else:
            invocation.status = _failed(invocation, _unforeseen(bug, argv, invocation))
    present.cost_line(invocation, time.perf_counter() - started)
    echo.closed()
    return invocation.status


def stopped(argv: Sequence[str], status: int) -> int:
    """Return the exit status of a command that a signal ended outside of `main`; JSON gets its answer still."""
    return _stopped(Invocation(json=wants_json(argv)), status)


def _run(argv: Sequence[str], invocation: Invocation) -> None:
    if sys.platform == "win32":
        raise StateError("platform_unsupported", "platformctl runs on Linux and macOS only")
    if list(argv[:2]) == ["hooks", "run"]:
        from platformstate.cli.hooks import run_hook

        run_hook(argv[2:], invocation)
        return
    from platformstate.cli.commands import run
    from platformstate.gitrepo.environment import clean_environment, hook_environment

    invocation.git_environment = hook_environment(os.environ)
    for name in clean_environment(os.environ):
        text = f"{name} is set and was ignored; -C DIR says where to work"
        invocation.warnings.append(Warned("git_environment_ignored", text))

    run(argv, invocation)


def _failed(invocation: Invocation, error: StateError) -> int:
    """Say what went wrong; where nobody can hear it, the exit status still tells."""
    try:
        return present.failure(invocation, error)
    except StateError:
        return error.exit_status


def _stopped(invocation: Invocation, status: int) -> int:
    """Answer, where JSON is read, for a command that a signal ended before it had an answer."""
    if invocation.json and not echo.has_printed():
        message = f"a signal ended the command (exit status {status})"
        _failed(invocation, StateError("interrupted", message, hint="platformctl doctor", retryable=True))
    return status


def _unforeseen(bug: Exception, argv: Sequence[str], invocation: Invocation) -> StateError:
    """Return the error of a disk or folder that refuses, wherever it did; all else is a bug of ours."""
    if lacks_descriptors(bug):
        return too_many_files()
    from platformstate.files.errors import meaning

    known = meaning(bug, str(bug.filename or "")) if isinstance(bug, OSError) else None
    if known is not None:
        return known
    from platformstate.cli.reports import saved_report

    return saved_report(bug, argv, invocation.directory)
