"""Writers as real processes that tests may kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).parent.parent.parent


class Writer:
    """One writing process: how it ended, and what it answered before."""

    def __init__(self, writers: Writers, pid: int, answer: Path) -> None:
        self._writers, self.pid, self._answer = writers, pid, answer

    def wait(self) -> int:
        """Wait for its end; a negative status is the signal that ended it."""
        return self._writers.ask({"wait": self.pid})

    @property
    def answer(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self._answer.read_text())
        return loaded

    def kill(self) -> None:
        """Kill the process alone; its git children live on."""
        os.kill(self.pid, signal.SIGKILL)

    def kill_family(self) -> None:
        """Kill the process and all its children, also those with a session of their own."""
        family = [self.pid]
        os.kill(self.pid, signal.SIGSTOP)
        for pid in family:
            family += _children(pid)
        for pid in reversed(family):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Writers:
    """Starts writing processes without paying for their imports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )

    def ask(self, request: dict[str, Any]) -> int:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(request) + "\n")
        self._zygote.stdin.flush()
        return int(self._zygote.stdout.readline())

    def start(self, root: Path, verb: str, env: dict[str, str] | None = None, **request: Any) -> Writer:
        self._count += 1
        answer = self._folder / f"{self._count}.json"
        asked = {"root": str(root), "verb": verb, "env": env or {}, "answer": str(answer), **request}
        return Writer(self, self.ask(asked), answer)

    def end(self) -> None:
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        self._zygote.wait()


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writers]:
    made = Writers(tmp_path_factory.mktemp("answers"))
    yield made
    made.end()
