"""What is recorded while a wrapped command runs, without a word of the agent's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from platformstate.actions.agent_task_watch import Watch
from platformstate.actions.validate import Wish, validate_state
from tests.memory.conftest import Memory
from tests.memory.wrapping import PLAN, commits, start
from tests.memory.wrapping import same_day as same_day

LATE, SELDOM = 0, 10**6


def watch(memory: Memory, run: str, interval_s: int | None = SELDOM) -> Watch:
    return Watch(memory.store(), memory.store, "gh-460", run, interval_s)


def begun(memory: Memory) -> str:
    memory.create(plan=PLAN)
    return str(start(memory)["run"])


def checkpoints(memory: Memory, run: str) -> list[str]:
    folder = memory.repo.root / f"state/tasks/gh-460/runs/{run}/checkpoints"
    return [path.read_text() for path in sorted(folder.iterdir())]


def in_head(memory: Memory, run: str) -> int:
    listed = memory.repo.git(
        "ls-tree", "-r", "--name-only", "HEAD", f"state/tasks/gh-460/runs/{run}/checkpoints"
    )
    return len(listed.splitlines())


def claim(memory: Memory) -> dict[str, Any]:
    file = memory.repo.root / ".git/platformstate/claims/gh-460.json"
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_a_commit_of_the_agents_own_is_recorded_with_its_files_and_renews_the_claim(memory: Memory) -> None:
    run = begun(memory)
    watched, before = watch(memory, run), claim(memory)["expires_at"]
    memory.repo.write("src/a.py", "a = 2\n")
    work = memory.repo.commit("Change a")
    watched.look()
    said = checkpoints(memory, run)
    assert len(said) == 2 == in_head(memory, run)
    assert f"ref: {work}" in said[1].replace('"', "")
    for line in (
        "kind: progress",
        "author: codex",
        "basis: observed_artifact",
        "confidence: verified",
        "src/a.py",
    ):
        assert line in said[1]
    assert "observer" not in said[1]
    assert claim(memory)["expires_at"] > before
    assert not validate_state(str(memory.repo.root), Wish()).data["problems"]


def test_our_own_commits_are_no_movement(memory: Memory) -> None:
    run = begun(memory)
    watched = watch(memory, run)
    memory.repo.write("src/a.py", "a = 2\n")
    memory.say("first")
    head = memory.head()
    watched.look()
    assert memory.head() == head
    assert len(checkpoints(memory, run)) == 2


def test_the_checkpoint_of_a_movement_is_no_movement_itself(memory: Memory) -> None:
    run = begun(memory)
    watched = watch(memory, run)
    memory.repo.write("src/a.py", "a = 2\n")
    memory.repo.commit("Change a")
    watched.look()
    head = memory.head()
    watched.look()
    assert memory.head() == head


@pytest.mark.parametrize(
    ("moves", "more"),
    [("commit -q --amend -m Reworded", 1), ("reset -q --hard HEAD~1", 0), ("switch -q -c other", 1)],
)
def test_a_movement_is_recorded_when_it_brings_a_commit(memory: Memory, moves: str, more: int) -> None:
    run = begun(memory)
    watched = watch(memory, run)
    memory.repo.write("src/a.py", "a = 2\n")
    memory.repo.git("commit", "-q", "-m", "Change a", "src/a.py")
    memory.repo.git(*moves.split())
    watched.look()
    assert len(checkpoints(memory, run)) == 1 + more


def test_an_interval_is_recorded_on_disk_and_committed_by_the_next_command(memory: Memory) -> None:
    run = begun(memory)
    watched = watch(memory, run, LATE)
    memory.repo.write("src/a.py", "a = 2\n")
    head = memory.head()
    watched.look()
    assert (len(checkpoints(memory, run)), in_head(memory, run)) == (2, 1)
    assert memory.head() == head
    memory.update(priority="p1")
    assert in_head(memory, run) == 2
    assert len(commits(memory, head)) == 2


def test_an_interval_waits_for_the_next_movement_of_head(memory: Memory) -> None:
    run = begun(memory)
    watched = watch(memory, run, LATE)
    memory.repo.write("src/a.py", "a = 2\n")
    watched.look()
    memory.repo.git("commit", "-q", "-m", "Change a", "src/a.py")
    watched.look()
    assert in_head(memory, run) == 3


def test_an_interval_in_which_nothing_changed_leaves_no_file_but_renews_the_claim(memory: Memory) -> None:
    run = begun(memory)
    watched, head, before = watch(memory, run, LATE), memory.head(), claim(memory)["expires_at"]
    watched.look()
    assert (memory.head(), len(checkpoints(memory, run))) == (head, 1)
    assert claim(memory)["expires_at"] > before


def test_without_automatic_checkpoints_nothing_is_looked_at(memory: Memory) -> None:
    run = begun(memory)
    watched = watch(memory, run, None)
    memory.repo.write("src/a.py", "a = 2\n")
    head = memory.repo.commit("Change a")
    watched.look()
    assert memory.head() == head


def test_a_merge_under_way_is_waited_for(memory: Memory) -> None:
    run = begun(memory)
    memory.repo.git("switch", "-q", "-c", "other")
    memory.repo.write("src/a.py", "a = 2\n")
    memory.repo.commit("Change a")
    memory.repo.git("switch", "-q", "main")
    memory.repo.write("src/a.py", "a = 3\n")
    memory.repo.commit("Change a otherwise")
    watched = watch(memory, run)
    memory.repo.git("merge", "other", check=False)
    watched.look()
    assert len(checkpoints(memory, run)) == 1
    memory.repo.write("src/a.py", "a = 4\n")
    memory.repo.git("commit", "-q", "-am", "Merge other")
    watched.look()
    assert len(checkpoints(memory, run)) == 2


def test_what_cannot_be_written_is_a_warning_and_no_end(memory: Memory) -> None:
    run = begun(memory)
    watched = watch(memory, run)
    folder = memory.repo.root / "state/tasks/gh-460"
    memory.repo.write("src/a.py", "a = 2\n")
    memory.repo.git("commit", "-q", "-m", "Change a", "src/a.py")
    (folder / "task.md").rename(folder / "elsewhere")
    watched.look()
    assert [warned.code for warned in watched.warnings] == ["task_not_found"]
    (folder / "elsewhere").rename(folder / "task.md")
    memory.repo.git("commit", "-q", "--allow-empty", "-m", "Nothing")
    memory.repo.write("src/a.py", "a = 3\n")
    memory.repo.git("commit", "-q", "-m", "Change a again", "src/a.py")
    watched.look()
    assert watched.warnings == ()
    assert len(checkpoints(memory, run)) == 2


def test_a_run_that_has_ended_is_left_alone(memory: Memory) -> None:
    from tests.memory.wrapping import end

    run = begun(memory)
    watched = watch(memory, run)
    end(memory)
    memory.repo.write("src/a.py", "a = 2\n")
    head = memory.repo.commit("Change a")
    watched.look()
    assert memory.head() == head
    assert watched.warnings == ()


def test_a_wrapped_command_is_looked_at_while_it_runs(memory: Memory) -> None:
    from tests.memory.wrapping import wrap

    memory.create(plan=PLAN)
    count = "ls state/tasks/gh-460/runs/*/checkpoints | wc -l"
    waits = f"for i in $(seq 600); do [ $({count}) -eq 2 ] && exit 0; sleep 0.05; done; exit 1"
    answer = wrap(memory, f"echo 'a = 2' > src/a.py; git commit -q -m 'Change a' src/a.py; {waits}")
    assert (answer.status, answer.data["checkpoints"]) == (0, 3)
    assert "basis: observed_artifact" in checkpoints(memory, answer.data["run"])[1]
