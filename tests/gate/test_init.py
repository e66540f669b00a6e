"""`init`: what it writes, that it commits exactly that, and what it leaves to a person."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.init import BLOCKS, TEMPLATES, init_store
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from platformstate.store import open_repository
from tests.conftest import Platformctl, Repo

OURS = [
    ".gitattributes",
    ".gitignore",
    "state/store.yaml",
    *(f"state/templates/{name}" for name in sorted(TEMPLATES)),
]


def init(repo: Repo, **how: Any) -> dict[str, Any]:
    return init_store(open_repository(repo.root), **how).data


def tree(repo: Repo) -> dict[str, bytes]:
    return {
        str(path.relative_to(repo.root)): path.read_bytes()
        for path in sorted(repo.root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(repo.root).parts
    }


def test_an_empty_repository_gets_one_commit_of_exactly_our_files(repo: Repo) -> None:
    data = init(repo)
    assert sorted(data["created"]) == sorted(OURS)
    assert (data["changed"], data["unchanged"], data["uncommitted"], data["hooks"]) == ([], [], [], [])
    assert data["commit"] == repo.git("rev-parse", "HEAD").strip()
    assert repo.git("show", "--name-only", "--format=", "HEAD").split() == sorted(OURS)
    assert repo.git("rev-list", "--count", "HEAD").strip() == "1"
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("log", "-1", "--format=%s").startswith("store: init ")
    assert validate_state(str(repo.root), Wish()).data["counts"] == {"error": 0, "warning": 0}


def test_a_second_call_changes_no_byte(repo: Repo, platformctl: Platformctl) -> None:
    init(repo)
    before, head = tree(repo), repo.git("rev-parse", "HEAD")
    ran = platformctl("init")
    assert (ran.status, ran.stdout) == (0, "nothing to do\n")
    again = init(repo)
    assert sorted(again["unchanged"]) == sorted(OURS)
    assert again["commit"] is None
    assert (tree(repo), repo.git("rev-parse", "HEAD")) == (before, head)


def test_the_block_is_added_once_and_every_other_byte_is_kept(repo: Repo) -> None:
    theirs = b"# mine\r\n*.o\r\nno newline at the end"
    repo.write(".gitignore", theirs)
    repo.commit()
    data = init(repo)
    text = (repo.root / ".gitignore").read_bytes()
    assert text.startswith(theirs + b"\n# >>> platformstate\n")
    assert text.endswith(BLOCKS[".gitignore"] + b"# <<< platformstate\n")
    assert (data["changed"], data["uncommitted"]) == ([".gitignore"], [])
    assert repo.git("status", "--porcelain") == ""


def test_an_older_block_is_brought_up_to_date_in_its_place(repo: Repo) -> None:
    init(repo)
    path = repo.root / ".gitattributes"
    path.write_bytes(b"*.a x\n" + path.read_bytes().replace(b"state/** -text\n", b"") + b"*.b y\n")
    repo.commit("older")
    assert init(repo)["changed"] == [".gitattributes"]
    text = path.read_bytes()
    assert (
        text == b"*.a x\n# >>> platformstate\n" + BLOCKS[".gitattributes"] + b"# <<< platformstate\n*.b y\n"
    )


@pytest.mark.parametrize(
    "text,line", [(b"# >>> platformstate\nx\n", 1), (b"# <<< platformstate\n# >>> platformstate\n", 2)]
)
def test_a_damaged_block_is_refused_and_nothing_written(repo: Repo, text: bytes, line: int) -> None:
    repo.write(".gitignore", text)
    repo.commit()
    with pytest.raises(StateError) as error:
        init(repo)
    assert (error.value.code, error.value.path, error.value.line) == ("state_invalid", ".gitignore", line)
    assert not (repo.root / "state").exists()


def test_a_persons_uncommitted_changes_are_written_to_but_not_committed(repo: Repo) -> None:
    repo.write(".gitignore", "*.o\n")
    repo.commit()
    repo.write(".gitignore", "*.o\n*.mine\n")
    repo.write(".gitattributes", "*.png binary\n")
    repo.write("src/staged.py", "x = 1\n")
    repo.git("add", "src")
    data = init(repo)
    assert data["uncommitted"] == [".gitattributes", ".gitignore"]
    assert "# >>> platformstate" in (repo.root / ".gitignore").read_text()
    assert repo.git("show", "--name-only", "--format=", "HEAD").split() == [
        path for path in sorted(OURS) if path.startswith("state/")
    ]
    assert repo.git("show", "HEAD:.gitignore") == "*.o\n"
    assert repo.git("status", "--porcelain").splitlines() == [
        " M .gitignore",
        "A  src/staged.py",
        "?? .gitattributes",
    ]


def test_next_says_how_to_commit_what_was_left(repo: Repo, platformctl: Platformctl) -> None:
    repo.write(".gitignore", "*.o\n")
    steps = platformctl("init", "--json").document["next"]
    assert steps[0] == "git add .gitignore && git commit .gitignore"
    assert steps[1:] == [
        "platformctl hooks install",
        'platformctl task create --title "TITLE" --accept "WHAT MUST HOLD::test"',
    ]


def test_a_branch_of_another_name_is_offered_as_trusted(repo: Repo, platformctl: Platformctl) -> None:
    repo.git("checkout", "-q", "-b", "trunk")
    assert (
        "git config platformstate.trustedRef refs/heads/trunk"
        in platformctl("init", "--json").document["next"]
    )


def test_hooks_are_installed_when_asked_for(repo: Repo, platformctl: Platformctl) -> None:
    ran = platformctl("init", "--hooks", "--json").document
    assert ran["data"]["hooks"] == ["pre-commit", "pre-merge-commit", "pre-push", "post-merge"]
    assert "platformctl hooks install" not in ran["next"]
    assert (repo.root / ".git/hooks/pre-commit").exists()


def test_a_foreign_hooks_folder_is_refused_before_anything_is_written(repo: Repo) -> None:
    repo.git("config", "core.hooksPath", ".husky")
    with pytest.raises(StateError) as error:
        init(repo, hooks=True)
    assert error.value.code == "hooks_path_foreign"
    assert not (repo.root / "state").exists()


def test_without_an_identity_nothing_is_written(repo: Repo, platformctl: Platformctl, tmp_path: Path) -> None:
    ran = platformctl("init", "--json", env={"GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(tmp_path)})
    assert (ran.status, ran.document["error"]["code"]) == (7, "git_identity_missing")
    assert "git config" in ran.document["error"]["hint"]
    assert tree(repo) == {}


def test_outside_a_repository_one_line_says_what_to_type(platformctl: Platformctl, tmp_path: Path) -> None:
    ran = platformctl("init", "--json", cwd=tmp_path)
    assert (ran.status, ran.document["error"]["code"]) == (7, "repository_not_found")
    assert "git init" in ran.document["error"]["hint"]


def test_a_bare_repository_is_refused(platformctl: Platformctl, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    ran = platformctl("init", "--json", cwd=tmp_path / "bare")
    assert (ran.status, ran.document["error"]["code"]) == (7, "repository_bare")


def test_a_linked_worktree_gets_its_store_on_its_branch(repo: Repo, tmp_path: Path) -> None:
    repo.write("a.txt", "a\n")
    repo.commit()
    repo.git("worktree", "add", "-q", "-b", "work", str(tmp_path / "linked"))
    data = init(Repo(tmp_path / "linked"))
    assert data["commit"] == repo.git("rev-parse", "work").strip()
    assert not (repo.root / "state").exists()


def test_a_sha256_repository_gets_its_store(tmp_path: Path) -> None:
    made = Repo(tmp_path)
    made.git("init", "-q", "-b", "main", "--object-format=sha256")
    assert len(init(made)["commit"]) == 64


def test_a_dry_run_writes_nothing(repo: Repo, platformctl: Platformctl) -> None:
    repo.write(".gitignore", "*.o\n")
    ran = platformctl("init", "--hooks", "--dry-run", "--json")
    assert ran.status == 0
    assert "state/store.yaml" in ran.document["data"]["created"]
    assert tree(repo) == {".gitignore": b"*.o\n"}
    assert not os.path.exists(repo.root / ".git/hooks/pre-commit")


def test_no_commit_leaves_the_files_to_a_person(repo: Repo, platformctl: Platformctl) -> None:
    ran = platformctl("init", "--no-commit", "--json")
    assert (ran.status, ran.document["data"]["commit"]) == (0, None)
    assert repo.git("status", "--porcelain", "-uall").count("??") == len(OURS)


def test_a_template_that_a_person_changed_is_kept(repo: Repo) -> None:
    init(repo)
    path = repo.write(f"state/templates/{TEMPLATES[0]}", "---\nschema: task/1\n---\nours\n")
    repo.commit()
    init(repo)
    assert path.read_text().endswith("ours\n")


def test_a_store_whose_folder_is_ignored_is_refused(repo: Repo) -> None:
    repo.write(".gitignore", "state/\n")
    repo.commit()
    with pytest.raises(StateError) as error:
        init(repo)
    assert error.value.code == "path_ignored"
    assert not (repo.root / "state").exists()
