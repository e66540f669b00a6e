"""The lock of a run, who holds it, and the files beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from platformstate.errors import StateError
from platformstate.runner import Lease, Position, Request, boot_id, stop_orphans
from tests.runner.bench import RUN, Bench
from tests.runner.conftest import Driver, is_alive, until

TAKEN = {"host": "here", "since": "2026-11-20T10:11:30Z", "command": "platformctl run resume"}


def refused(lease: Lease) -> StateError:
    with pytest.raises(StateError) as error:
        lease.take(**TAKEN)
    assert error.value.code == "run_locked"
    return error.value


def test_a_second_conductor_is_refused_and_told_who_the_first_is(bench: Bench, driver: Driver) -> None:
    first = driver("bench.lock; time.sleep(20)")
    until(lambda: bench.lease.is_held() and bench.lease.record())
    message = refused(bench.lease).message
    assert str(first.pid) in message
    assert "here" in message
    assert "2026-11-20T10:11:30Z" in message
    assert refused(bench.lease).data == {"holders": [first.pid]}


def test_within_one_process_the_lock_excludes_too(bench: Bench) -> None:
    with bench.lease.take(**TAKEN):
        refused(Lease(bench.common, RUN))
    bench.lease.take(**TAKEN).close()


def test_asking_whether_it_is_held_never_makes_a_conductor_fail(bench: Bench, driver: Driver) -> None:
    bench.lease.take(**TAKEN).close()
    driver("print('asking', flush=True)\nwhile True: bench.lease.is_held()").stdout.readline()
    for _ in range(20):
        bench.lease.take(**TAKEN).close()


def test_the_lock_is_free_once_its_conductor_is_killed(bench: Bench, driver: Driver) -> None:
    first = driver("bench.lock; time.sleep(20)")
    until(lambda: bench.lease.is_held() and bench.lease.record())
    first.kill()
    first.wait()
    assert not bench.lease.is_held()
    assert bench.lease.holders() == []
    assert bench.lease.conductor() is None
    assert bench.lease.record().pid == first.pid
    bench.lease.take(**TAKEN).close()


ORPHANS = {
    "a child": "echo $$ >pid; exec sleep 30",
    "one without its environment": "exec env -i sh -c 'echo $$ >pid; exec sleep 30'",
    "one that closed every descriptor": "exec sh -c 'echo $$ >pid; exec 63>&-; exec sleep 30' </dev/null >/dev/null 2>&1",
    "one in another session": "setsid sh -c 'echo $$ >pid; exec sleep 30' & wait",
}


@pytest.mark.parametrize("kind", ORPHANS)
def test_a_living_orphan_keeps_the_run_locked_until_it_is_stopped(
    bench: Bench, driver: Driver, kind: str
) -> None:
    """dash knows no `63>&-`, so the shell that closes it is bash."""
    text = ORPHANS[kind].replace("sh -c 'echo $$ >pid; exec 63", "bash -c 'echo $$ >pid; exec 63")
    conductor = driver(f"bench.sh({text!r})")
    pid = int(until(lambda: (bench.root / "pid").exists() and (bench.root / "pid").read_text()))
    conductor.kill()
    conductor.wait()
    assert bench.lease.is_held()
    assert pid in [one.pid for one in bench.lease.holders() or []]
    assert str(pid) in refused(bench.lease).message
    assert stop_orphans(bench.lease, 1)
    assert not is_alive(pid)
    assert not bench.lease.is_held()
    bench.lease.take(**TAKEN).close()


def test_orphans_that_ignore_term_are_killed_after_the_grace(bench: Bench, driver: Driver) -> None:
    conductor = driver("bench.sh(\"trap '' TERM; echo $$ >pid; while :; do sleep 1; done\")")
    pid = int(until(lambda: (bench.root / "pid").exists() and (bench.root / "pid").read_text()))
    conductor.kill()
    conductor.wait()
    assert stop_orphans(bench.lease, 0.2)
    assert not is_alive(pid)


def test_a_mark_of_a_process_that_is_gone_stops_nobody(bench: Bench) -> None:
    bench.lock  # noqa: B018
    mark = {"boot_id": boot_id(), "pid": os.getpid(), "start": 1}
    bench.lease.file("0.1.start").write_text(json.dumps(mark))
    bench.close()
    assert stop_orphans(bench.lease, 0)


def test_what_the_record_holds_is_no_prove_of_life_without_its_start(bench: Bench) -> None:
    bench.lease.take(**TAKEN).close()
    text = bench.lease.file("lock").read_text()
    assert bench.lease.conductor().pid == os.getpid()
    start = str(bench.lease.record().start)
    bench.lease.file("lock").write_text(text.replace(start, start + "1"))
    assert bench.lease.conductor() is None


def test_the_position_is_kept_and_rewritten_in_place(bench: Bench) -> None:
    assert bench.lease.position() is None
    bench.lease.write_position(Position("ab" * 32), sync=True)
    assert bench.lease.position() == Position("ab" * 32, None, None)
    inode = bench.lease.file("json").stat().st_ino
    bench.lease.write_position(Position("ab" * 32, 10_000, "cd" * 16))
    bench.lease.write_position(Position("ab" * 32, 7, "ef" * 16))
    assert bench.lease.position() == Position("ab" * 32, 7, "ef" * 16)
    assert bench.lease.file("json").stat().st_ino == inode


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"steps_sha256": 1}'])
def test_a_file_that_does_not_parse_counts_as_none(bench: Bench, text: str) -> None:
    bench.lock  # noqa: B018
    for suffix in ("json", "request", "lock"):
        bench.lease.file(suffix).write_text(text)
    assert bench.lease.position() is bench.lease.asked() is bench.lease.record() is None


def test_a_request_reaches_a_living_conductor(bench: Bench, driver: Driver) -> None:
    conductor = driver(
        """
        lock = bench.lock
        with runner.listening() as signals:
            asked = lambda number: bool(print(number, bench.lease.asked().verb, flush=True))
            print(bench.sh("sleep 0.5; exit 3", signals=signals, cancel=asked).exit_code)
        """
    )
    until(lambda: bench.lease.file("0.1.start").exists())
    assert bench.lease.ask(Request("hold", "ann", "for lunch"))
    assert conductor.stdout.read() == f"{int(signal.SIGTERM)} hold\n3\n"
    assert bench.lease.asked() == Request("hold", "ann", "for lunch")
    bench.lease.answered()
    assert bench.lease.asked() is None


def test_a_request_to_nobody_says_so(bench: Bench) -> None:
    assert not bench.lease.ask(Request("abort", "ann"))


def test_a_run_of_the_same_name_in_another_clone_is_another(
    bench: Bench, driver: Driver, tmp_path: Path
) -> None:
    driver("bench.sh('echo $$ >pid; exec sleep 30')")
    pid = int(until(lambda: (bench.root / "pid").exists() and (bench.root / "pid").read_text()))
    elsewhere = Lease(tmp_path, RUN)
    assert not elsewhere.is_held()
    assert stop_orphans(elsewhere, 0)
    assert is_alive(pid)


def test_a_wrapped_command_names_its_run_in_every_clone(bench: Bench, tmp_path: Path) -> None:
    run = "20261120t101130z-wrappd"
    with subprocess.Popen(["sleep", "30"], env={**os.environ, "PLATFORMSTATE_RUN": run}) as child:
        mine = Lease(tmp_path, run).is_held()
        asked = "import sys; from pathlib import Path; from platformstate.runner import Lease; "
        asked += f"print(Lease(Path({str(tmp_path)!r}), {run!r}).is_held())"
        others = subprocess.run(
            [sys.executable, "-c", asked],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
        )
        child.kill()
    assert (mine, others.stdout) == (False, "True\n")


def test_a_job_run_is_named_by_job_and_run(bench: Bench) -> None:
    lease = Lease(bench.common, "nightly/20261120t101130z")
    assert lease.file("lock").name == "nightly.20261120t101130z.lock"


def test_clearing_a_run_leaves_its_lock_and_its_neighbours(bench: Bench) -> None:
    bench.sh("exit 0")
    other = Lease(bench.common, f"{RUN}.other")
    other.write_position(Position("ab"))
    bench.lease.write_position(Position("ab"))
    bench.lease.clear()
    left = sorted(path.name for path in bench.lease.folder.iterdir())
    assert left == [f"{RUN}.json", f"{RUN}.lock", f"{RUN}.other.json"]
