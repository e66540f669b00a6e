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

UNKILLED_EVERY = 8  # now and then a writer is let alone: it has to end well at once


def kill_at_random(repo: Repo, writers: Writers, trials: int, seed: int) -> tuple[int, int]:
    """Kill writers, half of them with all children; return how many ended by themselves and not."""
    make_store(repo, "gh-1")
    repo.write("src/main.py", "staged by a person\n")
    repo.git("add", "src/main.py")
    chosen = random.Random(seed)
    acknowledged, killed, usual_s = [], 0, 0.1
    for number in range(trials):
        began = time.monotonic()
        writer = writers.start(repo.root, "checkpoint", task="gh-1", id=new_id(number))
        if number % UNKILLED_EVERY == 0:
            assert writer.wait() == 0, writer.answer
            usual_s = time.monotonic() - began
            acknowledged.append(number)
            continue
        time.sleep(chosen.random() * usual_s * 1.5)
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


@pytest.mark.slow
def test_60_04_random_kills_lose_nothing(repo: Repo, writers: Writers) -> None:
    _, killed = kill_at_random(repo, writers, 60, seed=7)
    assert killed > 10


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_60_04_a_thousand_random_kills_lose_nothing(seed: int, repo: Repo, writers: Writers) -> None:
    acknowledged, killed = kill_at_random(repo, writers, 250, seed)
    assert killed > 50
    assert acknowledged > 250 // UNKILLED_EVERY
