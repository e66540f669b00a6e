"""A repository with jobs, and the real command that runs them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformstate import validation
from platformstate.actions.jobs_approve import approve_job
from platformstate.actions.jobs_tick import tick
from platformstate.core.instants import moment
from platformstate.store.opened import open_store
from tests.conduct.scenes import Scene
from tests.conftest import Ran

WAIT_S = 20.0


class JobScene(Scene):
    """One repository, with the file E outside of its tree that jobs append to."""

    @property
    def common(self) -> Path:
        """What this clone keeps of its own."""
        return self.repo.root / ".git/platformstate"

    def jobs(self, verb: str, *argv: str, env: dict[str, str] | None = None) -> Ran:
        """Run a verb of jobs; its document is on stdout."""
        return self.run_ctl("jobs", verb, *argv, "--json", env=env)

    def job(self, name: str, *, body: str = "", **spec: Any) -> Path:
        """Write a job's spec, by default one that is run by hand."""
        return self.repo.write(f"state/jobs/{name}/job.md", spec_text(name, body=body, **spec))

    def shell(self, name: str, script: str, **spec: Any) -> Path:
        """Write a job that runs a shell script."""
        return self.job(name, target={"kind": "command", "argv": ["sh", "-c", script]}, **spec)

    def land(self) -> str:
        """Commit everything on the trusted branch."""
        return self.repo.commit()

    def approve(self, *names: str) -> None:
        """Approve what is trusted of these jobs, or of all."""
        store = open_store(self.repo.root, durability="fast")
        for name in names or sorted(path.name for path in (self.repo.root / "state/jobs").iterdir()):
            approve_job(store, name)

    def ready(self, *names: str) -> None:
        """Land everything and approve it."""
        self.land()
        self.approve(*names)

    def ticked(self, now: str) -> dict[str, Any]:
        """Tick in this process at an instant, and return what the tick did."""
        instant = moment(now)
        store = open_store(self.repo.root, durability="fast", clock=lambda: instant)
        data: dict[str, Any] = tick(store).data
        return data

    def run_job(self, name: str, *argv: str, env: dict[str, str] | None = None) -> dict[str, Any]:
        """Run a job and return its run, however it ended."""
        document = self.jobs("run", name, *argv, env=env).document
        assert "run" in document["data"], document
        run: dict[str, Any] = document["data"]["run"]
        return run

    def folder_of(self, run: Mapping[str, Any]) -> Path:
        """Return the folder of a run of a job."""
        return self.repo.root / f"state/jobs/{run['job_id']}/runs/{run['run_id']}"

    def receipt(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return a run's receipt, which its schema takes."""
        path = self.folder_of(run) / "run_receipt.json"
        judged = validation.read(path.read_bytes(), path.relative_to(self.repo.root).as_posix())
        assert judged.problems == (), judged.problems
        receipt: dict[str, Any] = json.loads(path.read_bytes())
        return receipt

    def log(self, run: Mapping[str, Any], attempt: int = 1, index: int = 0) -> str:
        """Return the log of an attempt."""
        return (self.folder_of(run) / f"logs/{index}.{attempt}.log").read_text()

    def ledger(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of a job's ledger, oldest first."""
        files = sorted((self.repo.root / f"state/jobs/{name}/ledger").glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]

    def wait_for(self, text: str) -> None:
        """Wait until E ends with a word."""
        until(lambda: self.effects.endswith(text), f"E never ended with {text}: {self.effects}")


def until(holds: Any, message: str) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, message
        time.sleep(0.01)


def spec_text(name: str, *, body: str = "", **spec: Any) -> str:
    """Return a job's spec as text; values stand in flow style."""
    whole = {"schema": "job/1", "id": name, "title": name, "trigger": {"kind": "manual"}, **spec}
    order = ("schema", "id", "title", "enabled", "target", "bindings", "trigger")
    keys = sorted(whole, key=lambda key: order.index(key) if key in order else len(order))
    lines = "".join(f"{key}: {json.dumps(whole[key])}\n" for key in keys)
    return f"---\n{lines}---\n{body}"


def is_alive(pid: int) -> bool:
    """Say whether a process lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
