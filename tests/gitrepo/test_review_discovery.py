"""Names that hold a separator of lines are read whole, or refused; what git cannot read is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from platformstate.errors import StateError
from platformstate.gitrepo import discover
from tests.conftest import Repo


def a_repository(root: Path) -> Repo:
    root.mkdir(parents=True)
    made = Repo(root)
    made.git("init", "-q", "-b", "main")
    return made


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b", "a\x0bb", "a b"])
def test_a_path_with_other_separators_of_lines_is_read_whole(tmp_path: Path, name: str) -> None:
    repo = a_repository(tmp_path / name)
    assert discover(repo.root).root == repo.root


def test_a_branch_with_another_separator_of_lines_is_read_whole(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    repo.write("a", "a")
    repo.commit()
    repo.git("branch", "x")
    repo.git("checkout", "-q", "-b", "x\u2028y")
    assert discover(repo.root).ref == "refs/heads/x\u2028y"


def test_a_path_with_a_line_feed_is_refused_and_no_shorter_path_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    repo = a_repository(tmp_path / "a\nb")
    with pytest.raises(StateError) as refused:
        discover(repo.root)
    assert refused.value.code == "repository_not_found"
    assert "line break" in refused.value.message


def test_a_configuration_that_git_cannot_read_is_named(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    (repo.root / ".git" / "config").write_text("[broken\n")
    with pytest.raises(StateError) as refused:
        discover(repo.root)
    assert refused.value.code == "repository_not_found"
    assert "bad config line 1" in refused.value.message
