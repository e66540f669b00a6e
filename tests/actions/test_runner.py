"""Running one command: no shell, a limit in time, nothing left behind."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from platformstate.runner import NOT_EXECUTABLE, NOT_FOUND, TIMED_OUT, run_command


@pytest.mark.parametrize(
    "script, exit_code",
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)],
)
def test_the_exit_code_is_the_one_a_shell_would_show(tmp_path: Path, script: str, exit_code: int) -> None:
    assert run_command(["sh", "-c", script], tmp_path).exit_code == exit_code


def test_both_streams_are_hashed_in_the_order_written(tmp_path: Path) -> None:
    ran = run_command(["sh", "-c", "echo out; echo err >&2"], tmp_path)
    assert ran.output_sha256 == hashlib.sha256(b"out\nerr\n").hexdigest()


def test_what_cannot_be_started_has_a_number_too(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("no program")
    assert run_command(["no-such-program-anywhere"], tmp_path).exit_code == NOT_FOUND
    assert run_command([str(tmp_path / "plain")], tmp_path).exit_code == NOT_EXECUTABLE
    assert run_command(["a\0b"], tmp_path).exit_code == NOT_EXECUTABLE


def test_standard_input_is_empty(tmp_path: Path) -> None:
    assert run_command(["sh", "-c", "read line"], tmp_path, limit_s=5).exit_code == 1


def test_a_grandchild_that_keeps_the_output_open_holds_nobody_up(tmp_path: Path) -> None:
    began = time.monotonic()
    ran = run_command(["sh", "-c", "sleep 5 & echo $! > pid"], tmp_path)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert ran.exit_code == 0
    assert time.monotonic() - began < 4


def test_at_the_limit_the_whole_group_ends(tmp_path: Path) -> None:
    script = "sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 0.05; done' & wait"
    assert run_command(["sh", "-c", script], tmp_path, limit_s=0.5).exit_code == TIMED_OUT
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not _alive(pid):
            return
        time.sleep(0.02)
    raise AssertionError("a grandchild is alive")


def _alive(pid: int) -> bool:
    if sys.platform == "linux":
        try:
            return "(sh) Z" not in Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
