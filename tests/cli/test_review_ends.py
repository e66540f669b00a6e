"""Where an answer cannot be heard, or a question not be read, the exit status still tells the truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Platformctl, Repo

COMMAND = [sys.executable, "-m", "platformstate"]


def status_of(*argv: str, cwd: Path, shell: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the redirections of a shell, and return what it left on the other stream."""
    typed = ["sh", "-c", f'exec "$@" {shell}', "sh", *COMMAND, *argv]
    return subprocess.run(typed, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_refusal_onto_a_full_device_keeps_its_status_and_shows_no_traceback(tmp_path: Path) -> None:
    ran = status_of("explain", "nope", "--json", cwd=tmp_path, shell=">/dev/full")
    assert (ran.returncode, ran.stderr) == (3, "")


@pytest.mark.parametrize(
    "argv, status", [(("--help",), 0), (("explain", "--list"), 0), (("explain", "nope"), 3)]
)
def test_a_full_stderr_changes_no_status(tmp_path: Path, argv: tuple[str, ...], status: int) -> None:
    assert status_of(*argv, cwd=tmp_path, shell="2>/dev/full").returncode == status


def test_a_closed_standard_input_is_a_usage_error(tmp_path: Path) -> None:
    ran = status_of("task", "create", "--title", "-", cwd=tmp_path, shell="<&-")
    assert ran.returncode == 2
    assert "standard input is closed" in ran.stderr


def test_a_current_folder_that_is_gone_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    typed = 'rmdir "$PWD"; exec "$@"'
    ran = subprocess.run(
        ["sh", "-c", typed, "sh", *COMMAND, "task", "list"],
        cwd=tmp_path / "gone",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 7
    assert "repository_not_found" in ran.stderr


def test_a_damaged_index_is_named_and_is_no_bug(repo: Repo) -> None:
    assert status_of("init", cwd=repo.root, shell="").returncode == 0
    (repo.root / ".git" / "index").write_bytes(b"garbage")
    ran = status_of("validate", "--staged", cwd=repo.root, shell="")
    assert ran.returncode == 7
    assert "git's index is damaged (disk_error)" in ran.stderr


def test_a_date_for_git_that_git_cannot_read_delays_no_commit(platformctl: Platformctl) -> None:
    assert platformctl("init").status == 0
    ran = platformctl("task", "create", "--title", "one", env={"GIT_COMMITTER_DATE": "1 +0000"})
    assert ran.status == 0
