"""A writer that dies at each named point, and the next one that needs no help (60 §14, 3)."""

from __future__ import annotations

import signal

import pytest

from platformstate.store import failpoints
from tests.conftest import Repo
from tests.crash.conftest import Writers
from tests.store.records import (
    checkpoint_path,
    checkpoint_text,
    held_files,
    make_store,
    new_id,
    opened,
    update_task,
    write_checkpoint,
)

ORDER = [name for name in failpoints.NAMES if name.startswith("store.")]
SOMETIMES = ("store.recover", "store.file-between", "store.claim-before", "store.claim-written")
ALWAYS = [name for name in ORDER if name not in SOMETIMES]
DURABLE_FROM = ORDER.index("store.intent-durable")
IN_HEAD_FROM = ORDER.index("store.done")


def at_head(repo: Repo, path: str) -> str | None:
    return repo.git("show", f"HEAD:{path}", check=False) or None


@pytest.mark.parametrize("name", ALWAYS)
def test_60_03_killed_at_a_failpoint_the_next_checkpoint_recovers(
    name: str, repo: Repo, writers: Writers
) -> None:
    make_store(repo, "gh-1")
    repo.write("src/main.py", "staged\n")
    repo.git("add", "src/main.py")
    killed, following = new_id(1), new_id(2)

    writer = writers.start(repo.root, "checkpoint", {"PLATFORMSTATE_FAILPOINT": name}, task="gh-1", id=killed)
    assert writer.wait() == -signal.SIGKILL
    written = write_checkpoint(opened(repo), "gh-1", following)

    assert written.state == "committed"
    assert at_head(repo, checkpoint_path("gh-1", following))
    is_durable = ORDER.index(name) >= DURABLE_FROM
    found = at_head(repo, checkpoint_path("gh-1", killed))
    assert found == (checkpoint_text("gh-1", killed, "words").decode() if is_durable else None)
    assert (repo.root / checkpoint_path("gh-1", killed)).exists() == is_durable
    was_settled_before = ORDER.index(name) >= IN_HEAD_FROM
    assert written.recovered == int(is_durable and not was_settled_before)
    assert held_files(repo) == []
    assert repo.git("status", "--porcelain") == "M  src/main.py\n"
    assert repo.git("fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize("name", ALWAYS)
def test_60_03_killed_in_a_change_under_the_lock_leaves_the_old_or_the_new_task(
    name: str, repo: Repo, writers: Writers
) -> None:
    make_store(repo, "gh-1")
    writer = writers.start(
        repo.root, "update", {"PLATFORMSTATE_FAILPOINT": name}, task="gh-1", title="second"
    )
    assert writer.wait() == -signal.SIGKILL
    # Under the lock the intent comes after it, so only what stands from there on has happened.
    happened = ORDER.index(name) >= DURABLE_FROM and name != "store.locked"
    assert update_task(opened(repo), "gh-1", "third").state == "committed"
    history = repo.git("log", "--format=%s", "-p", "--", "state/tasks/gh-1/task.md")
    assert ("+title: second" in history) == happened
    assert "+title: third" in history
    assert held_files(repo) == []
    assert repo.git("status", "--porcelain") == ""


def test_60_03_killed_while_recovering_the_third_writer_recovers(repo: Repo, writers: Writers) -> None:
    make_store(repo, "gh-1")
    for number, name in enumerate(("store.file-renamed", "store.recover")):
        writer = writers.start(
            repo.root, "checkpoint", {"PLATFORMSTATE_FAILPOINT": name}, task="gh-1", id=new_id(number)
        )
        assert writer.wait() == -signal.SIGKILL
    written = write_checkpoint(opened(repo), "gh-1", new_id(2))
    assert written.recovered == 2
    assert all(at_head(repo, checkpoint_path("gh-1", new_id(number))) for number in range(3))
    assert held_files(repo) == []


def test_60_03_killed_between_two_files_both_are_there_after_the_next_write(
    repo: Repo, writers: Writers
) -> None:
    make_store(repo, "gh-1")
    for number in (1, 2):
        killed = writers.start(
            repo.root,
            "checkpoint",
            {"PLATFORMSTATE_FAILPOINT": "store.intent-durable"},
            task="gh-1",
            id=new_id(number),
        )
        assert killed.wait() == -signal.SIGKILL
    between = writers.start(
        repo.root, "checkpoint", {"PLATFORMSTATE_FAILPOINT": "store.file-between"}, task="gh-1", id=new_id(3)
    )
    assert between.wait() == -signal.SIGKILL
    assert write_checkpoint(opened(repo), "gh-1", new_id(4)).recovered == 3
    assert all(at_head(repo, checkpoint_path("gh-1", new_id(number))) for number in (1, 2, 3, 4))


def test_60_03_a_counted_failpoint_fires_at_that_time_only(repo: Repo, writers: Writers) -> None:
    make_store(repo, "gh-1")
    unreached = writers.start(
        repo.root, "checkpoint", {"PLATFORMSTATE_FAILPOINT": "store.locked@2"}, task="gh-1", id=new_id(1)
    )
    assert unreached.wait() == 0


@pytest.mark.parametrize("asked", ["store.nowhere", "store.start@0", "store.start@x", "conduct.pin", "@"])
def test_a_failpoint_that_does_not_exist_is_refused(asked: str, repo: Repo, writers: Writers) -> None:
    make_store(repo, "gh-1")
    writer = writers.start(
        repo.root, "checkpoint", {"PLATFORMSTATE_FAILPOINT": asked}, task="gh-1", id=new_id(1)
    )
    assert writer.wait() == 2
    assert writer.answer["code"] == "failpoint_unknown"


@pytest.mark.parametrize(
    "name", ["store.intent-durable", "store.file-temp", "store.file-renamed", "store.files-durable"]
)
def test_60_03_killed_with_no_commit_the_file_is_written_and_the_commit_stays_the_persons(
    name: str, repo: Repo, writers: Writers
) -> None:
    make_store(repo, "gh-1")
    writer = writers.start(
        repo.root,
        "checkpoint",
        {"PLATFORMSTATE_FAILPOINT": name},
        task="gh-1",
        id=new_id(1),
        settings={"commit": False},
    )
    assert writer.wait() == -signal.SIGKILL
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    path = checkpoint_path("gh-1", new_id(1))
    assert (repo.root / path).read_bytes() == checkpoint_text("gh-1", new_id(1), "words")
    assert at_head(repo, path) is None
    assert held_files(repo) == []
