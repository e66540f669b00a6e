"""End what a command started, all of it: its process group, then whatever left the group.

What left the group is found as a child of this process when it is a subreaper, else by
what its environment names or as a descendant that is still linked to the command.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from platformstate.runner import processes
from platformstate.runner.attempts import start_marks
from platformstate.runner.child import Child
from platformstate.runner.leases import Lease
from platformstate.runner.processes import Process

KILLED_WITHIN_S: Final = 10.0  # a process that outlives KILL this long waits for a device
_FIRST_PAUSE_S: Final = 0.001
_LAST_PAUSE_S: Final = 0.05


class Leftovers(NamedTuple):
    """How many processes a command left behind (None: the system does not tell), and who is not dead yet."""

    found: int | None
    alive: tuple[int, ...] = ()


class Tree:
    """The processes of one command. Made before the command starts, so that older children are known."""

    def __init__(self, lease: Lease | None) -> None:
        self._lease = lease
        self._since: int | None = None
        self._older: frozenset[int] = frozenset()
        if processes.is_subreaper() and processes.has_children():
            self._older = frozenset(one.pid for one in processes.children(os.getpid()))

    def began(self, group: int) -> None:
        """Note when the command began: nothing that it left is older."""
        leader = processes.process(group)
        self._since = leader.start if leader else None

    def strays(self, group: int) -> list[Process]:
        """Return the living processes of the command but the leader of its group."""
        if processes.is_subreaper() and not processes.has_children():
            return []
        everyone = list(processes.processes())
        found = processes.below(self._roots(everyone, group), everyone)
        self._reap(found, group)
        return [one for one in found if not one.dead and one.pid != group]

    def _roots(self, everyone: Iterable[Process], group: int) -> list[Process]:
        me = os.getpid()
        roots = [one for one in everyone if one.group == group or one.pid == group]
        if processes.is_subreaper():
            return roots + [one for one in everyone if one.parent == me and one.pid not in self._older]
        return roots + (self._lease.members(since=self._since or 0) if self._lease else [])

    def _reap(self, found: Iterable[Process], group: int) -> None:
        me = os.getpid()
        for one in found:
            if one.dead and one.parent == me and one.pid != group:
                processes.reap(one.pid)


def end_tree(child: Child, tree: Tree, grace_s: float, is_hurried: Callable[[], bool] = bool) -> Leftovers:
    """End a command and all that it started: TERM to the group, `grace_s`, KILL to it, KILL to the rest.

    Returns when nobody is left. `is_hurried` cuts the grace short.
    """
    before = len(tree.strays(child.pid)) if child.has_ended else 0
    if processes.send_group(child.pid, signal.SIGTERM):
        _wait_for_group(child, grace_s, is_hurried)
        processes.send_group(child.pid, signal.SIGKILL)
        _wait_for_group(child, KILLED_WITHIN_S, bool)
    strays = tree.strays(child.pid)
    count = (before or len(strays)) if processes.IS_LINUX else None
    alive = _kill_all(lambda: tree.strays(child.pid), strays)
    return Leftovers(count, tuple(one.pid for one in alive))


def _wait_for_group(child: Child, grace_s: float, is_hurried: Callable[[], bool]) -> None:
    deadline = time.monotonic() + grace_s
    pause_s = _FIRST_PAUSE_S
    while (left := deadline - time.monotonic()) > 0 and not is_hurried():
        if child.wait(min(left, pause_s)) and not _has_living_members(child.pid):
            return
        if child.has_ended:
            time.sleep(min(left, pause_s))
        pause_s = min(_LAST_PAUSE_S, pause_s * 2)


def _has_living_members(group: int) -> bool:
    if not processes.send_group(group, 0):
        return False
    if not processes.IS_LINUX:
        return True
    return any(one.group == group and not one.dead for one in processes.processes())


def _kill_all(find: Callable[[], list[Process]], found: list[Process]) -> list[Process]:
    """Kill what is found until nothing is; what survives KILL is returned."""
    deadline = time.monotonic() + KILLED_WITHIN_S
    pause_s = _FIRST_PAUSE_S
    while found and time.monotonic() < deadline:
        for one in found:
            processes.send(one, signal.SIGKILL)
        time.sleep(pause_s)
        pause_s = min(_LAST_PAUSE_S, pause_s * 2)
        found = find()
    return found


def stop_orphans(lease: Lease, grace_s: float) -> bool:
    """End what a dead conductor's step left running; False when somebody is still alive.

    Ended are the groups that start marks of this boot name and every process of the run. Where the
    system does not tell when a process began, a mark counts while the run's lock is held.
    """
    if not processes.IS_LINUX:
        return _stop_groups(lease, grace_s)
    deadline = time.monotonic() + grace_s
    found = _orphans(lease)
    for one in found:
        processes.send(one, signal.SIGTERM)
    while found and time.monotonic() < deadline:
        time.sleep(_LAST_PAUSE_S / 2)
        found = _orphans(lease)
    return not _kill_all(lambda: _orphans(lease), found)


def _orphans(lease: Lease) -> list[Process]:
    everyone = list(processes.processes())
    marks = [mark for mark in start_marks(lease) if mark.boot_id == processes.boot_id()]
    roots = lease.members()
    led = {one.pid for mark in marks for one in everyone if one[:1] + one[3:4] == (mark.pid, mark.start)}
    led |= {one.group for one in roots if any(mark.pid == one.group for mark in marks)}
    roots += [one for one in everyone if one.group in led]
    me = os.getpid()
    return [one for one in processes.below(roots, everyone) if not one.dead and one.pid != me]


def _stop_groups(lease: Lease, grace_s: float) -> bool:
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILLED_WITHIN_S)):
        deadline = time.monotonic() + wait_s
        marks = [mark for mark in start_marks(lease) if mark.boot_id == processes.boot_id() and mark.pid > 1]
        while lease.is_held() and time.monotonic() < deadline:
            for mark in marks:
                processes.send_group(mark.pid, number)
            time.sleep(_LAST_PAUSE_S)
    return not lease.is_held()
