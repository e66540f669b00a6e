"""One command step: its receipt, its log, its time, its end."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from platformstate.errors import StateError
from platformstate.runner import Lease, attempt_facts, boot_id, execute_step, listening, refuse_alive
from platformstate.runner.shim import Streams, start_step
from tests.runner.bench import SHA, Bench
from tests.runner.conftest import LONG_BEFORE_S, is_alive, until


@pytest.mark.parametrize(
    ("text", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("exec /no/such", 127)],
)
def test_the_exit_code_is_the_receipts(bench: Bench, text: str, code: int) -> None:
    ended = bench.sh(text)
    assert (ended.outcome, ended.exit_code) == ("exited", code)
    facts = attempt_facts(bench.lease, 0, 1, SHA)
    assert (facts.exit_code, facts.is_receipt_bad, facts.is_started_on_this_boot) == (code, False, True)


def test_a_file_that_cannot_be_executed_gives_126(bench: Bench) -> None:
    (bench.root / "plain").write_text("x")
    assert execute_step(bench.lock, bench.command("./plain")).exit_code == 126


def test_a_folder_that_is_not_there_gives_126(bench: Bench) -> None:
    assert execute_step(bench.lock, bench.command("true", cwd=bench.root / "none")).exit_code == 126


def test_arguments_that_are_too_long_are_a_failure_with_a_reason(bench: Bench) -> None:
    ended = execute_step(bench.lock, bench.command("true", "x" * 3_000_000))
    assert (ended.outcome, ended.exit_code) == ("exited", 126)
    assert "cannot be started" in bench.log()
    assert attempt_facts(bench.lease, 0, 1, SHA).start is None


def test_the_receipt_is_one_canonical_line(bench: Bench) -> None:
    bench.sh("exit 5")
    line = bench.lease.file("0.1.receipt").read_text()
    expected = {"attempt": 1, "exit_code": 5, "run": bench.lease.run, "step_index": 0, "step_sha256": SHA}
    assert line == json.dumps(expected, separators=(",", ":"), sort_keys=True) + "\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-1],
        lambda line: line[:20],
        lambda line: b"",
        lambda line: line.replace(b'"attempt":1', b'"attempt":2'),
        lambda line: line.replace(b"abab", b"cdcd", 1),
        lambda line: line.replace(b'"exit_code":0', b'"exit_code":-1'),
        lambda line: line.replace(b'"exit_code":0', b'"exit_code":999'),
        lambda line: line + line,
        lambda line: b"\xff" + line,
    ],
)
def test_a_receipt_that_is_not_whole_or_not_of_the_attempt_proves_nothing(bench: Bench, damage) -> None:
    bench.sh("exit 0")
    receipt = bench.lease.file("0.1.receipt")
    receipt.write_bytes(damage(receipt.read_bytes()))
    facts = attempt_facts(bench.lease, 0, 1, SHA)
    assert (facts.exit_code, facts.is_receipt_bad) == (None, True)


def test_the_start_mark_names_shim_and_boot(bench: Bench) -> None:
    bench.sh('cut -d" " -f5 /proc/self/stat')
    mark = attempt_facts(bench.lease, 0, 1, SHA).start
    assert mark is not None
    assert (mark.boot_id, mark.pid) == (boot_id(), int(bench.log()))
    assert mark.start > 0


def test_without_a_start_mark_the_command_is_not_run(bench: Bench) -> None:
    given = bench.command("touch", "ran")
    with (bench.root / "printed").open("wb") as out:
        pid = start_step(
            given.argv,
            mark="/dev/full",
            receipt=str(bench.root / "receipt"),
            receipt_parts=("", ""),
            boot_id="",
            cwd=str(bench.root),
            env=given.env,
            streams=Streams(out.fileno(), out.fileno()),
            limits={},
        )
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 125
    assert sorted(path.name for path in bench.root.iterdir()) == ["git", "printed"]


def test_standard_input_is_empty_and_both_outputs_are_in_the_log(bench: Bench) -> None:
    bench.sh("cat; echo out; echo err >&2; echo out again")
    assert bench.log() == "out\nerr\nout again\n"


def test_the_child_leads_nothing_but_stands_in_a_session_of_its_own(bench: Bench) -> None:
    bench.sh('cut -d" " -f6 /proc/self/stat')
    assert int(bench.log()) != os.getsid(0)


def test_the_child_inherits_the_lock_and_no_other_descriptor(bench: Bench) -> None:
    given, taken = os.pipe()
    os.set_inheritable(given, True)
    bench.sh("ls /proc/self/fd")
    assert [int(word) for word in bench.log().split() if int(word) > 3] == [63]
    os.close(given)
    os.close(taken)


def test_a_step_inside_a_step_keeps_the_outer_lock_too(bench: Bench) -> None:
    outer = bench.lock
    os.dup2(outer.descriptor, 63)
    try:
        inner = Lease(bench.common, "20261120t101130z-inner2").take(host="h", since="s", command="c")
        command = replace(bench.command("sleep", "5"), timeout_s=0.2)
        with inner:
            seen: list[list[int]] = []
            point = {
                "conduct.spawned": lambda: seen.append(
                    [len(inner.lease.members()), len(bench.lease.members())]
                )
            }
            execute_step(inner, command, points=point)
    finally:
        os.close(63)
    assert inner.descriptor == -1
    assert seen == [[1, 1]]


def test_ignored_signals_reach_the_child_as_default(bench: Bench) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert bench.sh("kill -HUP $$; kill -PIPE $$").exit_code == 129
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_limit_holds_for_the_command_and_not_for_its_receipt(bench: Bench) -> None:
    ended = bench.sh("head -c 100000 /dev/zero >big", limits={"file_size": 512, "open_files": 32})
    assert ended.exit_code not in (None, 0)
    assert (bench.root / "big").stat().st_size == 512
    bench.sh("ulimit -n", index=1, limits={"open_files": 32})
    assert bench.log(1) == "32\n"


def test_a_timeout_ends_the_group_within_its_grace(bench: Bench) -> None:
    begun = time.monotonic()
    ended = bench.sh("sleep 30 & sleep 30", timeout_s=0.3)
    assert (ended.outcome, ended.exit_code, ended.leftovers) == ("timed_out", 143, 0)
    assert time.monotonic() - begun < LONG_BEFORE_S


def test_what_ignores_term_is_killed_after_the_grace(bench: Bench) -> None:
    begun = time.monotonic()
    ended = bench.sh("trap '' TERM; sleep 30 & sleep 30", timeout_s=0.2, grace_s=0.3)
    assert (ended.outcome, ended.exit_code) == ("timed_out", None)
    assert 0.5 <= time.monotonic() - begun < LONG_BEFORE_S


def test_the_grace_lets_a_command_finish(bench: Bench) -> None:
    ended = bench.sh("trap 'echo bye; exit 0' TERM; sleep 30 & wait", timeout_s=0.3, grace_s=5)
    assert (ended.outcome, ended.exit_code) == ("timed_out", 0)
    assert bench.log() == "bye\n"


def test_a_grandchild_that_keeps_stdout_open_does_not_hold_the_step(bench: Bench) -> None:
    begun = time.monotonic()
    ended = bench.sh("sleep 30 & echo $!")
    assert (ended.outcome, ended.exit_code, ended.leftovers) == ("exited", 0, 1)
    assert time.monotonic() - begun < LONG_BEFORE_S
    assert not is_alive(int(bench.log()))


@pytest.mark.parametrize("timeout_s", [0.4, 20], ids=["timeout", "normal exit"])
def test_a_grandchild_that_left_the_group_is_ended(bench: Bench, timeout_s: float) -> None:
    wait = "sleep 20" if timeout_s < 1 else "until [ -s pid ]; do :; done"
    ended = bench.sh(
        f"setsid sh -c 'echo $$ >pid; exec sleep 30' </dev/null >/dev/null 2>&1 & {wait}", timeout_s=timeout_s
    )
    assert ended.leftovers == 1
    assert not is_alive(int((bench.root / "pid").read_text()))


def test_output_over_the_limit_ends_the_step(bench: Bench) -> None:
    ended = bench.sh("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", output_limit=10_000)
    assert ended.outcome == "output_exceeded"


def test_what_floods_on_after_term_has_no_grace_and_fills_no_log(bench: Bench) -> None:
    begun = time.monotonic()
    ended = bench.sh("trap '' TERM; while :; do echo yyyyyyyyyyyyyyyy; done", output_limit=10_000, grace_s=60)
    assert time.monotonic() - begun < LONG_BEFORE_S
    assert ended.outcome == "output_exceeded"
    assert ended.output.bytes <= 10_000


def test_output_over_the_limit_counts_when_the_step_ended_first(bench: Bench) -> None:
    assert bench.sh("head -c 20000 /dev/zero", output_limit=10_000).outcome == "output_exceeded"


def test_a_shim_that_is_killed_leaves_the_outcome_unknown(bench: Bench) -> None:
    ended = bench.sh("kill -9 $PPID; sleep 30")
    assert (ended.outcome, ended.exit_code) == ("unknown", None)


def _send_soon(
    number: int, *, when: threading.Event | None = None, delays_s: tuple[float, ...] = (0.2,)
) -> None:
    def send() -> None:
        for delay_s in delays_s:
            time.sleep(delay_s)
            os.kill(os.getpid(), number)

    threading.Thread(target=send).start()


def test_a_signal_cancels_the_step_at_once(bench: Bench) -> None:
    with listening() as signals:
        _send_soon(signal.SIGTERM)
        begun = time.monotonic()
        ended = bench.sh("sleep 30", signals=signals)
    assert (ended.outcome, ended.exit_code, ended.signal) == ("cancelled", 143, signal.SIGTERM)
    assert time.monotonic() - begun < LONG_BEFORE_S


def test_a_signal_that_only_holds_lets_the_step_finish(bench: Bench) -> None:
    asked: list[int] = []
    with listening() as signals:
        _send_soon(signal.SIGTERM, delays_s=(0.1,))
        ended = bench.sh("sleep 0.4", signals=signals, cancel=lambda number: bool(asked.append(number)))
    assert (ended.outcome, ended.exit_code, ended.signal) == ("exited", 0, None)
    assert asked == [signal.SIGTERM]


def test_a_second_signal_cuts_the_grace_short(bench: Bench) -> None:
    with listening() as signals:
        _send_soon(signal.SIGINT, delays_s=(0.2, 0.3))
        begun = time.monotonic()
        ended = bench.sh("trap '' TERM; sleep 60", signals=signals, grace_s=30)
    assert (ended.outcome, ended.signal) == ("cancelled", signal.SIGINT)
    assert time.monotonic() - begun < LONG_BEFORE_S


def test_signals_have_their_old_handlers_back(bench: Bench) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with listening() as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert until(signals.take) == signal.SIGHUP
    assert signal.getsignal(signal.SIGTERM) == before


def test_in_a_thread_no_signal_is_heard(bench: Bench) -> None:
    heard: list[int | None] = []

    def conduct() -> None:
        with listening() as signals:
            heard.append(signals.take())
            heard.append(bench.sh("exit 4", signals=signals).exit_code)

    thread = threading.Thread(target=conduct)
    thread.start()
    thread.join()
    assert heard == [None, 4]


def test_the_same_attempt_is_never_begun_twice(bench: Bench) -> None:
    bench.sh("exit 0")
    with pytest.raises(FileExistsError):
        bench.sh("touch again")
    assert not (bench.root / "again").exists()


def test_the_files_of_an_attempt_are_private_and_go_together(bench: Bench) -> None:
    bench.sh("echo x", apart=True, values=("a secret value",))
    found = sorted(path for path in bench.lease.folder.iterdir() if ".0.1." in path.name)
    assert [path.name.rpartition(".")[2] for path in found] == ["out", "receipt", "start", "stdout", "values"]
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in found if path.suffix not in (".start", ".receipt")
    )
    assert bench.lease.folder.stat().st_mode & 0o777 == 0o700
    bench.lease.forget_attempt(0, 1)
    assert not any(path.exists() for path in found)


def test_a_failpoint_is_reached_while_the_child_lives(bench: Bench) -> None:
    seen: list[bool] = []
    bench.sh(
        "sleep 0.3", points={"conduct.spawned": lambda: seen.append(bench.lease.file("0.1.receipt").exists())}
    )
    assert seen == [False]


def test_a_log_in_a_linked_folder_is_refused(bench: Bench) -> None:
    (bench.root / "elsewhere").mkdir()
    (bench.root / "run").symlink_to("elsewhere")
    with pytest.raises(StateError) as refused:
        bench.sh("exit 0")
    assert refused.value.code == "path_symlink"
    assert list((bench.root / "elsewhere").iterdir()) == []


def test_no_attempt_follows_while_a_process_of_the_last_one_does_not_die(bench: Bench) -> None:
    ended = bench.sh("exit 0")
    refuse_alive(ended)
    with pytest.raises(StateError) as refused:
        refuse_alive(ended._replace(alive=(4711,)))
    assert refused.value.code == "run_locked"
    assert "4711" in refused.value.message


def test_a_start_mark_without_content_still_proves_that_the_shim_began(bench: Bench) -> None:
    bench.sh("exit 0")
    bench.lease.file("0.1.start").write_bytes(b"")
    assert attempt_facts(bench.lease, 0, 1, SHA).is_started_on_this_boot


def test_a_start_mark_of_an_earlier_boot_does_not_count(bench: Bench) -> None:
    bench.sh("exit 0")
    mark = bench.lease.file("0.1.start")
    mark.write_text(mark.read_text().replace(boot_id(), "0" * 16))
    assert not attempt_facts(bench.lease, 0, 1, SHA).is_started_on_this_boot
