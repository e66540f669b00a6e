"""A real repository, and a way to run shell lines in it: `platformctl …` as forks, others by sh."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import IDENTITY
from tests.forking import Forks

FIRST_MINUTE = 11
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


class Ended(NamedTuple):
    """What one line printed and how it ended."""

    status: int
    stdout: str
    stderr: str


class Sandbox:
    """An empty folder `work` with an identity of its own, whose clock goes on a minute a line."""

    def __init__(self, forks: Forks, place: Path) -> None:
        self._forks, self._place = forks, place
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
        argv, stdin = words[1:], b""
        if "<" in argv:
            argv, stdin = argv[: argv.index("<")], (self.cwd / argv[-1]).read_bytes()
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

    def _ours(self, argv: list[str], stdin: bytes, named: dict[str, str]) -> Ended:
        now = (
            f"2026-11-20T{10 + (FIRST_MINUTE + self._lines) // 60}:{(FIRST_MINUTE + self._lines) % 60:02}:00Z"
        )
        environ = {**self.environment, "PLATFORMSTATE_NOW": now, **named}
        ran = self._forks.begin({"argv": argv}, self.cwd, environ, stdin).wait()
        return Ended(ran.status if ran.status >= 0 else 128 - ran.status, ran.stdout, ran.stderr)

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
