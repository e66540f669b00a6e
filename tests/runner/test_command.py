"""Guards, probes and what `--exec` runs: a limit in time, and how it ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest

from platformstate.runner import NOT_EXECUTABLE, NOT_FOUND, TIMED_OUT, listening, run_captured, run_command
from tests.runner.conftest import LONG_BEFORE_S, is_alive

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (["true"], 0),
        (["false"], 1),
        (["sh", "-c", "exit 77"], 77),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-program"], NOT_FOUND),
        (["/etc/passwd"], NOT_EXECUTABLE),
        (["x" * 3_000_000], 126),
        (["a\0b"], 126),
    ],
)
def test_the_exit_code_is_a_shells(tmp_path: Path, argv: list[str], exit_code: int) -> None:
    assert run_command(argv, tmp_path).exit_code == exit_code


def test_output_is_hashed_as_it_may_be_shown(tmp_path: Path) -> None:
    ran = run_command(["sh", "-c", f"echo a {TOKEN}; echo b >&2"], tmp_path)
    assert ran.output == "a [redacted:github]\nb\n"
    assert (ran.output_sha256, ran.output_bytes) == (sha256(ran.output.encode()).hexdigest(), len(ran.output))


def test_values_of_the_environment_are_kept_back(tmp_path: Path) -> None:
    ran = run_command(
        ["sh", "-c", "echo $MY_TOKEN"], tmp_path, env={"PATH": "/bin:/usr/bin", "MY_TOKEN": "12345678"}
    )
    assert ran.output == "[redacted:environment_value]\n"


def test_at_the_limit_all_that_it_started_ends(tmp_path: Path) -> None:
    begun = time.monotonic()
    ran = run_command(["sh", "-c", "sleep 30 & echo $! >pid; sleep 30"], tmp_path, limit_s=0.3)
    assert (ran.exit_code, ran.is_timed_out) == (TIMED_OUT, True)
    assert time.monotonic() - begun < LONG_BEFORE_S
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_grandchild_that_keeps_the_output_open_holds_nobody_up(tmp_path: Path) -> None:
    begun = time.monotonic()
    ran = run_command(["sh", "-c", "sleep 30 & echo $!"], tmp_path)
    assert ran.exit_code == 0
    assert time.monotonic() - begun < LONG_BEFORE_S
    assert not is_alive(int(ran.output))


def test_a_signal_to_us_ends_it(tmp_path: Path) -> None:
    with listening() as signals:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        ran = run_command(["sleep", "30"], tmp_path, signals=signals)
    assert (ran.exit_code, ran.signal) == (143, signal.SIGTERM)


def test_at_the_limit_what_ignores_term_ends_too(tmp_path: Path) -> None:
    script = "sh -c 'trap \"\" TERM; echo $$ >pid; while :; do sleep 0.05; done' & wait"
    assert run_command(["sh", "-c", script], tmp_path, limit_s=0.5, grace_s=0.2).exit_code == TIMED_OUT
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_an_interrupt_ends_it_before_it_is_passed_on(tmp_path: Path) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run_command(["sh", "-c", "echo $$ >pid; exec sleep 30"], tmp_path)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_standard_input_is_empty(tmp_path: Path) -> None:
    assert run_command(["cat"], tmp_path).exit_code == 0


def test_more_output_than_anyone_reads_ends_it(tmp_path: Path) -> None:
    ran = run_command(["yes", "y " * 4000], tmp_path, limit_s=20)
    assert ran.exit_code == 143
    assert not ran.is_timed_out


def test_both_streams_are_kept_apart_when_captured(tmp_path: Path) -> None:
    got = run_captured(
        ["sh", "-c", "echo $A; echo err >&2; exit 2"], tmp_path, {"PATH": os.environ["PATH"], "A": "b"}
    )
    assert got == (2, "b\n", "err\n")
