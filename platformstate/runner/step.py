"""Run one command step: start it, watch it, end what it leaves, say how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

from platformstate.errors import StateError
from platformstate.runner import processes, shim
from platformstate.runner.attempts import attempt_facts, keep_values, kept_values, receipt_parts
from platformstate.runner.child import Child
from platformstate.runner.ending import Leftovers, Tree, end_tree
from platformstate.runner.leases import Lease, RunLock
from platformstate.runner.opening import explained, write_all
from platformstate.runner.output import LogCopy, Output
from platformstate.runner.signals import Signals

TICK_S: Final = 0.05
OUTPUT_LIMIT_BYTES: Final = 256 * 1024 * 1024
_FLOOD: Final = 2
SPAWNED: Final = "conduct.spawned"
_NEW_SPOOL: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND

Outcome = Literal["exited", "timed_out", "cancelled", "output_exceeded", "unknown"]


@dataclass(frozen=True, slots=True)
class StepCommand:
    """One attempt at a command step. `cwd` is absolute; the log stands at `log` below `root`.

    `apart` keeps stdout by itself, for `capture` and `expect`. `values` are what the log may not show.
    `limits` are of memory and file_size (bytes), cpu_seconds, open_files. `shown` is given each line
    of the log while it is written.
    """

    index: int
    attempt: int
    step_sha256: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    root: Path
    log: str
    timeout_s: float
    grace_s: float = 10
    output_limit: int = OUTPUT_LIMIT_BYTES
    apart: bool = False
    values: Sequence[str] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    shown: Callable[[str], None] | None = None

    def file(self, lease: Lease, suffix: str) -> Path:
        """Return one of the attempt's files in the clone."""
        return lease.file(f"{self.index}.{self.attempt}.{suffix}")


class Ended(NamedTuple):
    """How an attempt ended. `exit_code` is the receipt's: 128 + n for a death by signal n; None without one.

    `unknown`: the shim died, not by us, and left no valid receipt. `signal` is one that `cancel`
    accepted, also when the step ended by itself meanwhile. `leftovers` counts what it left running and
    we ended, None where the system does not tell; `alive` are processes that did not die even of KILL.
    """

    outcome: Outcome
    exit_code: int | None
    ms: int
    output: Output
    leftovers: int | None = 0
    alive: tuple[int, ...] = ()
    signal: int | None = None


def execute_step(
    lock: RunLock,
    command: StepCommand,
    *,
    signals: Signals | None = None,
    cancel: Callable[[int], bool] = bool,
    points: Mapping[str, Callable[[], None]] | None = None,
) -> Ended:
    """Run an attempt to its end and return how it ended; its StepStarted is durable before.

    `cancel` is asked for each signal that came whether it ends the step; a further one then cuts the
    grace short. `points` are failpoints to reach: `conduct.spawned`. The files of the attempt stay
    until `lease.forget_attempt`. Raises disk_full when there is no room for the log; the receipt is
    there then, and a resume adopts it.
    """
    lease = lock.lease
    keep_values(lease, command.index, command.attempt, command.values)
    with _spools(lease, command, _NEW_SPOOL) as spools:
        log = _log_copy(command, spools, command.values, command.shown)
        try:
            return _Attempt(lock, command, log, spools, signals, cancel).run(points or {})
        finally:
            log.close()


def adopt_output(lease: Lease, command: StepCommand) -> Output | None:
    """Copy the output of an attempt whose conductor died; None when its spool was never made.

    What may not be shown is what the dead conductor wrote down, not this process's environment.
    """
    values = kept_values(lease, command.index, command.attempt)
    try:
        with _spools(lease, command, os.O_RDONLY) as spools:
            log = _log_copy(command, spools, values)
            try:
                return log.finish()
            finally:
                log.close()
    except FileNotFoundError:
        return None


def _log_copy(
    command: StepCommand,
    spools: Sequence[int],
    values: Sequence[str],
    shown: Callable[[str], None] | None = None,
) -> LogCopy:
    return LogCopy(command.root, command.log, spools, values, shown, limit=command.output_limit)


@contextmanager
def _spools(lease: Lease, command: StepCommand, flags: int) -> Iterator[list[int]]:
    opened: list[int] = []
    try:
        for suffix in ("out", "stdout") if command.apart else ("out",):
            path = command.file(lease, suffix)
            with explained(str(path)):
                opened.append(os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        yield opened
    finally:
        for spool in opened:
            os.close(spool)


class _Attempt:
    """One attempt while it runs."""

    def __init__(
        self,
        lock: RunLock,
        command: StepCommand,
        log: LogCopy,
        spools: Sequence[int],
        signals: Signals | None,
        cancel: Callable[[int], bool],
    ) -> None:
        self._lock, self._command, self._log, self._spools = lock, command, log, spools
        self._signals, self._cancel = signals, cancel
        self._signal: int | None = None

    def run(self, points: Mapping[str, Callable[[], None]]) -> Ended:
        begun = time.monotonic()
        tree = Tree(self._lock.lease)
        try:
            child = Child(self._start(), self._signals)
        except (OSError, ValueError) as failed:  # too long, a NUL in it, no process to be had
            write_all(self._spools[0], f"cannot be started: {failed}\n".encode("utf-8", "replace"))
            return Ended("exited", shim.NOT_STARTED, 0, self._log.finish())
        tree.began(child.pid)
        with ExitStack() as unwatched:  # also after Ctrl-C nothing keeps running that nobody watches
            unwatched.callback(child.close)
            unwatched.callback(end_tree, child, tree, self._command.grace_s)
            if SPAWNED in points:
                time.sleep(max(0.0, begun + TICK_S - time.monotonic()))
                points[SPAWNED]()
            outcome = self._watch(child, begun + self._command.timeout_s)
            left = self._end(child, tree, outcome)
            unwatched.pop_all()
        child.close()
        return self._ended(outcome, round((time.monotonic() - begun) * 1000), left)

    def _start(self) -> int:
        lease, command = self._lock.lease, self._command
        return shim.start_step(
            command.argv,
            mark=str(command.file(lease, "start")),
            receipt=str(command.file(lease, "receipt")),
            receipt_parts=receipt_parts(lease.run, command.index, command.attempt, command.step_sha256),
            boot_id=processes.boot_id(),
            cwd=str(command.cwd),
            env={**command.env, processes.LEASE_VARIABLE: lease.lock_path},
            streams=shim.Streams(self._spools[-1], self._spools[0], self._lock.descriptor),
            limits=command.limits,
        )

    def _watch(self, child: Child, deadline: float) -> Outcome:
        while not child.wait(min(TICK_S, max(0.0, deadline - time.monotonic()))):
            if self._is_cancelled():
                return "cancelled"
            if time.monotonic() >= deadline:
                return "timed_out"
            if self._log.spooled() > self._command.output_limit:
                return "output_exceeded"
            self._log.copy()
        return "output_exceeded" if self._log.spooled() > self._command.output_limit else "exited"

    def _is_cancelled(self) -> bool:
        while self._signals is not None and (number := self._signals.take()) is not None:
            if self._signal is not None or self._cancel(number):
                self._signal = number
                return True
        return False

    def _end(self, child: Child, tree: Tree, outcome: Outcome) -> Leftovers:
        if outcome == "exited" and not _may_have_left(child, tree):
            return Leftovers(0 if processes.IS_LINUX else None)
        return end_tree(child, tree, self._command.grace_s, self._is_hurried)

    def _is_hurried(self) -> bool:
        """Say whether the grace is over: at a further signal, or while too much is still printed."""
        return self._is_cancelled() or self._log.spooled() > _FLOOD * self._command.output_limit

    def _ended(self, outcome: Outcome, ms: int, left: Leftovers) -> Ended:
        command = self._command
        facts = attempt_facts(self._lock.lease, command.index, command.attempt, command.step_sha256)
        if outcome == "exited" and facts.exit_code is None:
            outcome = "unknown"
        return Ended(outcome, facts.exit_code, ms, self._log.finish(), left.found, left.alive, self._signal)


def _may_have_left(child: Child, tree: Tree) -> bool:
    if processes.IS_LINUX:
        return bool(tree.strays(child.pid))
    return processes.send_group(child.pid, 0)


def refuse_alive(ended: Ended) -> None:
    """Raise run_locked when a process of the step could not be ended: no further attempt may begin."""
    if ended.alive:
        pids = ", ".join(map(str, ended.alive))
        raise StateError("run_locked", f"processes of the step do not end: {pids}", retryable=True)
