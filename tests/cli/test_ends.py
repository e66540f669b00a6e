"""How a command ends when it goes wrong: a saved report, a signal's status, never a traceback."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Extra
from tests.conftest import Platformctl, Repo


def test_a_bug_is_one_line_and_a_report_that_only_its_owner_reads(extra: Extra, tmp_path: Path) -> None:
    ran = extra("bug")
    assert ran.status == 70
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.endswith("(internal_error)\n")
    report = next(tmp_path.glob("report-*.txt"))
    assert str(report) in ran.stderr
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "KeyError" in report.read_text()


def test_a_report_holds_no_secret(extra: Extra, tmp_path: Path) -> None:
    extra("bug")
    text = next(tmp_path.glob("report-*.txt")).read_text()
    assert "q7Xk29LmPw84ZtRb61Vd" not in text
    assert "[redacted:assigned]" in text


def test_in_a_repository_the_report_lies_in_the_git_directory(
    extra: Extra, repo: Repo, tmp_path: Path
) -> None:
    ran = extra("bug", "-C", str(repo.root), "--json")
    assert ran.document["error"]["code"] == "internal_error"
    assert list((repo.root / ".git" / "platformstate" / "reports").glob("report-*.txt"))
    assert repo.git("status", "--porcelain") == ""


def test_a_linked_worktree_shares_the_folder_of_reports(extra: Extra, repo: Repo, tmp_path: Path) -> None:
    repo.write("a", "a")
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    extra("bug", "-C", str(tmp_path / "linked"))
    assert list((repo.root / ".git" / "platformstate" / "reports").glob("report-*.txt"))


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_with_its_status_and_without_a_traceback(extra: Extra, name: str, status: int) -> None:
    ran = extra("stop", name)
    assert ran.status == status
    assert "Traceback" not in ran.stderr


def test_a_signal_in_the_middle_of_an_import_is_no_bug(extra: Extra, tmp_path: Path) -> None:
    ran = extra("stop-in-a-class", "--json")
    assert ran.status == 130
    assert ran.document["error"]["code"] == "interrupted"
    assert list(tmp_path.glob("report-*")) == []


@pytest.mark.parametrize(
    "typed, meant", [("tsak", "task"), ("memroy", "memory"), ("validat", "validate"), ("explian", "explain")]
)
def test_an_unknown_command_suggests_the_nearest(platformctl: Platformctl, typed: str, meant: str) -> None:
    ran = platformctl(typed, "x")
    assert ran.status == 2
    assert f"Did you mean '{meant}'?" in ran.stderr


def test_an_unknown_verb_suggests_the_nearest(platformctl: Platformctl) -> None:
    assert "Did you mean 'create'?" in platformctl("task", "craete").stderr


def test_a_setting_of_the_environment_that_does_not_parse_is_refused(
    platformctl: Platformctl, repo: Repo
) -> None:
    ran = platformctl("task", "list", "--json", env={"PLATFORMSTATE_DURABILITY": "sometimes"})
    assert ran.status == 2
    assert ran.document["error"]["code"] == "config_invalid"
