"""Walk through the main job on a temporary real repository, each step a real command and verified.

Nothing outside the temporary folder is read or written: the repository has an identity and a home of
its own. A promise that breaks ends the walk with what was expected and what happened.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from platformstate.actions.answer import Answer
from platformstate.actions.demo_agent import agent_killed, brief_read, run_rescued, task_closed, task_created
from platformstate.actions.demo_procedure import conduct_killed, conduct_resumed
from platformstate.core.places import task_path
from platformstate.errors import StateError
from platformstate.runner import Captured, run_captured

TASK: Final = "retry-exporter"
KILLED: Final = 137
LIMIT_S: Final = 120.0
MID_WRITE: Final = "store.file-temp"
CODE: Final = "def sync(rows):\n    return [send(row) for row in rows]\n"
STAGED: Final = "def sync(rows):\n    return [retry(send, row) for row in rows]\n"

_PACKAGE: Final = Path(__file__).resolve().parent.parent.parent

Tell = Callable[[str], None]


@dataclass
class Demo:
    """One walk: where it happens, whom it tells, and what it has done."""

    folder: Path
    tell: Tell
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The repository of the walk."""
        return self.folder / "exporter"

    def say(self, sentence: str) -> None:
        """Begin a step: what will happen and why."""
        self.steps.append({"step": len(self.steps) + 1, "says": sentence, "commands": []})
        self.tell(f"\n{len(self.steps)}. {sentence}\n")

    def run(self, *argv: str, expect: int = 0, failpoint: str = "") -> Captured:
        """Run a command as a person would type it. Raises: internal_error when it ends otherwise."""
        extra = {"PLATFORMSTATE_FAILPOINT": failpoint} if failpoint else {}
        typed = " ".join([*(f"{name}={value}" for name, value in extra.items()), shlex.join(argv)])
        self.tell(f"   $ {typed}\n")
        place = self.root if self.root.is_dir() else self.folder
        ran = run_captured(argv, place, self._environment() | extra, limit_s=LIMIT_S)
        self.steps[-1]["commands"].append({"command": typed, "exit": ran.exit_code})
        self.tell(_indented(ran.stdout + ran.stderr))
        if ran.exit_code != expect:
            raise self.broken(f"{typed}: exit {expect} was promised, it was {ran.exit_code}", ran)
        return ran

    def check(self, promise: str, holds: object, ran: Captured | None = None) -> None:
        """Say that a promise holds. Raises: internal_error when it does not."""
        if not holds:
            raise self.broken(f"this was promised and does not hold: {promise}", ran)
        self.tell(f"   ✓ {promise}\n")

    def broken(self, message: str, ran: Captured | None) -> StateError:
        """Return the error that ends the walk."""
        printed = f"; it printed: {(ran.stdout + ran.stderr).strip()[-2000:]}" if ran else ""
        return StateError("internal_error", f"step {len(self.steps)}: {message}{printed}")

    def platformctl(self, *argv: str, expect: int = 0, failpoint: str = "") -> Captured:
        """Run our own command as a process of its own."""
        return self.run("platformctl", *argv, expect=expect, failpoint=failpoint)

    def answer(self, *argv: str) -> dict[str, Any]:
        """Return the data of a reading command, asked silently."""
        argv = ("platformctl", *argv, "--json")
        ran = run_captured(argv, self.root, self._environment(), limit_s=LIMIT_S)
        if ran.exit_code:
            raise self.broken(f"{shlex.join(argv)} ended with {ran.exit_code}", ran)
        found: dict[str, Any] = json.loads(ran.stdout)["data"]
        return found

    def git(self, *argv: str) -> str:
        """Return what git prints, asked silently."""
        return run_captured(("git", *argv), self.root, self._environment(), limit_s=LIMIT_S).stdout

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "PLATFORMSTATE_"))
        }
        return kept | {
            "HOME": str(self.folder),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": os.pathsep.join(
                [str(_PACKAGE), *kept.get("PYTHONPATH", "").split(os.pathsep)]
            ).rstrip(os.pathsep),  # a hook finds its program by itself, and it must be this one
            "NO_COLOR": "1",
        }


def run_demo(tell: Tell) -> Answer:
    """Run the walk and remove its folder, whatever happens. Raises: internal_error."""
    folder = Path(tempfile.mkdtemp(prefix="platformctl-demo-")).resolve()
    try:
        demo = Demo(folder, tell)
        _put_program(folder)
        _prepare(demo)
        for act in (task_created, agent_killed, brief_read, run_rescued):
            act(demo, TASK)
        for part in (_kill, _recover, _refuse):
            part(demo)
        task_closed(demo, TASK)
        conduct_killed(demo, TASK)
        conduct_resumed(demo)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    commands = sum(len(step["commands"]) for step in demo.steps)
    return Answer({"steps": demo.steps, "commands": commands, "removed": str(folder)})


def _put_program(folder: Path) -> None:
    """Put a platformctl of this very program first on the path, wherever it was started from."""
    program = folder / "bin" / "platformctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m platformstate "$@"\n')
    program.chmod(0o755)


def _prepare(demo: Demo) -> None:
    demo.say("A repository with some work in it, an identity, and a store with its hook.")
    demo.run("git", "init", "-q", "-b", "main", "exporter")
    demo.run("git", "config", "user.name", "Ann")
    demo.run("git", "config", "user.email", "ann@example.org")
    (demo.root / "sync.py").write_text(CODE)
    demo.run("git", "add", "sync.py")
    demo.run("git", "commit", "-q", "-m", "Sync rows")
    demo.platformctl("init", "--hooks")
    demo.check("the store is one commit of its own files", demo.git("status", "--porcelain") == "")


def _kill(demo: Demo) -> None:
    demo.say("You stage work of your own. Claude is killed by SIGKILL in the middle of its next write.")
    (demo.root / "sync.py").write_text(STAGED)
    demo.run("git", "add", "sync.py")
    head, before = demo.git("rev-parse", "HEAD"), _summaries(demo)
    _checkpoint(demo, "progress", "one row is retried", "run the retry tests", failpoint=MID_WRITE)
    half = [path.name for path in demo.root.rglob(".ps-*")]
    demo.check("the process died with its file half in place", half)
    demo.check("nothing of it is in HEAD", demo.git("rev-parse", "HEAD") == head)
    demo.check("no reader sees half a record", _summaries(demo) == before)


def _recover(demo: Demo) -> None:
    demo.say("Whoever writes next recovers it, without being asked; your staged work is as you left it.")
    before = _summaries(demo)
    _checkpoint(demo, "decision", "three tries, doubling from one second", "run the retry tests")
    demo.check("the killed record is in HEAD", "one row is retried" in _summaries(demo))
    demo.check("both records are there, each once", len(_summaries(demo)) == len(before) + 2)
    demo.check("nothing is left over", not list(demo.root.rglob(".ps-*")))
    demo.check("your work is still staged, alone", demo.git("diff", "--cached", "--name-only") == "sync.py\n")


def _refuse(demo: Demo) -> None:
    demo.say("A wrong edit is refused at commit, with its line, its column and what to write instead.")
    path = task_path(TASK)
    file = demo.root / path
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("status: implementation", "status: opne"), encoding="utf-8")
    line = next(number for number, row in enumerate(file.read_text().splitlines(), 1) if "opne" in row)
    head = demo.git("rev-parse", "HEAD")
    ran = demo.run("git", "commit", "-q", "-m", "a typing error", path, expect=1)
    place = f"{path}:{line}:9: field_value_invalid"
    demo.check(f"the hook says {place}", place in ran.stdout + ran.stderr, ran)
    demo.check("nothing was committed", demo.git("rev-parse", "HEAD") == head)
    demo.run("git", "checkout", "-q", "--", "state")
    demo.platformctl("validate")


def _checkpoint(demo: Demo, kind: str, summary: str, then: str, *, failpoint: str = "") -> None:
    demo.platformctl(
        *("memory", "checkpoint", "create", "--actor", "claude", "--task", TASK, "--kind", kind),
        *("--summary", summary, "--next", then),
        expect=KILLED if failpoint else 0,
        failpoint=failpoint,
    )


def _summaries(demo: Demo) -> list[str]:
    found = demo.answer("memory", "checkpoint", "list", "--task", TASK)["checkpoints"]
    return [str(each["summary"]) for each in found]


def _indented(text: str) -> str:
    return "".join(f"     {line}\n" for line in text.splitlines())
