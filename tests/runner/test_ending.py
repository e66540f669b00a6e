"""A conductor of its own process: nothing that it started is lost, whatever it does to hide."""

from __future__ import annotations

import pytest

from tests.runner.bench import Bench
from tests.runner.conftest import Driver, is_alive, until

HIDING = {
    "a daemon": "(setsid sh -c 'echo $$ >>pid; exec sleep 30' &)",
    "a daemon without descriptors": "(setsid sh -c 'echo $$ >>pid; exec sleep 30' </dev/null >/dev/null 2>&1 &)",
    "a daemon without its environment": "(env -i setsid sh -c 'echo $$ >>pid; exec sleep 30' &)",
    "one without anything": "(env -i setsid bash -c 'echo $$ >>pid; exec 63>&- >&- 2>&-; exec sleep 30' </dev/null &)",
    "one that ignores TERM": "(setsid sh -c \"trap '' TERM HUP; echo \\$\\$ >>pid; while :; do sleep 1; done\" &)",
    "two generations": "(setsid sh -c \"setsid sh -c 'echo \\$\\$ >>pid; exec sleep 30' & echo \\$\\$ >>pid; exec sleep 30\" &)",
}
LEFT = {kind: 2 if kind == "two generations" else 1 for kind in HIDING}
CONDUCT = """
import threading
assert runner.become_subreaper()

def interrupt(pids, count):
    while not pids.exists() or len(pids.read_text().split()) < count:
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGTERM)

def conduct(index, text, count, is_interrupted):
    place = bench.root / f"step{index}"
    place.mkdir()
    pids = place / "pid"
    if is_interrupted:
        threading.Thread(target=interrupt, args=(pids, count)).start()
        text += "; sleep 30"
    text += f"; until [ -s pid ] && [ $(wc -l <pid) -ge {count} ]; do :; done"
    with runner.listening() as signals:
        ended = bench.sh(text, index=index, cwd=place, grace_s=0.2, signals=signals)
    print(ended.outcome, ended.leftovers >= count, ended.alive, flush=True)
"""


@pytest.mark.parametrize("is_interrupted", [False, True], ids=["exit", "interrupted"])
def test_a_subreaper_finds_everything_that_is_left(
    bench: Bench, driver: Driver, is_interrupted: bool
) -> None:
    calls = [
        f"conduct({index}, {text!r}, {LEFT[kind]}, {is_interrupted})"
        for index, (kind, text) in enumerate(HIDING.items())
    ]
    conductor = driver("\n".join([CONDUCT, *calls]))
    assert conductor.stdout is not None
    outcome = "cancelled" if is_interrupted else "exited"
    assert conductor.stdout.read() == f"{outcome} True ()\n" * len(HIDING)
    for index, count in enumerate(LEFT.values()):
        pids = [int(line) for line in (bench.root / f"step{index}/pid").read_text().split()]
        assert len(pids) == count
        assert not [pid for pid in pids if is_alive(pid)]


def test_a_subreaper_leaves_its_older_children_alone(bench: Bench, driver: Driver) -> None:
    conductor = driver(
        """
        import subprocess
        older = subprocess.Popen(["sleep", "30"])
        runner.become_subreaper()
        ended = bench.sh("(setsid sleep 30 &) ; exit 0", grace_s=0.2)
        print(ended.leftovers, older.poll())
        older.kill()
        """
    )
    assert conductor.stdout is not None
    assert conductor.stdout.read() == "1 None\n"


def test_a_subreaper_leaves_no_dead_children_behind(bench: Bench, driver: Driver) -> None:
    conductor = driver(
        """
        runner.become_subreaper()
        for index in range(3):
            bench.sh("(setsid sleep 0.01 &) ; (setsid sleep 30 &) ; sleep 0.05", index=index, grace_s=0.1)
        try:
            print(os.waitpid(-1, os.WNOHANG))
        except ChildProcessError:
            print("none")
        """
    )
    assert conductor.stdout is not None
    assert conductor.stdout.read() == "none\n"


def test_an_interrupted_conductor_takes_its_step_along(bench: Bench, driver: Driver) -> None:
    import signal

    conductor = driver("bench.sh('echo $$ >pid; exec sleep 30')")
    pid = int(until(lambda: (bench.root / "pid").exists() and (bench.root / "pid").read_text()))
    conductor.send_signal(signal.SIGINT)
    conductor.wait()
    assert not is_alive(pid)


def test_the_child_outlives_a_killed_conductor_and_leaves_its_receipt(bench: Bench, driver: Driver) -> None:
    conductor = driver("bench.sh('sleep 0.5; echo done >>effect; exit 7')")
    until(lambda: bench.lease.file("0.1.start").exists())
    conductor.kill()
    conductor.wait()
    assert bench.lease.is_held()
    until(lambda: not bench.lease.is_held())
    assert '"exit_code":7,' in bench.lease.file("0.1.receipt").read_text()
    assert (bench.root / "effect").read_text() == "done\n"


def test_a_failpoint_kills_the_conductor_while_the_child_lives_on(bench: Bench, driver: Driver) -> None:
    conductor = driver(
        """
        die = lambda: os.kill(os.getpid(), signal.SIGKILL)
        bench.sh("sleep 0.4; echo done >effect", points={"conduct.spawned": die})
        """
    )
    assert conductor.wait() == -9
    assert bench.lease.is_held()
    until(lambda: bench.lease.file("0.1.receipt").exists())
    assert (bench.root / "effect").exists()
