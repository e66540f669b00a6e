"""A real repository, and a way to run shell lines in it: `platformctl …` by the zygote, others by sh."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import IDENTITY

HOME = Path(__file__).parent.parent.parent
FIRST_MINUTE = 11
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


class Ended(NamedTuple):
    """What one line printed and how it ended."""

    status: int
    stdout: str
    stderr: str


class Zygote:
    """The process that forks the commands; one serves a whole test session."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.zygote"],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, request: dict[str, object]) -> int:
        """Run one command to its end and return its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


class Sandbox:
    """An empty folder `work` with an identity of its own, whose clock goes on a minute a line."""

    def __init__(self, zygote: Zygote, place: Path) -> None:
        self._zygote, self._place = zygote, place
        self._lines = 0
        self.root = self.cwd = place / "work"
        self.root.mkdir(parents=True)
        (place / "gitconfig").write_text(IDENTITY)
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT") if name in os.environ}
        self.environment = {
            **kept,
            "HOME": str(place),
            "GIT_CONFIG_GLOBAL": str(place / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(place),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, line: str, *flags: str) -> Ended:
        """Run one line of a transcript; `flags` are added to a command of ours."""
        self._lines += 1
        settings, words = _settings(shlex.split(self._expanded(line)))
        if words[0] == "cd":
            self.cwd = (self.cwd / words[1]).resolve()
            return Ended(0, "", "")
        if words[0] != "platformctl":
            return self._shell(line)
        argv, stdin = words[1:], os.devnull
        if "<" in argv:
            argv, stdin = argv[: argv.index("<")], str(self.cwd / argv[-1])
        return self._ours([*flags, *argv] if "--" in argv else [*argv, *flags], stdin, settings)

    def _expanded(self, line: str) -> str:
        """Let the shell put in what `$(…)` prints, as it would for a person who types the line."""
        if "$(" not in line or not line.startswith("platformctl"):
            return line
        done = subprocess.run(
            ["sh", "-c", f"printf '%s\\0' {line}"],
            cwd=self.cwd,
            env=self.environment,
            capture_output=True,
            check=True,
        )
        return shlex.join(done.stdout.decode().split("\0")[:-1])

    def _ours(self, argv: list[str], stdin: str, named: dict[str, str]) -> Ended:
        out, err = self._place / "stdout", self._place / "stderr"
        now = (
            f"2026-11-20T{10 + (FIRST_MINUTE + self._lines) // 60}:{(FIRST_MINUTE + self._lines) % 60:02}:00Z"
        )
        request = {
            "argv": argv,
            "cwd": str(self.cwd),
            "env": {**self.environment, "PLATFORMSTATE_NOW": now, **named},
            "stdin": stdin,
            "stdout": str(out),
            "stderr": str(err),
        }
        status = self._zygote.run(request)
        return Ended(status, out.read_text("utf-8"), err.read_text("utf-8"))

    def _shell(self, line: str) -> Ended:
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def is_ours(line: str) -> bool:
    """Say whether a line calls platformctl, maybe with settings before it."""
    return re.match(r"([A-Z_]+=\S* )*platformctl\b", line) is not None


def _settings(words: list[str]) -> tuple[dict[str, str], list[str]]:
    count = next(n for n, word in enumerate(words) if not _ASSIGNMENT.fullmatch(word))
    return dict(word.split("=", 1) for word in words[:count]), words[count:]
