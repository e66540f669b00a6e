"""Run a person's or an agent's command in our place on the terminal: same streams, same process group.

The command holds the run's lock beside us, so a run whose wrapper was killed stays alive as long as
its command does. Signals to us become the command's; how it takes them is its own affair.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from platformstate.runner.leases import RunLock
from platformstate.runner.processes import LEASE_VARIABLE, LOCK_DESCRIPTORS, RUN_VARIABLE
from platformstate.runner.signals import Signals, listening

TASK_VARIABLE: Final = "PLATFORMSTATE_TASK"
ACTOR_VARIABLE: Final = "PLATFORMSTATE_ACTOR"
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
TO_THE_COMMAND: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
# The keys of a terminal send these to its whole foreground group, so the command has them already.
_OF_KEYS: Final = frozenset({signal.SIGINT, signal.SIGQUIT})
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)
_SENT_BY_THE_KERNEL: Final = 0x80  # SI_KERNEL of Linux; what another process sends has 0 or less
_SIGNALLED: Final = 128
_SLICE_S: Final = 0.05


class Names(NamedTuple):
    """What a wrapped command finds of its run in its environment."""

    run: str
    task: str
    actor: str

    def as_environment(self) -> dict[str, str]:
        """Return the variables that name the run."""
        return {RUN_VARIABLE: self.run, TASK_VARIABLE: self.task, ACTOR_VARIABLE: self.actor}


class Heard(NamedTuple):
    """A signal to us; `by_key` when a terminal has sent it to the command as well."""

    number: int
    by_key: bool


class Wrapped:
    """A command that runs in our place. `exit_code` is as a shell numbers it, None while it runs.

    `heard` are the signals that came to us meanwhile, oldest first.
    """

    def __init__(self, ears: _Ears) -> None:
        self.pid = 0
        self.exit_code: int | None = None
        self.heard: list[int] = []
        self._ears = ears

    def wait(self, seconds: float) -> bool:
        """Wait for the command, a signal or the time; say whether the command has ended.

        A signal is passed on, unless the command has it from its terminal. It may return early.
        """
        heard = None if self._has_ended() else self._ears.listen(seconds)
        ended = self._has_ended()
        while heard is not None:
            self._take(heard)
            heard = self._ears.listen(0) if ended else None
        return ended

    def _take(self, heard: Heard) -> None:
        self.heard.append(heard.number)
        if self.exit_code is None and not heard.by_key:
            os.kill(self.pid, heard.number)  # not reaped yet, so the number is still its own

    def _has_ended(self) -> bool:
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                ended = os.waitstatus_to_exitcode(status)
                self.exit_code = _SIGNALLED - ended if ended < 0 else ended
        return self.exit_code is not None


@contextmanager
def wrapping(
    argv: Sequence[str],
    names: Names,
    lock: RunLock,
    *,
    cwd: Path | None = None,
    stdout_to_stderr: bool = False,
) -> Iterator[Wrapped]:
    """Run a command with our streams and in our process group; until the end of this, no signal ends us.

    So what is begun inside is finished, and a git of ours outlives a Ctrl-C as well. A command that
    cannot be started has ended with 126 or 127.
    """
    env = {**os.environ, **names.as_environment(), LEASE_VARIABLE: lock.lease.lock_path}
    with _listening() as ears:
        wrapped = Wrapped(ears)
        try:
            wrapped.pid = _spawn(argv, cwd, env, lock.descriptor, ears.mask, to_stderr=stdout_to_stderr)
        except (FileNotFoundError, NotADirectoryError):
            wrapped.exit_code = NOT_FOUND
        except (OSError, ValueError):
            wrapped.exit_code = NOT_EXECUTABLE
        try:
            yield wrapped
        finally:
            while not wrapped.wait(_SLICE_S):
                pass  # whatever went wrong in here, the terminal is the command's until it ends


def _spawn(
    argv: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str],
    lock: int,
    mask: Iterable[int],
    *,
    to_stderr: bool,
) -> int:
    """Start the command as ours would be: what was ignored stays so, what was open stays open.

    The lock is on a descriptor that scripts do not use.
    """
    free = next(number for number in LOCK_DESCRIPTORS if not _is_open(number))
    actions = [(os.POSIX_SPAWN_DUP2, lock, free)]
    actions += [(os.POSIX_SPAWN_DUP2, 2, 1)] if to_stderr else []
    with _inside(cwd):
        return os.posix_spawnp(
            argv[0],
            list(argv),
            dict(env),
            file_actions=actions,
            setsigmask=list(mask),
            setsigdef=_IGNORED_BY_PYTHON,
        )


@contextmanager
def _inside(folder: Path | None) -> Iterator[None]:
    """Stand in a folder: what is spawned begins where we are."""
    if folder is None:
        yield
        return
    here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class _Ears(Protocol):
    """How signals are heard; `mask` are those that were blocked before."""

    mask: frozenset[int]

    def listen(self, seconds: float) -> Heard | None:
        """Return the next signal to us, None when a child ended or the time is over."""


class _Waiting:
    """Signals stay with the kernel until they are asked for; it also knows who sent them."""

    def __init__(self, mask: Iterable[int]) -> None:
        self.mask = frozenset(map(int, mask))

    def listen(self, seconds: float) -> Heard | None:
        """Return the next signal to us, None when a child ended or the time is over."""
        found = signal.sigtimedwait((*TO_THE_COMMAND, signal.SIGCHLD), max(0.0, seconds))
        if found is None:
            return None
        if found.si_signo == signal.SIGCHLD:
            return self.listen(0)  # of several that wait the lowest number comes first
        by_key = found.si_code == _SENT_BY_THE_KERNEL and found.si_signo in _OF_KEYS
        return Heard(found.si_signo, by_key)


class _Handling:
    """Where the system does not tell who sent a signal: a key's, if we are in front on our terminal."""

    mask: frozenset[int] = frozenset()

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._poll = select.poll()
        self._poll.register(signals.descriptor, select.POLLIN)

    def listen(self, seconds: float) -> Heard | None:
        """Return the next signal to us, None when the time, cut into slices, is over."""
        number = self._signals.take()
        if number is None:
            self._poll.poll(max(0.0, min(seconds, _SLICE_S)) * 1000)
            number = self._signals.take()
        return None if number is None else Heard(number, number in _OF_KEYS and _is_in_front())


def _is_in_front() -> bool:
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


@contextmanager
def _listening() -> Iterator[_Ears]:
    if not hasattr(signal, "sigtimedwait"):
        with listening() as signals:
            yield _Handling(signals)
        return
    children = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, nobody would learn how it ended
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*TO_THE_COMMAND, signal.SIGCHLD))
    ears = _Waiting(before)
    try:
        yield ears
    finally:
        while ears.listen(0) is not None:
            pass  # it came as we finished; nothing is left that it could end
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        with suppress(TypeError):  # None: a handler that was not set from Python
            signal.signal(signal.SIGCHLD, children)
