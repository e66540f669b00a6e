"""Run one command that the caller asked for: no shell, a group of its own, a limit in time.

Its output is hashed and forgotten; how it ended is the result, never an error.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

LIMIT_S: Final = 600.0
GRACE_S: Final = 2.0
TIMED_OUT: Final = 124
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
_SIGNALLED: Final = 128


class Ran(NamedTuple):
    """How a command ended, as a shell would number it, and the digest of all that it printed.

    124: stopped at the time limit. 126, 127: could not be started. 128 + n: ended by signal n.
    """

    argv: tuple[str, ...]
    exit_code: int
    output_sha256: str


def run_command(argv: Sequence[str], cwd: Path, *, limit_s: float = LIMIT_S) -> Ran:
    """Run a command and wait for it; at the limit, or when interrupted, its whole group ends.

    The output goes to a file, so that a grandchild that keeps it open holds nobody up.
    """
    with tempfile.TemporaryFile() as output:
        try:
            child = subprocess.Popen(
                argv,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            exit_code = NOT_FOUND
        except (OSError, ValueError):
            exit_code = NOT_EXECUTABLE
        else:
            exit_code = _wait(child, limit_s)
        output.seek(0)
        return Ran(tuple(argv), exit_code, hashlib.file_digest(output, "sha256").hexdigest())


def _wait(child: subprocess.Popen[bytes], limit_s: float) -> int:
    try:
        ended = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        return TIMED_OUT
    finally:  # at the limit, and after Ctrl-C: nothing of ours keeps running after us
        if child.returncode is None:
            _end_group(child)
    return _SIGNALLED - ended if ended < 0 else ended


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, then make it."""
    _signal(child.pid, signal.SIGTERM)
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        pass  # it did not listen
    _signal(child.pid, signal.SIGKILL)
    child.wait()


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass  # the whole group has ended


class Captured(NamedTuple):
    """How a command ended and what it printed on either stream."""

    exit_code: int
    stdout: str
    stderr: str


def run_captured(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], *, limit_s: float = LIMIT_S
) -> Captured:
    """Run a command of our own with this environment and keep what it prints."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        exit_code = _wait(child, limit_s)
        return Captured(exit_code, _text(out), _text(err))


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")
