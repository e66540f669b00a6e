"""Writers killed at random instants: every acknowledged record is in HEAD, whole (60 §14, 4)."""

from __future__ import annotations

import random
import time

import pytest

from tests.conftest import Repo
from tests.crash.conftest import Writers
from tests.store.records import (
    checkpoint_path,
    checkpoint_text,
    held_files,
    make_store,
    new_id,
    opened,
    write_checkpoint,
)

LONGEST_S = 0.09


def kill_at_random(repo: Repo, writers: Writers, trials: int, seed: int) -> tuple[int, int]:
    """Kill writers, half of them with all children; return how many ended by themselves and not."""
    make_store(repo, "gh-1")
    repo.write("src/main.py", "staged by a person\n")
    repo.git("add", "src/main.py")
    chosen = random.Random(seed)
    acknowledged, killed = [], 0
    for number in range(trials):
        writer = writers.start(repo.root, "checkpoint", task="gh-1", id=new_id(number))
        time.sleep(chosen.random() * LONGEST_S)
        writer.kill_family() if number % 2 else writer.kill()
        end = writer.wait()
        assert end in (0, -9), writer.answer
        if end == 0:
            acknowledged.append(number)
        else:
            killed += 1
    last = write_checkpoint(opened(repo), "gh-1", new_id(trials))
    assert last.state == "committed"

    at_head = set(repo.git("ls-tree", "-r", "--name-only", "HEAD", "state/tasks").splitlines())
    assert {checkpoint_path("gh-1", new_id(number)) for number in acknowledged} <= at_head
    for number in range(trials):
        path = checkpoint_path("gh-1", new_id(number))
        on_disk = repo.root / path
        assert on_disk.exists() == (path in at_head)
        assert not on_disk.exists() or on_disk.read_bytes() == checkpoint_text(
            "gh-1", new_id(number), "words"
        )
    assert repo.git("fsck", "--strict", "--no-dangling") == ""
    assert held_files(repo) == []
    assert repo.git("status", "--porcelain") == "M  src/main.py\n"
    return len(acknowledged), killed


def test_60_04_a_hundred_random_kills_lose_nothing(repo: Repo, writers: Writers) -> None:
    _, killed = kill_at_random(repo, writers, 100, seed=7)
    assert killed > 20


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_60_04_a_thousand_random_kills_lose_nothing(seed: int, repo: Repo, writers: Writers) -> None:
    acknowledged, killed = kill_at_random(repo, writers, 250, seed)
    assert killed > 50
    assert acknowledged > 5
