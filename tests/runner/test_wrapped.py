"""A command in our place: its streams, its signals, its lock, and a terminal whose keys reach both."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from platformstate.runner import Lease
from platformstate.runner.processes import processes

RUN = "20261120t101130z-7fq2ka"
WITHIN_S = 20.0
# A wrapper as small as one can be; it writes what it saw to a file, since its streams are the command's.
WRAPPER = """
import json, sys
from pathlib import Path
from platformstate.runner import Lease, Names, wrapping
if "handled" in sys.argv[2]:
    import signal
    del signal.sigtimedwait
place = Path(sys.argv[1])
lease = Lease(place / "git", "20261120t101130z-7fq2ka")
with lease.take(host="here", since="2026-11-20T10:11:30Z", command="wrapper") as lock:
    names = Names(lease.run, "gh-460", "codex")
    cwd = place / "there" if "there" in sys.argv[2] else None
    with wrapping(sys.argv[3:], names, lock, cwd=cwd, stdout_to_stderr="json" in sys.argv[2]) as wrapped:
        while not wrapped.wait(5.0):
            (place / "heard").write_text(json.dumps(wrapped.heard))
(place / "said.new").write_text(json.dumps([wrapped.exit_code, wrapped.heard]))
(place / "said.new").rename(place / "said")
"""


class Place:
    """Where one wrapper works, and the wrappers that were started there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "git").mkdir()
        (root / "there").mkdir()
        self.lease = Lease(root / "git", RUN)

    def argv(self, *command: str, how: str = "-") -> list[str]:
        return [sys.executable, "-c", WRAPPER, str(self.root), how, *command]

    def start(self, *command: str, how: str = "-", **given: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.argv(*command, how=how), **given)  # type: ignore[call-overload, no-any-return]  # its many forms

    def run(self, *command: str, how: str = "-", **given: object) -> tuple[int, list[int]]:
        with self.start(*command, how=how, **given) as started:
            started.wait(WITHIN_S)
        return self.said()

    def said(self) -> tuple[int, list[int]]:
        until(lambda: (self.root / "said").exists())
        exit_code, heard = json.loads((self.root / "said").read_text())
        return exit_code, heard

    def file(self, name: str) -> str:
        """Return what a command has written to a file, once it is there."""
        until(lambda: (self.root / name).exists() and (self.root / name).read_text() != "")
        return (self.root / name).read_text().strip()


def until(holds: object) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():  # type: ignore[operator]  # a function without arguments
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for one in made.lease.members():
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 3"), 3),
        (("sh", "-c", "kill -KILL $$"), 137),
        (("/no/such/command",), 127),
        (("/",), 126),
    ],
)
def test_how_a_command_ended_is_numbered_as_a_shell_does(
    place: Place, command: tuple[str, ...], exit_code: int
) -> None:
    assert place.run(*command) == (exit_code, [])


def test_the_streams_are_the_commands_own(place: Place) -> None:
    done = subprocess.run(
        place.argv("sh", "-c", "cat; echo to-err >&2"), input=b"to-out\n", capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"to-out\n", b"to-err\n")


def test_its_output_goes_to_stderr_when_stdout_is_wanted_for_an_answer(place: Place) -> None:
    done = subprocess.run(place.argv("echo", "text", how="json"), capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"text\n")


def test_it_begins_in_the_folder_that_is_named(place: Place) -> None:
    done = subprocess.run(place.argv("pwd", how="there"), capture_output=True, check=True, text=True)
    assert done.stdout.strip() == str((place.root / "there").resolve())


def test_it_stays_in_the_process_group_of_its_wrapper(place: Place) -> None:
    with place.start("sh", "-c", f"ps -o pgid= -p $$ >{place.root}/group", start_new_session=True) as started:
        started.wait(WITHIN_S)
    assert int(place.file("group")) == started.pid


def test_it_finds_its_run_in_its_environment_and_what_python_ignores_it_does_not(place: Place) -> None:
    script = "echo $PLATFORMSTATE_RUN $PLATFORMSTATE_TASK $PLATFORMSTATE_ACTOR; grep SigIgn /proc/self/status"
    done = subprocess.run(place.argv("sh", "-c", script), capture_output=True, check=True, text=True)
    names, ignored = done.stdout.splitlines()
    assert names == f"{RUN} gh-460 codex"
    assert int(ignored.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_a_signal_that_was_ignored_stays_ignored(place: Place) -> None:
    argv = ["nohup", *place.argv("sh", "-c", "kill -HUP $$; echo still here")]
    done = subprocess.run(argv, capture_output=True, check=True, text=True, stdin=subprocess.DEVNULL)
    assert "still here" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("how", ["-", "handled"])
def test_a_signal_of_another_process_is_passed_on(place: Place, number: int, how: str) -> None:
    script = f"echo up >{place.root}/up; exec sleep 30"
    with place.start("sh", "-c", script, how=how, start_new_session=True) as started:
        place.file("up")
        started.send_signal(number)
        started.wait(WITHIN_S)
    assert place.said() == (128 + number, [number])


def test_a_command_may_survive_what_is_passed_on(place: Place) -> None:
    waits = f"while [ ! -e {place.root}/got ]; do sleep 0.05; done; exit 4"
    script = f"trap 'echo got >{place.root}/got' TERM; echo up >{place.root}/up; {waits}"
    with place.start("sh", "-c", script) as started:
        place.file("up")
        started.send_signal(signal.SIGTERM)
        started.wait(WITHIN_S)
    assert place.said() == (4, [signal.SIGTERM])


class OnTerminal:
    """A wrapper as the foreground of a terminal of its own, whose keys we press."""

    def __init__(self, argv: list[str]) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], argv)

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def read(self) -> bytes:
        with suppress(OSError):  # the other side is closed
            return os.read(self.master, 4096)
        return b""

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        os.close(self.master)


COUNTS = """
import signal, sys, time
came = []
signal.signal(signal.SIGINT, lambda *_: came.append(1))
open(sys.argv[1] + "/up", "w").write("up")
while not came: time.sleep(0.01)
time.sleep(0.5)
open(sys.argv[1] + "/count", "w").write(str(len(came)))
sys.exit(int(sys.argv[2]))
"""


@pytest.mark.parametrize("how", ["-", "handled"])
def test_10_13_ctrl_c_reaches_a_surviving_command_once(place: Place, how: str) -> None:
    terminal = OnTerminal(place.argv(sys.executable, "-c", COUNTS, str(place.root), "0", how=how))
    place.file("up")
    terminal.press(b"\x03")
    assert place.said() == (0, [signal.SIGINT])
    assert place.file("count") == "1"
    assert terminal.wait() == 0
    terminal.close()


def test_ctrl_c_ends_a_command_that_does_not_mind_it(place: Place) -> None:
    script = f"echo up >{place.root}/up; exec sleep 30"
    terminal = OnTerminal(place.argv("sh", "-c", script))
    place.file("up")
    terminal.press(b"\x03")
    assert place.said() == (130, [signal.SIGINT])
    terminal.wait()
    terminal.close()


def test_the_terminal_is_the_commands(place: Place) -> None:
    script = f"test -t 0 && test -t 1 && test -t 2 && read -r line && echo $line >{place.root}/line"
    terminal = OnTerminal(place.argv("sh", "-c", script))
    terminal.press(b"typed\n")
    assert place.file("line") == "typed"
    assert place.said() == (0, [])
    terminal.wait()
    terminal.close()


def test_10_02_the_lock_is_held_as_long_as_the_command_lives(place: Place) -> None:
    script = f"echo $$ >{place.root}/pid; exec sleep 30"
    started = place.start("sh", "-c", script)
    command = int(place.file("pid"))
    assert place.lease.is_held()
    started.kill()
    started.wait()
    assert place.lease.is_held()
    assert [one.pid for one in place.lease.holders() or []] == [command]
    os.kill(command, signal.SIGKILL)
    until(lambda: not place.lease.is_held())


DAEMON = """
import os, sys, time
if os.fork(): sys.exit(0)
os.setsid()
os.closerange(3, 256)
open(sys.argv[1] + "/pid", "w").write(str(os.getpid()))
time.sleep(30)
"""


def test_10_02_a_grandchild_that_closed_the_lock_keeps_the_run_alive(place: Place) -> None:
    launcher = f"{sys.executable} -c '{DAEMON}' {place.root}; sleep 30"
    started = place.start("sh", "-c", launcher)
    grandchild = int(place.file("pid"))
    shell = [one.pid for one in processes() if one.parent == started.pid]
    for pid in (started.pid, *shell):
        os.kill(pid, signal.SIGKILL)
    started.wait()
    for one in place.lease.members():
        if one.pid != grandchild:
            os.kill(one.pid, signal.SIGKILL)  # the launcher's own sleep
    until(lambda: [one.pid for one in place.lease.members()] == [grandchild])
    assert place.lease.is_held()
    os.kill(grandchild, signal.SIGKILL)
    until(lambda: not place.lease.is_held())
