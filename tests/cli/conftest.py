"""Run the commands of `extra_commands.py` as a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forking import Ran

HOME = Path(__file__).parent.parent.parent
Extra = Callable[..., Ran]


@pytest.fixture
def extra(tmp_path: Path) -> Extra:
    """Run one of the extra commands: `extra("bug", "--json")`."""

    def run(*argv: str, env: dict[str, str] | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "tests.cli.extra_commands", *argv],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(HOME), "TMPDIR": str(tmp_path), **(env or {})},
            capture_output=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
