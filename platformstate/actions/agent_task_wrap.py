"""`codex-task start -- COMMAND`: run an agent in our place, and keep its run alive, watched and ended."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from platformstate.actions.agent_task import Begun, StartRequest, begin, begun_before, started
from platformstate.actions.agent_task_end import EndedTaskRun, EndRequest, end_data, ended_before, record_end
from platformstate.actions.agent_task_watch import LOOK_S, Reopen, Watch
from platformstate.actions.answer import Answer, written
from platformstate.actions.run_site import site_of
from platformstate.errors import StateError, shown
from platformstate.policy.claims import WRAPPED
from platformstate.policy.wrapping import (
    BY_SIGNAL,
    DEFAULT_INTERVAL,
    ENDING_SIGNALS,
    SIGNALLED,
    Ending,
    ending_of,
    interval_seconds,
)
from platformstate.runner import RunLock, wrapping

if TYPE_CHECKING:
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.policy.chain import RunFacts
    from platformstate.runner import Wrapped
    from platformstate.store import Store


class WrapRequest(NamedTuple):
    """How a command is wrapped: where it begins, whether its stdout is ours, when it is looked at."""

    start: StartRequest
    cwd: Path | None = None
    stdout_to_stderr: bool = False
    interval: str = DEFAULT_INTERVAL
    auto: bool = True


def wrap_command(reopen: Reopen, request: WrapRequest) -> Answer:
    """Run a command in a run of its own, from claim to release, and answer how it ended.

    `reopen` opens the store as it stands at that moment. The command is not started when the claim
    fails. While it runs no signal ends this process: signals are the command's. With a key, nothing is
    run that was run before: the answer is how that stands. Raises: usage_invalid for a command that is
    not there, and what `begin` and an end raise.
    """
    interval_s = interval_seconds(request.interval)
    refuse_missing(request.start.command, request.cwd)
    store = reopen()
    if (earlier := begun_before(store, request.start)) is not None:
        return _told_again(store, *earlier)
    locks: list[RunLock] = []
    with ExitStack() as closing:

        def hold(run: str) -> None:
            locks.append(closing.enter_context(_lock(store, request.start, run)))

        begun = begin(store, request.start, coupling=WRAPPED, on_opened=hold)
        if store.dry_run:
            return started(begun)
        store.session.failpoints.reach("wrap.claimed")
        return _wrapped(store, reopen, request, begun, locks[0], interval_s)


def _wrapped(
    store: Store, reopen: Reopen, request: WrapRequest, begun: Begun, lock: RunLock, interval_s: int
) -> Answer:
    """Run the command, and record its end while still no signal can end this process."""
    watch = Watch(store, reopen, begun.names.task, begun.run, interval_s if request.auto else None)
    with wrapping(
        request.start.command,
        begun.names,
        lock,
        cwd=request.cwd,
        stdout_to_stderr=request.stdout_to_stderr,
    ) as wrapped:
        store.session.failpoints.reach("wrap.spawned")
        exit_code = _watched(wrapped, watch)
        store.session.failpoints.reach("wrap.ended")
        ending, asked = ending_of(exit_code, wrapped.heard), lock.lease.asked()
        because = asked.reason if asked is not None and ending.status == "aborted" else None
        try:
            done = record_end(reopen(), begun.names.task, begun.run, EndRequest(ending, because or None))
        except StateError as refused:
            return _unrecorded(begun, exit_code, refused, watch)
        store.session.failpoints.reach("wrap.recorded")
        lock.lease.clear()
    return _answer(done, ending, exit_code, watch)


def _watched(wrapped: Wrapped, watch: Watch) -> int:
    """Wait for the command's end; look at the repository meanwhile."""
    look_at = time.monotonic() + LOOK_S
    while not wrapped.wait(max(0.0, look_at - time.monotonic())):
        if time.monotonic() >= look_at:
            watch.look()
            look_at = time.monotonic() + LOOK_S
    assert wrapped.exit_code is not None
    return wrapped.exit_code


def _answer(done: EndedTaskRun, ending: Ending, exit_code: int, watch: Watch) -> Answer:
    data = {**end_data(done), "exit_code": exit_code}
    then = (f"platformctl task show {data['task']}",)
    return _judged(written(data, done.written, then, (*watch.warnings, *done.warnings)), ending)


def _told_again(store: Store, folder: TaskFolder, run: RunFacts) -> Answer:
    """Return how the run of a start that was made before has ended, or stands; nothing is run."""
    done = ended_before(store, folder, run, f"run: start {run.id}")
    answer = written(end_data(done), done.written, (f"platformctl task show {folder.task_id}",))
    exit_code = run.header.get("exit_code")
    if not exit_code:
        return answer
    heard = ENDING_SIGNALS if run.header.get("reason") == BY_SIGNAL else ()
    return _judged(answer, ending_of(exit_code, heard))


def _judged(answer: Answer, ending: Ending) -> Answer:
    """Return an end with the error that a command's failure is."""
    if ending.exit_status == 0:
        return answer
    exit_code = ending.exit_code or 0
    how = (
        f"ended by signal {exit_code - SIGNALLED}"
        if ending.reason == BY_SIGNAL
        else f"ended with {exit_code}"
    )
    error = StateError("run_failed", f"the command of run {answer.data['run']} {how}", hint=answer.next[0])
    return answer._replace(error=error, exit_status=ending.exit_status)


def _unrecorded(begun: Begun, exit_code: int, refused: StateError, watch: Watch) -> Answer:
    """Return what is known of an end that could not be written: the run will be seen as crashed."""
    header = begun.opened.header
    data = {
        "task": begun.names.task,
        "run": begun.run,
        "fence": header.get("fence"),
        "status": "running",
        "exit_code": exit_code,
    }
    then = (f"platformctl memory rescue --task {begun.names.task}",)
    return Answer(data, then, watch.warnings, error=refused)


def _lock(store: Store, start: StartRequest, run: str) -> RunLock:
    lease = site_of(store, f"task/{start.task}", run).lease
    return lease.take(host=os.uname().nodename, since=store.now(), command=f"start -- {start.command[0]}")


def refuse_missing(command: Sequence[str], cwd: Path | None) -> None:
    """Refuse a command that is not there, before anything is claimed for it. Raises: usage_invalid."""
    name = command[0]
    path = str((cwd or Path()) / name) if os.sep in name else name
    if shutil.which(path) is None:
        raise StateError(
            "usage_invalid",
            f"there is no command {shown(name)} that could be run here",
            hint="platformctl codex-task start --task TASK -- COMMAND ARGS...",
        )
