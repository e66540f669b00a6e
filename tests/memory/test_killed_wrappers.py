"""A wrapper that dies at each of its points, or while it writes; and whoever comes next."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from platformstate.actions.agent_task_end import EndRequest, record_end
from platformstate.actions.agent_task_watch import Watch
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from platformstate.policy.wrapping import Ending
from platformstate.store import failpoints
from tests.memory.conftest import Memory
from tests.memory.wrapping import PLAN, is_alive, journal, number_in, start, types, until, wrap
from tests.memory.wrapping import same_day as same_day

WRAPPED = [name for name in failpoints.NAMES if name.startswith("wrap.")]
WRITING = (
    "store.intent-durable",
    "store.file-between",
    "store.files-durable",
    "store.claim-before",
    "store.claim-written",
    "store.index-renamed",
    "store.ref-before",
    "store.ref-moved",
)


def killed(point: str, act: Callable[[], object]) -> None:
    """Let a process of its own do something, and see it die at a point."""
    pid = os.fork()
    if pid == 0:
        os.environ["PLATFORMSTATE_FAILPOINT"] = point
        try:
            act()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def only_run(memory: Memory) -> dict[str, object]:
    [run] = memory.show()["runs"]
    return dict(run)


def taken_over(memory: Memory, run: str) -> None:
    """See another agent go on from a dead run, with nothing left over."""
    data = start(memory, "claude")
    ended = {row["id"]: row for row in memory.show()["runs"]}
    assert (ended[run]["status"], ended[run]["reason"]) == ("aborted", "crashed")
    assert (ended[data["run"]]["rescues"], data["fence"]) == (run, 2)
    assert not validate_state(str(memory.repo.root), Wish()).data["problems"]


@pytest.mark.parametrize("point", ["wrap.claimed", "wrap.ended"])
def test_a_wrapper_that_died_without_a_living_command_leaves_a_crashed_run(
    memory: Memory, point: str
) -> None:
    memory.create(plan=PLAN)
    killed(point, lambda: wrap(memory, "touch ran"))
    assert (memory.repo.root / "ran").exists() == (point == "wrap.ended")
    run = only_run(memory)
    assert (run["status"], run["condition"]) == ("running", "crashed")
    taken_over(memory, str(run["id"]))


def test_10_02_a_wrapper_that_died_before_its_command_leaves_a_living_run(memory: Memory) -> None:
    memory.create(plan=PLAN)
    up = memory.repo.root / "up"
    killed("wrap.spawned", lambda: wrap(memory, f"echo $$ > {up}; exec sleep 60"))
    run, command, head = only_run(memory), number_in(up), memory.head()
    assert (run["status"], run["condition"]) == ("running", None)
    with pytest.raises(StateError) as alive:
        start(memory, "claude")
    assert alive.value.code == "claim_held"
    assert memory.head() == head
    os.kill(command, signal.SIGKILL)
    until(lambda: not is_alive(command))
    taken_over(memory, str(run["id"]))


def test_a_wrapper_that_died_with_its_end_recorded_leaves_nothing_to_do(memory: Memory) -> None:
    memory.create(plan=PLAN)
    killed("wrap.recorded", lambda: wrap(memory, "true"))
    assert only_run(memory)["status"] == "succeeded"
    assert memory.repo.git("status", "--porcelain") == ""


def test_a_wrapper_that_died_before_an_automatic_checkpoint_has_written_nothing(memory: Memory) -> None:
    memory.create(plan=PLAN)
    run = str(start(memory)["run"])

    def look() -> None:
        watch = Watch(memory.store(), memory.store, "gh-460", run, 10**6)
        memory.repo.write("src/a.py", "a = 2\n")
        memory.repo.git("commit", "-q", "-m", "Change a", "src/a.py")
        watch.look()

    killed("wrap.noticed", look)
    assert len(list((memory.repo.root / f"state/tasks/gh-460/runs/{run}/checkpoints").iterdir())) == 1
    assert memory.repo.git("status", "--porcelain") == ""


def test_every_point_of_a_wrapper_is_one_at_which_a_test_kills_it() -> None:
    assert WRAPPED == ["wrap.claimed", "wrap.spawned", "wrap.noticed", "wrap.ended", "wrap.recorded"]


@pytest.mark.parametrize("point", WRITING)
def test_an_end_that_was_killed_while_it_was_written_is_whole_after_the_next_write(
    memory: Memory, point: str
) -> None:
    memory.create(plan=PLAN)
    run = str(start(memory)["run"])
    memory.say(None, step="a=begun")
    request = EndRequest(Ending("failed", "command_failed", 7))
    killed(point, lambda: record_end(memory.store(), "gh-460", run, request))
    memory.update(priority="p1")
    assert only_run(memory)["status"] == "failed"
    assert types(memory, run)[-1] == "RunFailed"
    assert journal(memory, run)[-1]["exit_code"] == 7
    lease = memory.store().session.claims.of("gh-460")
    assert lease is not None
    assert lease.released_at is not None
    assert memory.show()["task"]["status"] == "ready"
    assert memory.repo.git("status", "--porcelain") == ""
    assert not validate_state(str(memory.repo.root), Wish()).data["problems"]


@pytest.mark.parametrize(
    "point", ["store.intent-durable", "store.file-between", "store.claim-before", "store.ref-before"]
)
def test_a_start_that_was_killed_while_it_was_written_is_a_crashed_run_after_the_next_write(
    memory: Memory, point: str
) -> None:
    memory.create(plan=PLAN)
    killed(point, lambda: wrap(memory, "touch ran"))
    memory.create("gh-461")
    run = only_run(memory)
    assert (run["status"], run["condition"]) == ("running", "crashed")
    assert not (memory.repo.root / "ran").exists()
    taken_over(memory, str(run["id"]))
