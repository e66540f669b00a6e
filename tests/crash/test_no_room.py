"""A full disk, a limit on sizes, a read-only folder: the old or the new, never half (60 §14, 8)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from platformstate.core import places
from platformstate.entities.kinds import TASK as TASK_KIND
from platformstate.errors import StateError
from tests.conftest import Repo
from tests.crash.conftest import Writers
from tests.store.records import (
    checkpoint_path,
    checkpoint_text,
    held_files,
    make_store,
    new_id,
    opened,
    task_text,
    update_task,
    write_checkpoint,
)

TASK = places.task_path("gh-1")


class SmallDisk:
    """A place with little room: a tmpfs where this user may mount one, else a limit on file sizes."""

    def __init__(self, place: Path, *, mounted: bool) -> None:
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
        self.place = place
        self.is_mounted = mounted and not subprocess.run(mount, capture_output=True, check=False).returncode

    def fill(self, leave_bytes: int) -> dict[str, int]:
        """Leave this much room; return what a writer must be told where no disk was filled."""
        if not self.is_mounted:
            return {"max_file_bytes": leave_bytes}
        free = os.statvfs(self.place)
        size = max(0, free.f_bavail * free.f_frsize - leave_bytes)
        (self.place / "filler").write_bytes(b"\0" * size)
        return {}

    def free(self) -> None:
        (self.place / "filler").unlink(missing_ok=True)

    def end(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.place)], check=True)


@pytest.fixture(params=["disk", "limit"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path / "disk", mounted=request.param == "disk")
    yield made
    made.end()


def small_repository(disk: SmallDisk) -> Repo:
    root = disk.place / "repo"
    root.mkdir()
    repo = Repo(root)
    repo.git("init", "-q", "-b", "main")
    shutil.rmtree(root / ".git" / "hooks")
    return make_store(repo, "gh-1")


@pytest.mark.parametrize("leave_bytes", [0, 4096, 8192, 16384, 24576, 32768, 49152, 65536])
def test_60_08_a_full_disk_leaves_the_old_or_the_new_and_room_heals_it(
    leave_bytes: int, small_disk: SmallDisk, writers: Writers
) -> None:
    repo = small_repository(small_disk)
    limits = small_disk.fill(leave_bytes)
    first = writers.start(repo.root, "checkpoint", task="gh-1", id=new_id(1), words="x" * 3000, **limits)
    second = writers.start(repo.root, "update", task="gh-1", title="second", **limits)
    ends = [first.wait(), second.wait()]
    assert set(ends) <= {0, 6, 7}, [first.answer, second.answer]
    for answer in (first.answer, second.answer):
        assert answer["exit"] != 7 or answer["code"] == "disk_full"
        assert answer["exit"] != 6 or answer["reason"] == "disk_full"
    assert (repo.root / TASK).read_bytes() in (task_text("gh-1"), task_text("gh-1", "second"))
    path = repo.root / checkpoint_path("gh-1", new_id(1))
    whole = checkpoint_text("gh-1", new_id(1), "x" * 3000)
    assert not path.exists() or path.read_bytes() == whole

    small_disk.free()
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).state == "committed"
    at_head = repo.git("ls-tree", "-r", "--name-only", "HEAD")
    for end, name in zip(ends, (checkpoint_path("gh-1", new_id(1)), TASK), strict=True):
        assert end == 7 or name in at_head
    assert (repo.git("show", f"HEAD:{TASK}") == task_text("gh-1", "second").decode()) == (ends[1] != 7)
    assert repo.git("fsck", "--strict", "--no-dangling") == ""
    assert repo.git("status", "--porcelain") == ""
    assert held_files(repo) == []


class ReadOnly:
    """A folder that cannot be written: a read-only mount where this user may make one, else modes."""

    def __init__(self, place: Path) -> None:
        self._place = place
        bound = subprocess.run(["mount", "--bind", place, place], capture_output=True, check=False)
        self._is_mounted = bound.returncode == 0
        if self._is_mounted:
            subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        else:
            self._change_modes(0o555)

    def _change_modes(self, mode: int) -> None:
        for folder in (self._place, *self._place.rglob("*")):
            if folder.is_dir():
                folder.chmod(mode)

    def end(self) -> None:
        if self._is_mounted:
            subprocess.run(["umount", "-l", self._place], check=True)
        else:
            self._change_modes(0o755)


@pytest.mark.parametrize("name", [".git", "state"])
def test_60_08_a_read_only_folder_is_named_and_reading_works(name: str, repo: Repo) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(0))
    folder = ReadOnly(repo.root / name)
    try:
        for write in (
            lambda: write_checkpoint(opened(repo), "gh-1", new_id(1)),
            lambda: update_task(opened(repo), "gh-1", "second"),
        ):
            with pytest.raises(StateError) as refused:
                write()
            assert refused.value.code == "repository_read_only"
        assert opened(repo).load(TASK_KIND, "gh-1").meta["title"] == "first"
        assert repo.git("status", "--porcelain") == ""
    finally:
        folder.end()
    assert held_files(repo) == []
    assert update_task(opened(repo), "gh-1", "second").recovered == 0


def test_where_only_branches_cannot_be_written_a_change_waits_for_its_commit(repo: Repo) -> None:
    make_store(repo, "gh-1")
    before = repo.git("rev-parse", "HEAD")
    folder = ReadOnly(repo.root / ".git/refs/heads")
    try:
        for written in (
            write_checkpoint(opened(repo), "gh-1", new_id(1)),
            update_task(opened(repo), "gh-1", "second"),
        ):
            assert (written.state, written.reason) == ("pending", "repository_read_only")
        assert repo.git("rev-parse", "HEAD") == before
    finally:
        folder.end()
    done = update_task(opened(repo), "gh-1", "third")
    assert (done.state, done.recovered) == ("committed", 2)
    assert repo.git("show", f"HEAD:{checkpoint_path('gh-1', new_id(1))}")
    assert repo.git("status", "--porcelain") == ""
    assert held_files(repo) == []
