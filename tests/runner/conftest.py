"""A place to run steps in: a folder, a clone's git directory, a run's lease; and real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from platformstate.runner import (
    Ended,
    Lease,
    RunLock,
    StepCommand,
    StepNames,
    execute_step,
    inherited,
    step_environment,
)

RUN = "20261120t101130z-7fq2ka"
LONG_BEFORE_S = 20  # what is waited for would take half a minute or more
SHA = "ab" * 32


class Bench:
    """One run's place, with its lock taken on first use."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.common = root / "git"
        self.common.mkdir(exist_ok=True)
        self.lease = Lease(self.common, RUN)
        self._lock: RunLock | None = None

    @property
    def lock(self) -> RunLock:
        if self._lock is None:
            self._lock = self.lease.take(host="here", since="2026-11-20T10:11:30Z", command="platformctl")
        return self._lock

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def command(self, *argv: str, index: int = 0, attempt: int = 1, **given: Any) -> StepCommand:
        names = StepNames(self.lease.run, "codex", index, "key", attempt)
        base = inherited(os.environ)
        return StepCommand(
            index,
            attempt,
            SHA,
            argv,
            given.pop("cwd", self.root),
            {**step_environment(base, names), **given.pop("env", {})},
            self.root,
            f"run/logs/{index}.{attempt}.log",
            given.pop("timeout_s", 20),
            **{"grace_s": 1, **given},
        )

    def sh(self, text: str, **given: Any) -> Ended:
        """Run a shell text as a step."""
        rest = {name: given.pop(name) for name in ("signals", "cancel", "points") if name in given}
        return execute_step(self.lock, self.command("/bin/sh", "-c", text, **given), **rest)

    def log(self, index: int = 0, attempt: int = 1) -> str:
        return (self.root / f"run/logs/{index}.{attempt}.log").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


Driver = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def driver(bench: Bench) -> Iterator[Driver]:
    """Start a conductor of its own process; `text` has `bench`, what it prints can be read."""
    started: list[subprocess.Popen[str]] = []

    def start(text: str) -> subprocess.Popen[str]:
        prelude = (
            "import os, sys, time, signal\nfrom pathlib import Path\n"
            "from platformstate import runner\nfrom tests.runner.conftest import Bench\n"
            f"bench = Bench(Path({str(bench.root)!r}))\n"
        )
        code = prelude + textwrap.dedent(text)
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environ)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def forked(work: Callable[[], None]) -> int:
    """Do some work in a copy of this process and return its pid; its status says whether it was done."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def until(true: Callable[[], Any], within_s: float = 30) -> Any:
    """Wait until something is true and return it."""
    deadline = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return found


def is_alive(pid: int) -> bool:
    """Say whether a process lives and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
