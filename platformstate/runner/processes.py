"""What the system tells of processes: who is alive, whose child it is, which run it belongs to.

On Linux this is read from /proc. Elsewhere only a process group can be asked about, so leftovers that
left their group are not found there, and what needs them is None.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple

IS_LINUX: Final = sys.platform == "linux"
RUN_VARIABLE: Final = "PLATFORMSTATE_RUN"
LEASE_VARIABLE: Final = "PLATFORMSTATE_LEASE"  # the path of the run's lock: names the clone as well
# Where a step holds the locks of its run and of the runs around it: above what scripts use themselves.
LOCK_DESCRIPTORS: Final = range(63, 72)
_SET_CHILD_SUBREAPER: Final = 36
_STATE, _PARENT, _GROUP, _START = 0, 1, 2, 19  # places in /proc/<pid>/stat after the name


class Process(NamedTuple):
    """A process, told from a later one with the same number by when it started (clock ticks)."""

    pid: int
    parent: int
    group: int
    start: int
    dead: bool


class Holder(NamedTuple):
    """A process that keeps a run alive."""

    pid: int
    command: str


@cache
def boot_id() -> str:
    """Return what names this boot of this host: 16 hexadecimal digits."""
    return sha256(_boot_text().encode()).hexdigest()[:16]


def _boot_text() -> str:
    if IS_LINUX:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    import ctypes

    answer = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(len(answer))
    ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", answer, ctypes.byref(size), None, 0)
    return answer.value.decode("ascii", "replace")


def process(pid: int) -> Process | None:
    """Return a process by its number, None when it is gone or cannot be asked about."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
    except OSError:
        return None
    if len(fields) <= _START:
        return None
    dead = fields[_STATE] in (b"Z", b"X")
    return Process(pid, int(fields[_PARENT]), int(fields[_GROUP]), int(fields[_START]), dead)


def processes() -> Iterator[Process]:
    """Yield every process of the host that this one may see."""
    if not IS_LINUX:
        return
    for name in os.listdir("/proc"):
        if name.isdigit() and (found := process(int(name))):
            yield found


def is_same(known: Process) -> bool:
    """Say whether a process still lives, and is the one that was seen."""
    now = process(known.pid)
    return now is not None and not now.dead and now.start == known.start


def members(run: str, lock: str, *, since: int = 0) -> list[Process]:
    """Return the living processes of a run, this one and its own children left out.

    Those are they whose environment names it and no other clone's lock, and they that hold its lock as
    the shim's children inherit it. `since` leaves out those that began before (clock ticks).
    """
    me = os.getpid()
    young = [one for one in processes() if one.start >= since and not one.dead]
    try:
        locked: os.stat_result | None = os.stat(lock)
    except OSError:
        locked = None
    named, ours = f"{RUN_VARIABLE}={run}".encode(), f"{LEASE_VARIABLE}=".encode()
    wanted = named, ours, ours + os.fsencode(lock)
    return [
        one
        for one in young
        if one.pid != me and one.parent != me and (_names(one, *wanted) or _holds(one, locked))
    ]


def _names(one: Process, run: bytes, lease: bytes, ours: bytes) -> bool:
    """Say whether a process names a run; two clones of one host may have runs of the same name."""
    try:
        with open(f"/proc/{one.pid}/environ", "rb") as file:
            environment = file.read()
    except OSError:
        return False  # another user's, or gone
    if run not in environment:
        return False
    names = environment.split(b"\0")
    return run in names and all(name == ours for name in names if name.startswith(lease))


def _holds(one: Process, locked: os.stat_result | None) -> bool:
    for descriptor in LOCK_DESCRIPTORS:
        try:
            found = os.stat(f"/proc/{one.pid}/fd/{descriptor}")
        except OSError:
            return False
        if locked is not None and os.path.samestat(found, locked):
            return True
    return False


def inherited_descriptor(descriptor: int) -> int:
    """Move a lock's descriptor to a number that the shim hands on to a step, and return it."""
    for number in LOCK_DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            os.dup2(descriptor, number, inheritable=True)
            os.close(descriptor)
            return number
    return descriptor


def holder(pid: int) -> Holder:
    """Return a process with its command line, as a message names it."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().rstrip(b"\0").split(b"\0")
    except OSError:
        words = []
    return Holder(pid, b" ".join(words).decode("utf-8", "replace"))


def become_subreaper() -> bool:
    """Make every orphan below this process its child, so that none is lost; False where that cannot be.

    For a process that conducts and does nothing else: from now on it ends, after a step, each child
    that it did not have before the step.
    """
    if not IS_LINUX:
        return False
    import ctypes

    prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    _REAPING.append(prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    return _REAPING[-1]


def is_subreaper() -> bool:
    """Say whether `become_subreaper` has been asked, and was able."""
    return bool(_REAPING and _REAPING[-1])


_REAPING: Final[list[bool]] = []


def has_children() -> bool:
    """Say whether this process has any child, dead ones included; a system call, not a search."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def children(pid: int) -> list[Process]:
    """Return the children of a process, dead ones included."""
    return [one for one in processes() if one.parent == pid]


def below(roots: Iterable[Process], everyone: Iterable[Process]) -> list[Process]:
    """Return these processes and all that descend from them."""
    by_parent: dict[int, list[Process]] = {}
    for one in everyone:
        by_parent.setdefault(one.parent, []).append(one)
    found: dict[int, Process] = {}
    waiting = list(roots)
    while waiting:
        one = waiting.pop()
        if one.pid not in found:
            found[one.pid] = one
            waiting += by_parent.get(one.pid, [])
    return list(found.values())


def reap(pid: int) -> None:
    """Take a dead child off the list of processes; another's child or a living one is left."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def send(known: Process, number: int) -> None:
    """Send a signal to a process unless its number belongs to another one by now."""
    if not IS_LINUX:
        return
    with suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(known.pid)
        try:
            if is_same(known):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def send_group(group: int, number: int) -> bool:
    """Send a signal to a process group; False when nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # macOS says so of a group of which only dead members are left; Linux of another user's
    return True
