"""Commands, and writers of the tests, as real processes that cost no start-up: `forked` forks them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent.parent


class Ran:
    """What one run of the command printed and how it ended."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        self.status, self.stdout, self.stderr = status, stdout, stderr

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        loaded: dict[str, Any] = json.loads(self.stdout)
        return loaded


class Command:
    """One command that was started: how it ended and what it printed."""

    def __init__(self, forks: Forks, pid: int, out: Path) -> None:
        self._forks, self.pid, self._out = forks, pid, out

    def wait(self) -> Ran:
        """Wait for its end; a negative status is the signal that ended it."""
        status = self._forks.ask({"wait": self.pid})
        return Ran(status, *((self._out / name).read_text() for name in ("stdout", "stderr")))

    @property
    def printed(self) -> str:
        """What it has printed on stdout so far."""
        return (self._out / "stdout").read_text()

    def kill(self, whom: str) -> None:
        """Kill the conductor `alone`, with its child's `group`, or `all` that descends from it."""
        os.kill(self.pid, signal.SIGSTOP)
        children = _children(self.pid)
        if whom == "all":
            for pid in children:
                children += _children(pid)
        os.kill(self.pid, signal.SIGKILL)
        for pid in children if whom != "alone" else ():
            with suppress(ProcessLookupError, PermissionError):
                (os.killpg if whom == "group" and os.getpgid(pid) == pid else os.kill)(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Forks:
    """Starts commands without paying for their imports."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked"],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: Mapping[str, Any]) -> int:
        """Send one request and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(
        self, cwd: Path, argv: Sequence[str], env: Mapping[str, str] | None = None, stdin: str = ""
    ) -> Command:
        """Start a command in this process's environment, with some settings more."""
        return self.begin({"argv": argv}, cwd, {**os.environ, **(env or {})}, stdin.encode())

    def begin(
        self, what: Mapping[str, Any], cwd: Path, environ: Mapping[str, str], stdin: bytes = b""
    ) -> Command:
        """Start a command (`argv`), or a function of the tests (`call`), in exactly this environment."""
        self._count += 1
        out = self._folder / str(self._count)
        out.mkdir()
        for name, data in (("stdin", stdin), ("stdout", b""), ("stderr", b"")):
            (out / name).write_bytes(data)
        pid = self.ask({"what": what, "cwd": str(cwd), "env": environ, "out": str(out)})
        return Command(self, pid, out)

    def end(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
