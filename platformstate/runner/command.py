"""Run a command that may be run again, with a time limit: a guard, a probe, a verify, an `--exec`.

No lock, no receipt: nothing is lost when it is killed. How it ended is the result, never an error.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.codec.safe import safe_text
from platformstate.policy.redaction import known_values, redacted_output
from platformstate.runner import shim
from platformstate.runner.child import Child
from platformstate.runner.ending import Tree, end_tree
from platformstate.runner.signals import Signals

LIMIT_S: Final = 600.0
GRACE_S: Final = 2.0
TIMED_OUT: Final = 124
NOT_EXECUTABLE: Final = shim.NOT_STARTED
NOT_FOUND: Final = 127
MAX_OUTPUT_BYTES: Final = 16 * 1024 * 1024
KEPT_CHARACTERS: Final = 4096
_SIGNALLED: Final = 128
_TICK_S: Final = 0.1


class Ran(NamedTuple):
    """How a command ended, as a shell would number it, and the digest of all that it printed, redacted.

    124: stopped at the time limit. 126, 127: could not be started. 128 + n: ended by signal n.
    `output` is the end of what it printed, safe to show. `signal` is the one to us that ended it.
    """

    argv: tuple[str, ...]
    exit_code: int
    output_sha256: str
    output: str = ""
    output_bytes: int = 0
    ms: int = 0
    is_timed_out: bool = False
    signal: int | None = None


class Captured(NamedTuple):
    """How a command ended and what it printed on either stream."""

    exit_code: int
    stdout: str
    stderr: str


def run_command(
    argv: Sequence[str],
    cwd: Path,
    *,
    env: Mapping[str, str] | None = None,
    limit_s: float = LIMIT_S,
    grace_s: float = GRACE_S,
    values: Sequence[str] | None = None,
    signals: Signals | None = None,
) -> Ran:
    """Run a command and wait for it; at the limit, or when interrupted, all that it started ends.

    `env` is this process's when none is given, `values` those of it that may not be shown. The output
    goes to a file, so that a grandchild that keeps it open holds nobody up.
    """
    environ = dict(os.environ) if env is None else env
    hidden = known_values(environ) if values is None else values
    with _spool() as spool:
        watched = _Watched(cwd, environ, limit_s, grace_s, signals)
        watched.run(argv, shim.Streams(spool, spool))
        data = os.pread(spool, MAX_OUTPUT_BYTES, 0)
    text = redacted_output(data, hidden)
    whole = text.encode("utf-8", "replace")
    return Ran(
        tuple(argv),
        watched.exit_code,
        sha256(whole).hexdigest(),
        safe_text(text[-KEPT_CHARACTERS:]),
        len(whole),
        watched.ms,
        watched.is_timed_out,
        watched.signal,
    )


def run_captured(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], *, limit_s: float = LIMIT_S
) -> Captured:
    """Run a command of our own with this environment and keep what it prints."""
    with _spool() as out, _spool() as err:
        watched = _Watched(cwd, env, limit_s, GRACE_S, None)
        watched.run(argv, shim.Streams(out, err))
        return Captured(watched.exit_code, _text(out), _text(err))


@contextmanager
def _spool() -> Iterator[int]:
    """Give a file that has no name: it is gone with the last process that holds it."""
    from tempfile import TemporaryFile  # loads much

    with TemporaryFile() as file:
        yield file.fileno()


def _text(spool: int) -> str:
    return os.pread(spool, MAX_OUTPUT_BYTES, 0).decode("utf-8", "replace")


class _Watched:
    """One command while it runs, and how it ended."""

    def __init__(
        self, cwd: Path, env: Mapping[str, str], limit_s: float, grace_s: float, signals: Signals | None
    ) -> None:
        self._cwd, self._env = cwd, env
        self._limit_s, self._grace_s = limit_s, grace_s
        self._signals = signals
        self.exit_code = NOT_EXECUTABLE
        self.is_timed_out = False
        self.signal: int | None = None
        self.ms = 0

    def run(self, argv: Sequence[str], streams: shim.Streams) -> None:
        begun, tree = time.monotonic(), Tree(None)
        try:
            pid = shim.start_plain(argv, cwd=str(self._cwd), env=self._env, streams=streams, limits={})
        except (OSError, ValueError) as failed:  # too long, or a NUL in it
            os.write(streams.err, f"cannot be started: {failed}\n".encode("utf-8", "replace"))
            return
        tree.began(pid)
        child = Child(pid, self._signals)
        with ExitStack() as unwatched:  # also after Ctrl-C nothing of ours keeps running
            unwatched.callback(child.close)
            unwatched.callback(end_tree, child, tree, self._grace_s)
            self._watch(child, streams, begun + self._limit_s)
            if not child.has_ended or tree.strays(pid):
                end_tree(child, tree, self._grace_s, self._is_hurried)
            unwatched.pop_all()
        child.close()
        self.ms = round((time.monotonic() - begun) * 1000)
        ended = os.waitstatus_to_exitcode(child.status or 0)
        self.exit_code = TIMED_OUT if self.is_timed_out else _SIGNALLED - ended if ended < 0 else ended

    def _watch(self, child: Child, streams: shim.Streams, deadline: float) -> None:
        while not child.wait(min(_TICK_S, max(0.0, deadline - time.monotonic()))):
            self.signal = self._signals.take() if self._signals else None
            self.is_timed_out = time.monotonic() >= deadline
            too_much = max(os.fstat(stream).st_size for stream in streams[:2]) > MAX_OUTPUT_BYTES
            if self.signal is not None or self.is_timed_out or too_much:
                return

    def _is_hurried(self) -> bool:
        return self._signals is not None and self._signals.take() is not None
