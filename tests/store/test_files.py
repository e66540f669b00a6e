"""Files of the operating system: what each failure means, and what is left after it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from platformstate.errors import StateError
from platformstate.files import Folder, WorkTree
from platformstate.files.durable import fsync
from platformstate.files.errors import fsync_failed, meaning


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EFBIG, "disk_full"),
        (errno.EIO, "disk_full"),
        (errno.EROFS, "repository_read_only"),
        (errno.EACCES, "repository_read_only"),
        (errno.ELOOP, "path_symlink"),
        (errno.ENOTDIR, "path_symlink"),
        (errno.EBUSY, None),
    ],
)
def test_an_error_of_the_system_means(number: int, code: str | None) -> None:
    found = meaning(OSError(number, os.strerror(number)), "state/x")
    assert (found.code if found else None) == code
    assert found is None or found.path == "state/x"


def test_an_fsync_that_fails_is_an_error_of_the_disk_and_not_repeated() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(StateError) as refused:
            fsync(writing, "state/x", "full")
        fsync(writing, "state/x", "fast")
    finally:
        os.close(reading)
        os.close(writing)
    assert (refused.value.code, refused.value.exit_status) == ("disk_error", 7)
    assert fsync_failed(OSError(errno.ENOSPC, "full"), "x").code == "disk_full"


def test_a_new_file_is_whole_or_absent(tmp_path: Path) -> None:
    with Folder.at(tmp_path, "a/b", durability="full") as folder:
        folder.create("x", b"data", "full")
        assert folder.read("x") == b"data"
        with pytest.raises(FileExistsError):
            folder.create("x", b"other", "full")
        assert folder.read("x") == b"data"
        assert folder.read("y") is None
        assert folder.names() == ["x"]
        assert folder.remove("x")
        assert not folder.remove("x")
    assert (tmp_path / "a/b").is_dir()


def test_a_folder_is_reached_through_real_folders_only(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("x")
    for path in ("link", "file", "link/below"):
        with pytest.raises(StateError) as refused, Folder.at(tmp_path, path, durability="fast"):
            pass
        assert refused.value.code == "path_symlink"
    with pytest.raises(FileNotFoundError), Folder.at(tmp_path, "absent"):
        pass


def test_names_that_a_writer_has_not_finished_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/.ps-1-0").write_text("half")
    (tmp_path / "state/a.md").write_text("whole")
    tree = WorkTree(tmp_path)
    assert tree.names("state") == ["a.md"]
    assert tree.names("nothing") == []
    assert [entry.path for entry in tree.entries()] == ["state/a.md"]


def test_many_files_are_read_as_each_alone(tmp_path: Path) -> None:
    for folder in ("a/b", "d"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a/x", "a/b/y", "d/z"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "a/link").symlink_to("x")
    (tmp_path / "linked").symlink_to("a")
    os.mkfifo(tmp_path / "a/pipe")
    names = ("a/x", "a/b/y", "a/b", "a/x/y", "a/link", "linked/x", "a/pipe", "nowhere", "no/where/x", "d/z")
    orders = [(*names[at:], *names[:at], *names[::-3]) for at in range(len(names))]
    for root in (tmp_path, tmp_path / "vanished"):
        tree = WorkTree(root)
        for order in orders:
            alone = [(name, data) for name in order if (data := read_alone(tree, name)) is not None]
            assert list(tree.read(order)) == alone


def read_alone(tree: WorkTree, name: str) -> bytes | None:
    """Return a file's bytes, None when it is absent or refused as a link or no file."""
    try:
        return tree.bytes_of(name)
    except StateError as refused:
        if refused.code not in ("path_symlink", "path_not_regular"):
            raise
        return None
