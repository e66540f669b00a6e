"""A place to run steps in: a folder, a clone's git directory, a run's lease."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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
