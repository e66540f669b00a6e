"""A command that a signal ends answers once, whoever reads it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Repo
from tests.forking import Ran

CREATE = ("task", "create", "--title", "never made")


STARTING = """
import os, sys
_, module, number, *sys.argv[1:] = sys.argv
class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))
sys.meta_path.insert(0, Signalling())
from platformstate.__main__ import main
main()
"""


@contextmanager
def waiting(repo: Repo, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a command that waits for the writers' lock, which is ours."""
    lock = repo.root / ".git/platformstate/lock"
    with open(lock, "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen(
            [sys.executable, "-m", "platformstate", *argv],
            cwd=repo.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as command:
            deadline = time.monotonic() + 30
            while not _has_open(command.pid, lock):
                assert command.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield command


def _has_open(pid: int, path: Path) -> bool:
    try:
        return any(
            os.path.samefile(link, path) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists()
        )
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_json_gets_one_document_with_the_error(
    repo: Repo, platformctl: Callable[..., Ran], number: signal.Signals
) -> None:
    assert platformctl("init", cwd=repo.root).status == 0
    with waiting(repo, "--json", *CREATE) as command:
        command.send_signal(number)
        stdout, stderr = command.communicate(timeout=30)
    assert (command.returncode, stderr) == (128 + number, "")
    [line] = stdout.splitlines()
    answer = json.loads(line)
    assert (answer["ok"], answer["error"]["code"], answer["error"]["retryable"]) == (
        False,
        "interrupted",
        True,
    )


def test_people_see_the_exit_status_alone(repo: Repo, platformctl: Callable[..., Ran]) -> None:
    assert platformctl("init", cwd=repo.root).status == 0
    with waiting(repo, *CREATE) as command:
        command.send_signal(signal.SIGTERM)
        assert command.communicate(timeout=30) == ("", "")
    assert command.returncode == 143


@pytest.mark.parametrize("module", ["platformstate.cli", "platformstate.cli.commands"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_while_the_program_loads_is_answered_too(number: signal.Signals, module: str) -> None:
    argv = [sys.executable, "-c", STARTING, module, str(int(number)), "explain", "id_duplicate"]
    for more in ([], ["--json"]):
        ran = subprocess.run([*argv, *more], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (128 + number, "")
        codes = [json.loads(line)["error"]["code"] for line in ran.stdout.splitlines()]
        assert codes == ["interrupted"] * len(more)
