"""A repository with procedures, and the real command that conducts them: what is killed is really killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformstate.codec.journal import chain_problems
from platformstate.codec.jsonl import parse_lines
from tests.conftest import OPERATOR, Repo
from tests.forking import Command, Forks, Ran


class Scene:
    """One repository, with the file E outside of its tree to which each step appends its key."""

    def __init__(self, repo: Repo, forks: Forks) -> None:
        self.repo, self.forks = repo, forks
        self.effects_file = repo.root.parent / "E"

    def append(self, key: str) -> str:
        """Return a shell command that appends a key to E."""
        return f"echo {key} >> {self.effects_file}"

    def command(self, key: str, *, run: str | None = None, **fields: object) -> str:
        """Return a command step in flow style."""
        return self.step("command", key, run=run or self.append(key), **fields)

    def step(self, kind: str, key: str, **fields: object) -> str:
        """Return a step in flow style."""
        shown = {
            name: value if isinstance(value, str) and value[:1] in "{[" else json.dumps(value)
            for name, value in fields.items()
        }
        parts = [f"key: {key}", f"kind: {kind}", *(f"{name}: {value}" for name, value in shown.items())]
        return "{" + ", ".join(parts) + "}"

    def procedure(self, name: str, *steps: str, top: str = "", commit: bool = True) -> None:
        """Write a procedure, and commit it."""
        listed = "".join(f"  - {step}\n" for step in steps)
        text = f"---\nschema: procedure/1\nid: {name}\n\ntitle: {name}\n{top}\nsteps:\n{listed}---\n"
        self.repo.write(f"state/procedures/{name}/procedure.md", text)
        if commit:
            self.repo.git("add", f"state/procedures/{name}/procedure.md")
            self.repo.git("commit", "-q", "--no-verify", "-m", f"write {name}")

    @property
    def effects(self) -> str:
        """What E holds, as words."""
        return " ".join(self.effects_file.read_text().split()) if self.effects_file.exists() else ""

    def run_ctl(self, *argv: str, env: dict[str, str] | None = None, check: bool = False) -> Ran:
        """Run the command and wait for it."""
        ran = self.begin(*argv, env=env).wait()
        assert not check or ran.status == 0, ran.stdout + ran.stderr
        return ran

    def begin(self, *argv: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Command:
        """Start the command as a fork."""
        return self.forks.start(cwd or self.repo.root, argv, env)

    def start(self, *argv: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command from nothing, in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "platformstate", *argv],
            cwd=self.repo.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def conduct(
        self, name: str = "demo", *argv: str, point: str | None = None, env: dict[str, str] | None = None
    ) -> Ran:
        """Conduct a procedure; with a failpoint the process dies there by signal 9."""
        given = {**(env or {}), **({"PLATFORMSTATE_FAILPOINT": point} if point else {})}
        ran = self.run_ctl("procedure", "conduct", name, "--json", *argv, env=given)
        assert (ran.status == -signal.SIGKILL) is (point is not None), (ran.status, ran.stdout, ran.stderr)
        return ran

    def resume(self, *argv: str, env: dict[str, str] | None = None) -> Ran:
        """Resume the newest run."""
        return self.run_ctl("run", "resume", self.run, "--json", *argv, env=env)

    def ctl(self, verb: str, *argv: str, actor: str = OPERATOR) -> Ran:
        """Run a verb on the newest run."""
        return self.run_ctl("--actor", actor, "run", verb, self.run, *argv, "--json")

    @property
    def runs(self) -> list[Path]:
        """The run folders, oldest first."""
        return sorted((self.repo.root / "state/procedures").glob("*/runs/*"))

    @property
    def run(self) -> str:
        """The newest run's id."""
        folders = [folder for folder in self.runs if (folder / "events.jsonl").exists()]
        return max(
            folders, key=lambda folder: (folder.name[:16], (folder / "events.jsonl").stat().st_mtime_ns)
        ).name

    @property
    def folder(self) -> Path:
        """The newest run's folder."""
        return next(folder for folder in self.runs if folder.name == self.run)

    @property
    def journal(self) -> bytes:
        """The newest run's journal."""
        return (self.folder / "events.jsonl").read_bytes()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The newest run's events; the chain holds."""
        lines = parse_lines(self.journal, "events.jsonl")
        assert lines.problems == ()
        assert chain_problems(lines.rows, "events.jsonl") == ()
        return [row for _, row in lines.rows]

    @property
    def types(self) -> list[str]:
        """The newest run's events, by type."""
        return [event["type"] for event in self.events]

    def outcomes(self, index: int) -> list[str]:
        """Return how the attempts of a step ended."""
        steps = self.run_ctl("run", "steps", self.run, "--json", check=True).document["data"]["steps"]
        return [attempt["outcome"] for attempt in steps[index]["attempts"]]

    def standing(self) -> dict[str, Any]:
        """Return where the newest run stands."""
        stood: dict[str, Any] = self.run_ctl("run", "show", self.run, "--json", check=True).document["data"][
            "standing"
        ]
        return stood

    def kill_inside(self, mark: Path, *argv: str) -> None:
        """Conduct, wait for a step to make a file, and kill the conductor and its child's group."""
        process = self.start("procedure", "conduct", "demo", "--json", *argv)
        wait_for(mark.exists)
        leases = self.repo.root / ".git/platformstate/leases"
        wait_for(lambda: any(path.stat().st_size for path in leases.glob("*.start")))
        groups = [json.loads(path.read_text())["pid"] for path in leases.glob("*.start")]
        os.kill(process.pid, signal.SIGKILL)
        for group in groups:
            os.killpg(group, signal.SIGKILL)
        process.communicate()
        wait_for(lambda: not any(_alive(group) for group in groups))


def wait_for(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
