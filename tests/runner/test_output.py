"""The log of an attempt: redacted, safe, cut, and the same whoever writes it."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from platformstate.errors import StateError
from platformstate.runner import adopt_output
from platformstate.runner.output import LogCopy, Output
from tests.runner.bench import Bench
from tests.runner.conftest import Driver, until

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def copied(root: Path, data: bytes, *, apart: bytes | None = None, limit: int = 2**20) -> Output:
    spools = []
    for number, text in enumerate((data, apart)):
        if text is not None:
            (root / f"spool{number}").write_bytes(text)
            spools.append(os.open(root / f"spool{number}", os.O_RDONLY))
    log = LogCopy(root, "logs/0.1.log", spools, ["value-of-mine"], limit=limit)
    output = log.finish()
    for spool in spools:
        os.close(spool)
    return output


def test_secrets_and_controls_are_out_of_the_log_and_the_hash_is_of_what_is_shown(tmp_path: Path) -> None:
    output = copied(tmp_path, f"a {TOKEN}\n\x1b[31mred\x1b[0m value-of-mine\n\xff".encode("latin-1"))
    shown = (tmp_path / "logs/0.1.log").read_bytes()
    assert shown.decode() == "a [redacted:github]\n\\x1b[31mred\\x1b[0m [redacted:environment_value]\n\ufffd"
    assert (output.bytes, output.sha256) == (len(shown), sha256(shown).hexdigest())


def test_stdout_that_is_kept_apart_follows_in_the_log(tmp_path: Path) -> None:
    output = copied(tmp_path, b"error without an end", apart=f"out {TOKEN}\n".encode())
    assert (tmp_path / "logs/0.1.log").read_text() == (
        "error without an end\n--- stdout ---\nout [redacted:github]\n"
    )
    assert (output.stdout, output.captured) == ("out [redacted:github]\n", "out [redacted:github]")


@pytest.mark.parametrize(
    ("data", "captured"),
    [(b"", ""), (b"\n", ""), (b"a\n\n", "a\n"), (b"a\nb", "a\nb"), (b"x" * 16384 + b"\n", "x" * 16384)],
)
def test_captured_is_stdout_less_one_final_newline(tmp_path: Path, data: bytes, captured: str) -> None:
    output = copied(tmp_path, b"", apart=data)
    assert (output.capture_problem, output.captured) == (None, captured)


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"x" * 16385, "16,384"), (b"\xff", "UTF-8"), (b"a\x1b[0m", "characters"), (b"a\rb", "characters")],
)
def test_what_no_record_may_hold_cannot_be_captured(tmp_path: Path, data: bytes, word: str) -> None:
    assert word in str(copied(tmp_path, b"", apart=data).capture_problem)


def test_a_log_over_512_kib_keeps_its_first_and_last_256(tmp_path: Path) -> None:
    data = b"".join(b"line %d \xc3\xa4\n" % number for number in range(60_000))
    output = copied(tmp_path, data)
    shown = (tmp_path / "logs/0.1.log").read_bytes()
    assert (output.bytes, output.sha256) == (len(data), sha256(data).hexdigest())
    head, line, tail = shown.partition(b"--- ")[0], shown[shown.index(b"--- ") :].split(b"\n")[0], b""
    tail = shown[shown.index(line) + len(line) + 1 :]
    assert data.startswith(head.rstrip(b"\n"))
    assert data.endswith(tail)
    assert 256 * 1024 - 4 <= len(tail) <= 256 * 1024
    assert 256 * 1024 - 4 <= len(head) <= 256 * 1024 + 1
    left_out = len(data) - len(tail) - len(head.removesuffix(b"\n") if not data.startswith(head) else head)
    assert line.decode() == f"--- {left_out} bytes left out, sha256 {output.sha256} ---"
    shown.decode()
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["0.1.log"]


def test_a_log_of_just_512_kib_is_whole(tmp_path: Path) -> None:
    copied(tmp_path, b"x" * (512 * 1024))
    assert (tmp_path / "logs/0.1.log").stat().st_size == 512 * 1024


def test_a_flood_is_copied_up_to_the_limit_and_the_cut_shows_no_part_of_a_secret(tmp_path: Path) -> None:
    flood = b"x" * 10_000 + b"value-of-mine" + b"y" * 3_000_000
    output = copied(tmp_path, flood, limit=10_008)
    shown = (tmp_path / "logs/0.1.log").read_bytes()
    assert output.bytes == len(shown) <= 10_000
    assert set(shown) <= {ord("x")}


def test_the_log_grows_while_the_step_runs(bench: Bench, driver: Driver) -> None:
    driver('bench.sh("echo begun; sleep 20; echo ended")')
    log = bench.root / "run/logs/0.1.log"
    assert until(lambda: log.exists() and log.read_text()) == "begun\n"


@pytest.mark.parametrize("apart", [False, True])
def test_the_log_of_a_dead_conductor_is_finished_by_another(
    bench: Bench, driver: Driver, apart: bool
) -> None:
    """Its own environment has other values: what is kept back is what the dead one wrote down."""
    text = "echo value-of-mine; sleep 0.5; echo value-of-mine >&2; i=0; while [ $i -lt 40000 ]; do echo line $i of a log; i=$((i+1)); done"
    died = driver(f'bench.sh({text!r}, apart={apart}, values=["value-of-mine"])')
    receipt = bench.lease.file("0.1.receipt")
    until(lambda: bench.lease.file("0.1.start").exists())
    died.kill()
    until(receipt.exists)
    command = bench.command("true", apart=apart)
    first = adopt_output(bench.lease, command)
    cut = bench.log()
    assert first is not None
    assert "value-of-mine" not in cut
    assert "[redacted:environment_value]" in cut
    assert "bytes left out, sha256 " + first.sha256 in cut
    assert adopt_output(bench.lease, command) == first
    assert bench.log() == cut


def test_there_is_nothing_to_adopt_without_a_spool(bench: Bench) -> None:
    assert adopt_output(bench.lease, bench.command("true")) is None


def test_a_log_that_finds_no_room_does_not_stop_the_step(bench: Bench) -> None:
    """The size limit of this process stands for a full disk; the step has one of its own."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    text = "ulimit -f unlimited; head -c 30000 /dev/zero | tr '\\0' 'x'; sleep 0.3; head -c 30000 /dev/zero | tr '\\0' 'y'"
    bench.lock  # noqa: B018
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(StateError) as refused:
            bench.sh(text)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert refused.value.code == "disk_full"
    output = adopt_output(bench.lease, bench.command("true"))
    assert output is not None
    assert output.bytes == 60_000
    assert bench.log() == "x" * 30_000 + "y" * 30_000
