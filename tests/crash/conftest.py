"""Writers as real processes that tests may kill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.forking import Command, Forks, Ran


class Writer:
    """One writing process: how it ended, and what it answered before."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._ran: Ran | None = None

    def wait(self) -> int:
        """Wait for its end; a negative status is the signal that ended it."""
        self._ran = self._command.wait()
        return self._ran.status

    @property
    def answer(self) -> dict[str, Any]:
        assert self._ran is not None
        return self._ran.document

    def kill(self) -> None:
        """Kill the process alone; its git children live on."""
        self._command.kill("alone")

    def kill_family(self) -> None:
        """Kill the process and all its children, also those with a session of their own."""
        self._command.kill("all")


class Writers:
    """Starts writing processes without paying for their imports."""

    def __init__(self, forks: Forks) -> None:
        self._forks = forks

    def start(self, root: Path, verb: str, env: dict[str, str] | None = None, **request: Any) -> Writer:
        what = {"call": "tests.crash.writing:write", "root": str(root), "verb": verb, **request}
        return Writer(self._forks.begin(what, root, {**os.environ, **(env or {})}))


@pytest.fixture
def writers(forks: Forks) -> Writers:
    return Writers(forks)
