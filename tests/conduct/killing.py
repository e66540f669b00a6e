"""Commands as real processes that cost no start-up, to be killed by SIGKILL at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.conduct.scenes import Scene
from tests.conftest import Ran, Repo

HOME = Path(__file__).parent.parent.parent


class Command:
    """One command that was started: how it ended and what it printed."""

    def __init__(self, zygote: Zygote, pid: int, out: Path) -> None:
        self._zygote, self.pid, self._out = zygote, pid, out

    def wait(self) -> Ran:
        """Wait for its end; a negative status is the signal that ended it."""
        status = self._zygote.ask({"wait": self.pid})
        return Ran(status, *((self._out / name).read_text() for name in ("stdout", "stderr")))

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


class Zygote:
    """Starts commands without paying for their imports."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.conduct.zygote"],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )

    def ask(self, request: Mapping[str, Any]) -> int:
        """Send one request and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, cwd: Path, argv: tuple[str, ...], env: Mapping[str, str] | None = None) -> Command:
        """Start a command."""
        self._count += 1
        out = self._folder / str(self._count)
        out.mkdir()
        for name in ("stdout", "stderr"):
            (out / name).touch()
        pid = self.ask({"cwd": str(cwd), "argv": argv, "env": dict(env or {}), "out": str(out)})
        return Command(self, pid, out)

    def end(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class KillScene(Scene):
    """A scene whose commands are forked, with a file that a person has staged."""

    def __init__(self, repo: Repo, zygote: Zygote) -> None:
        self.zygote = zygote
        super().__init__(repo)
        repo.write("src/main.py", "staged by a person\n")
        repo.git("add", "src/main.py")

    def run_ctl(self, *argv: str, env: dict[str, str] | None = None, check: bool = False) -> Ran:
        """Run the command and wait for it."""
        ran = self.begin(*argv, env=env).wait()
        assert not check or ran.status == 0, ran.stdout + ran.stderr
        return ran

    def begin(self, *argv: str, env: dict[str, str] | None = None) -> Command:
        """Start the command."""
        return self.zygote.start(self.repo.root, argv, env)

    def procedure(self, name: str, *steps: str, top: str = "", commit: bool = True) -> None:
        """Write a procedure, and commit it alone: what a person staged stays staged."""
        super().procedure(name, *steps, top=top, commit=False)
        if commit:
            path = f"state/procedures/{name}/procedure.md"
            self.repo.git("add", path)
            self.repo.git("commit", "-q", "--no-verify", "-m", f"write {name}", "--", path)

    @property
    def leases(self) -> Path:
        """The folder of the runs' local files."""
        return self.repo.root / ".git/platformstate/leases"

    def commits_of_run(self) -> int:
        """Return how many commits the newest run has."""
        return len(self.repo.git("log", "--format=%H", f"--grep=Run: {self.run}").split())

    def events_of(self, index: int) -> list[tuple[str, int | None, str | None]]:
        """Return what the journal says of a step: type, attempt, by whom."""
        said = (event for event in self.events if event.get("step_index") == index)
        return [
            (event["type"], event.get("attempt"), event.get("by"))
            for event in said
            if event["type"].startswith("Step")
        ]

    def require_sound(self, status: str = "succeeded", commits: int | None = None) -> None:
        """Require what holds of every run that has ended, whatever was killed on the way."""
        assert self.events[-1]["type"] == f"Run{status.capitalize()}"
        assert json.loads((self.folder / "run_receipt.json").read_text())["status"] == status
        assert (self.folder / "summary.md").is_file()
        verified = self.run_ctl("run", "verify", self.run, "--json")
        assert verified.status == 0, verified.stdout
        assert verified.document["data"]["committed"]["ok"] is True
        judged = self.run_ctl("validate")
        assert judged.status == 0, judged.stdout
        self.require_untouched()
        assert {path.suffix for path in self.leases.glob(f"{self.run}.*")} == {".json", ".lock"}
        assert not list((self.repo.root / "state").rglob(".ps-*"))
        if commits is not None:
            assert self.commits_of_run() <= commits

    def require_untouched(self) -> None:
        """Require that what a person staged is still staged, and nothing else differs from HEAD."""
        assert self.repo.git("status", "--porcelain") == "A  src/main.py\n"
        assert self.repo.git("show", ":src/main.py") == "staged by a person\n"
