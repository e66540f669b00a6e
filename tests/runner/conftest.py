"""A place to run steps in, and real processes that run them."""

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

from tests.runner.bench import Bench

LONG_BEFORE_S = 20  # what is waited for would take half a minute or more


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
            "from platformstate import runner\nfrom tests.runner.bench import Bench\n"
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
