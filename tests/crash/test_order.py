"""Power loss leaves the old or the new record: what is waited for before and after each rename (60 §1, P2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from platformstate.core import places
from platformstate.gitrepo.children import FLAGS
from tests.conftest import Repo
from tests.forking import HOME
from tests.store.records import checkpoint_path, make_store, new_id


def calls(repo: Repo, durability: str) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.recorder", str(repo.root)],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PLATFORMSTATE_DURABILITY": durability},
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_60_p2_no_rename_without_an_fsync_of_the_file_before_and_of_its_folder_after(repo: Repo) -> None:
    made = calls(make_store(repo, "gh-1"), "full")
    renamed = [(number, call[1], call[2]) for number, call in enumerate(made) if call[0] == "rename"]
    control = str(repo.root / ".git" / "platformstate")
    index = str(repo.root / ".git" / "index")
    for number, old, new in renamed:
        synced_before = {call[1] for call in made[:number] if call[0] == "fsync"}
        synced_after = {call[1] for call in made[number:] if call[0] == "fsync"}
        # git itself waited for the index's content, and for the objects and the ref.
        assert old in synced_before or new == index, (old, new)
        assert os.path.dirname(new) in synced_after, (old, new)
    wanted = [checkpoint_path("gh-1", new_id(1)), places.task_path("gh-1")]
    assert [new for _, _, new in renamed if "/state/" in new] == [str(repo.root / path) for path in wanted]
    assert sum(new.startswith(f"{control}/journal/") for _, _, new in renamed) == 2
    last_rename = max(number for number, _, _ in renamed)
    branches = str(repo.root / ".git" / "refs" / "heads")
    assert ["fsync", branches] in made[last_rename:]
    assert "core.fsync=added" in FLAGS


def test_60_p2_every_new_folder_is_waited_for_in_the_one_above(repo: Repo) -> None:
    made = calls(make_store(repo, "gh-1"), "full")
    synced = {call[1] for call in made if call[0] == "fsync"}
    folder = os.path.dirname(str(repo.root / checkpoint_path("gh-1", new_id(1))))
    assert folder in synced
    assert os.path.dirname(folder) in synced


@pytest.mark.parametrize("durability", ["fast"])
def test_fast_waits_for_nothing(durability: str, repo: Repo) -> None:
    assert [call for call in calls(make_store(repo, "gh-1"), durability) if call[0] == "fsync"] == []
