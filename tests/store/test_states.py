"""Every state that a repository can be in, and what a writing command does there (60 §8)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from platformstate.core import places
from platformstate.errors import StateError
from platformstate.store import Change, FileChange, Written, open_repository, open_store
from tests.conftest import Repo
from tests.store.records import (
    STORE_TEXT,
    checkpoint_path,
    held_files,
    make_store,
    new_id,
    opened,
    task_text,
    update_task,
    write_checkpoint,
)

TASK = places.task_path("gh-1")


def shows(repo: Repo, path: str, rev: str = "HEAD") -> str:
    return repo.git("show", f"{rev}:{path}", check=False)


def in_a_merge(repo: Repo) -> None:
    """Leave a repository in the middle of a merge that conflicts outside `state/`."""
    repo.git("switch", "-q", "-c", "side")
    repo.write("src/main.py", "side\n")
    repo.commit("side")
    repo.git("switch", "-q", "main")
    repo.write("src/main.py", "main\n")
    repo.commit("main")
    repo.git("merge", "-q", "side", check=False)


def finish_merge(repo: Repo) -> None:
    repo.write("src/main.py", "both\n")
    repo.git("add", "src/main.py")
    repo.git("commit", "-q", "--no-verify", "-m", "merged")


def test_60_06_a_checkpoint_in_a_merge_waits_and_is_committed_by_the_next_command(repo: Repo) -> None:
    in_a_merge(make_store(repo, "gh-1"))
    head, merging = repo.git("rev-parse", "HEAD"), repo.git("rev-parse", "MERGE_HEAD")
    waiting = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert (waiting.state, waiting.reason, waiting.commit) == ("pending", "operation_in_progress", None)
    assert (repo.root / checkpoint_path("gh-1", new_id(1))).is_file()
    assert repo.git("rev-parse", "HEAD") == head
    assert repo.git("rev-parse", "MERGE_HEAD") == merging
    finish_merge(repo)
    after = write_checkpoint(opened(repo), "gh-1", new_id(2))
    assert (after.state, after.recovered) == ("committed", 1)
    assert shows(repo, checkpoint_path("gh-1", new_id(1)))
    assert held_files(repo) == []


def test_60_06_two_changes_of_one_task_and_a_grown_journal_in_a_merge_are_both_committed(
    repo: Repo,
) -> None:
    make_store(repo, "gh-1")
    journal = "state/x/events.jsonl"
    repo.write(journal, "one\n")
    repo.commit("journal")
    in_a_merge(repo)

    def append(words: str, title: str) -> Written:
        store = opened(repo)

        def decide() -> Change:
            old = (repo.root / journal).read_bytes()
            task = (repo.root / TASK).read_bytes()
            files = (
                FileChange(journal, old, old + words.encode(), append=True),
                FileChange(TASK, task, task_text("gh-1", title)),
            )
            return Change("task: update gh-1", (("Task", "gh-1"),), files)

        return store.write(decide)

    assert append("two\n", "second").reason == "operation_in_progress"
    with (repo.root / journal).open("a") as grown:
        grown.write("three\n")
    assert append("four\n", "third").reason == "operation_in_progress"
    finish_merge(repo)
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).recovered == 2
    assert shows(repo, journal) == "one\ntwo\nthree\nfour\n"
    assert "title: third" in shows(repo, TASK)
    assert held_files(repo) == []
    assert repo.git("status", "--porcelain") == ""


def test_60_06_an_aborted_rebase_does_not_lose_a_changed_task(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "-c", "side")
    repo.write("src/main.py", "side\n")
    repo.commit("side")
    repo.git("switch", "-q", "main")
    repo.write("src/main.py", "main\n")
    repo.commit("main")
    repo.git("rebase", "-q", "side", check=False)
    waiting = update_task(opened(repo), "gh-1", "second")
    assert (waiting.reason, waiting.ref) == ("operation_in_progress", "refs/heads/main")
    repo.git("rebase", "--abort")
    assert "first" in (repo.root / TASK).read_text()
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).recovered == 1
    assert "title: second" in shows(repo, TASK)
    assert repo.git("status", "--porcelain") == ""


def test_60_06_a_detached_head_waits_until_a_branch_is_back(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "--detach")
    waiting = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert (waiting.state, waiting.reason) == ("pending", "detached")
    repo.git("switch", "-q", "main")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    assert shows(repo, checkpoint_path("gh-1", new_id(1)))


def test_a_detached_head_is_committed_on_when_the_clone_says_so(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "--detach")
    repo.git("config", "platformstate.detached", "commit")
    written = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert (written.state, written.ref) == ("committed", "HEAD")
    assert repo.git("rev-parse", "HEAD").strip() == written.commit
    assert repo.git("rev-parse", "main").strip() != written.commit
    assert repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("operation", ["cherry-pick", "revert", "am", "bisect"])
def test_a_command_waits_while_git_is_in_the_middle_of_something(operation: str, repo: Repo) -> None:
    make_store(repo, "gh-1")
    for text in ("two\n", "three\n"):
        repo.write("src/main.py", text)
        repo.commit(text.strip())
    repo.git("switch", "-q", "-c", "side", "HEAD~2")
    if operation == "bisect":
        repo.git("switch", "-q", "main")
        repo.git("bisect", "start")
    elif operation == "am":
        patch = repo.git("format-patch", "-1", "--stdout", "main")
        repo.git("am", stdin=patch, check=False)
    else:
        repo.git(operation, "main", check=False)
    assert repo_state(repo) == operation
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).reason == "operation_in_progress"


def repo_state(repo: Repo) -> str:
    return opened(repo).repository.state()


def test_an_intent_of_another_branch_waits_for_that_branch(repo: Repo) -> None:
    in_a_merge(make_store(repo, "gh-1"))
    update_task(opened(repo), "gh-1", "second")
    repo.git("merge", "--abort")
    repo.git("switch", "-q", "-f", "side")
    elsewhere = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert (elsewhere.state, elsewhere.recovered) == ("committed", 0)
    assert "first" in shows(repo, TASK)
    repo.git("switch", "-q", "-f", "main")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    assert "second" in shows(repo, TASK)
    assert "first" in shows(repo, TASK, "side")


def test_an_unborn_branch_gets_its_first_commit(repo: Repo) -> None:
    store = open_repository(repo.root)
    assert not store.exists
    change = Change("store: init store", (), (FileChange("state/store.yaml", None, STORE_TEXT.encode()),))
    written = store.write(lambda: change)
    assert written.state == "committed"
    assert repo.git("rev-list", "--parents", "HEAD").split() == [written.commit]
    assert repo.git("status", "--porcelain") == ""


def test_unmerged_entries_without_an_operation_stay_unmerged(repo: Repo) -> None:
    in_a_merge(make_store(repo, "gh-1"))
    (repo.root / ".git" / "MERGE_HEAD").unlink()
    unmerged = repo.git("ls-files", "-u")
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).state == "committed"
    assert repo.git("ls-files", "-u") == unmerged != ""


def test_a_linked_worktree_commits_on_its_own_branch(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    repo.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    store = open_store(tmp_path / "linked")
    assert store.repository.worktree == "worktrees/linked"
    assert write_checkpoint(store, "gh-1", new_id(1)).ref == "refs/heads/other"
    assert shows(repo, checkpoint_path("gh-1", new_id(1)), "other")
    assert not shows(repo, checkpoint_path("gh-1", new_id(1)), "main")
    assert Repo(tmp_path / "linked").git("status", "--porcelain") == ""
    assert held_files(repo) == []


def test_a_shallow_clone_commits(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    repo.write("src/main.py", "two\n")
    repo.commit("two")
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.root}", str(tmp_path / "shallow"))
    store = open_store(tmp_path / "shallow")
    assert store.repository.shallow
    assert write_checkpoint(store, "gh-1", new_id(1)).state == "committed"


def test_a_sparse_checkout_commits_where_state_is_checked_out(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.write("docs/page.md", "page\n")
    repo.commit("docs")
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "state")
    before = repo.git("ls-files", "-t", "--sparse")
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).state == "committed"
    assert repo.git("status", "--porcelain") == ""
    assert "S docs/" in before
    assert "S docs/" in repo.git("ls-files", "-t", "--sparse").replace("docs/page.md", "docs/")


def test_a_sparse_checkout_without_state_says_what_to_type(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("sparse-checkout", "set", "--cone", "src")
    with pytest.raises(StateError) as refused:
        opened(repo)
    assert refused.value.code == "state_not_checked_out"
    assert refused.value.hint == "git sparse-checkout add state"


@pytest.mark.parametrize(
    "argv",
    [
        ("update-index", "--index-version", "4"),
        ("update-index", "--split-index"),
        ("update-index", "--untracked-cache"),
        ("config", "core.fsmonitor", "true"),
    ],
)
def test_the_format_of_the_index_stays(argv: tuple[str, ...], repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git(*argv)
    config = repo.git("config", "--local", "--list")
    version = (repo.root / ".git" / "index").read_bytes()[4:8]
    for number in range(3):
        assert write_checkpoint(opened(repo), "gh-1", new_id(number)).state == "committed"
    assert (repo.root / ".git" / "index").read_bytes()[4:8] == version
    assert repo.git("config", "--local", "--list") == config
    assert repo.git("-c", "core.fsmonitor=false", "status", "--porcelain") == ""


def test_a_sha256_repository_has_long_ids(tmp_path: Path) -> None:
    root = tmp_path / "sha256"
    root.mkdir()
    repo = Repo(root)
    repo.git("init", "-q", "-b", "main", "--object-format=sha256")
    make_store(repo, "gh-1")
    written = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert written.commit is not None
    assert len(written.commit) == 64
    assert update_task(opened(repo), "gh-1", "second").state == "committed"
    assert repo.git("status", "--porcelain") == ""


def test_a_submodule_has_its_own_store_or_none(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    inner = Repo(tmp_path / "inner")
    inner.root.mkdir()
    inner.git("init", "-q", "-b", "main")
    inner.write("lib.py", "pass\n")
    inner.commit("lib")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.root), "sub")
    repo.commit("sub")
    with pytest.raises(StateError) as refused:
        open_store(repo.root / "sub")
    assert refused.value.code == "store_not_found"
    sub = Repo(repo.root / "sub")
    make_store(sub, "gh-7")
    assert write_checkpoint(open_store(sub.root), "gh-7", new_id(1)).state == "committed"
    assert sub.git("status", "--porcelain") == ""


def test_60_15_a_bare_repository_cannot_be_written(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    repo.git("clone", "-q", "--bare", str(repo.root), str(tmp_path / "bare.git"))
    with pytest.raises(StateError) as refused:
        open_store(tmp_path / "bare.git")
    assert refused.value.code == "repository_bare"


def test_a_bare_repository_inside_another_is_never_found_by_walking_up(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("init", "-q", "--bare", "state/x")
    (repo.root / "state" / "x" / "hooks" / "deep").mkdir()
    with pytest.raises(StateError) as refused:
        open_store(repo.root / "state" / "x" / "hooks" / "deep")
    assert refused.value.code == "repository_not_found"


def test_outside_a_repository_the_error_says_so(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StateError) as refused:
            open_store(place)
        assert refused.value.code == "repository_not_found"


def test_a_repository_without_a_store_says_init(repo: Repo) -> None:
    with pytest.raises(StateError) as refused:
        opened(repo)
    assert refused.value.code == "store_not_found"
    assert "platformctl init" in refused.value.hint


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a program called git before all others."""
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_a_repository_of_another_user_is_refused_with_gits_own_line(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(repo, "gh-1")
    git = shutil.which("git")
    put_on_path(monkeypatch, tmp_path / "bin", f'GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {git} "$@"')
    with pytest.raises(StateError) as refused:
        opened(repo)
    assert refused.value.code == "repository_owner_differs"
    assert refused.value.hint == f"git config --global --add safe.directory {repo.root}"


def test_without_an_identity_nothing_is_written(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(repo, "gh-1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("EMAIL", raising=False)
    with pytest.raises(StateError) as refused:
        write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert refused.value.code == "git_identity_missing"
    assert 'git config --global user.name "' in refused.value.hint
    assert not (repo.root / checkpoint_path("gh-1", new_id(1))).exists()
    assert held_files(repo) == []


def test_an_old_git_is_named(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(repo, "gh-1")
    put_on_path(monkeypatch, tmp_path / "bin", "echo git version 2.33.1")
    with pytest.raises(StateError) as refused:
        opened(repo)
    assert refused.value.code == "git_too_old"


def test_a_missing_git_is_named(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(repo, "gh-1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StateError) as refused:
        opened(repo)
    assert refused.value.code == "git_too_old"
    assert "install git" in refused.value.hint


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"])
def test_60_15_a_variable_that_redirects_git_is_refused(
    name: str, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(repo, "gh-1")
    monkeypatch.setenv(name, "1")
    with pytest.raises(StateError) as refused:
        opened(repo)
    assert refused.value.code == "git_environment_set"


def test_60_15_other_variables_do_no_harm(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(repo, "gh-1")
    for name, value in {
        "LD_LIBRARY_PATH": "/nowhere",
        "GIT_EXTERNAL_DIFF": "/nowhere",
        "GIT_ICASE_PATHSPECS": "1",
        "GIT_EDITOR": "/nowhere",
        "GIT_CEILING_DIRECTORIES": "/",
    }.items():
        monkeypatch.setenv(name, value)
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).state == "committed"
