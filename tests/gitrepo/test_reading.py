"""Reading a repository: where it is, what its trees hold, what the work outside `state/` looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from platformstate.cost import COST
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.gitrepo import (
    CommitTree,
    IndexTree,
    blob_id,
    discover,
    is_ancestor,
    look_up,
    read_blobs,
    resolve_commit,
)
from platformstate.gitrepo.attributes import ignored_files
from platformstate.gitrepo.facts import work_facts
from platformstate.gitrepo.reach import reached
from platformstate.gitrepo.since import Since
from platformstate.gitrepo.trust import trusted_ref
from tests.conftest import Repo


def begun(repo: Repo) -> Repo:
    repo.write("state/store.yaml", "schema: store/1\n")
    repo.write("state/tasks/a/task.md", "one\n")
    repo.write("src/main.py", "pass\n")
    repo.commit("begin")
    return repo


def test_discovery_finds_the_root_from_any_folder_with_two_children(repo: Repo) -> None:
    begun(repo)
    before = COST.git
    found = discover(repo.root / "state" / "tasks")
    assert COST.git - before == 2
    assert (found.root, found.git_dir, found.common_dir) == (
        repo.root,
        repo.root / ".git",
        repo.root / ".git",
    )
    assert (found.head, found.ref, found.branch) == (
        repo.git("rev-parse", "HEAD").strip(),
        "refs/heads/main",
        "main",
    )
    assert (found.bare, found.shallow, found.object_format, found.worktree) == (False, False, "sha1", ".")
    assert found.git_version.startswith("2.")
    assert found.state() == "quiet"


def test_discovery_of_an_unborn_branch_and_a_detached_head(repo: Repo) -> None:
    assert (discover(repo.root).head, discover(repo.root).ref, discover(repo.root).state()) == (
        None, "refs/heads/main", "unborn",
    )  # fmt: skip
    begun(repo)
    repo.git("switch", "-q", "--detach")
    assert (discover(repo.root).ref, discover(repo.root).state()) == (None, "detached")


def test_a_bare_repository_is_read_by_name_only(repo: Repo, tmp_path: Path) -> None:
    begun(repo)
    bare = tmp_path / "bare.git"
    repo.git("clone", "-q", "--bare", str(repo.root), str(bare))
    found = discover(bare)
    assert (found.root, found.bare, found.state()) == (None, True, "bare")
    assert [entry.path for entry in CommitTree(found, str(found.head)).entries()] == [
        "state/store.yaml",
        "state/tasks/a/task.md",
    ]
    with pytest.raises(StateError) as refused:
        discover(bare / "refs")
    assert refused.value.code == "repository_not_found"
    with pytest.raises(StateError) as refused:
        discover(repo.root / ".git")
    assert refused.value.code == "repository_not_found"


def test_settings_are_those_of_the_person_and_never_our_own_flags(repo: Repo) -> None:
    repo.git("config", "--add", "platformstate.operator", "ann")
    repo.git("config", "--add", "platformstate.operator", "bob")
    repo.git("config", "platformstate.lockTimeout", "3")
    found = discover(repo.root)
    assert found.config("platformstate.operator") == ["ann", "bob"]
    assert found.config("PlatformState.locktimeout") == ["3"]
    assert found.config("core.hooksPath") == []
    assert found.settings.trusted("user.name") == "Ann"
    assert found.settings.trusted("platformstate.lockTimeout") is None


def test_three_trees_hold_what_stands_in_them(repo: Repo) -> None:
    begun(repo)
    repo.write("state/tasks/a/task.md", "two\n")
    repo.git("add", "state")
    repo.write("state/tasks/a/task.md", "three\n")
    repo.write("state/tasks/a/.ps-x-0", "half")
    found = discover(repo.root)
    path = "state/tasks/a/task.md"
    trees = (CommitTree(found, str(found.head)), IndexTree(found), WorkTree(repo.root))
    for tree, text in zip(trees, (b"one\n", b"two\n", b"three\n"), strict=True):
        assert list(tree.read([path, "state/absent.md"])) == [(path, text)]
        assert [entry.path for entry in tree.entries()] == ["state/store.yaml", path]
        assert list(tree.read([path])) == [(path, text)]
        assert [entry.path for entry in tree.entries("state/tasks")] == [path]
        assert tree.entries("state/nothing") == []
    assert trees[0].entries(path)[0].oid == blob_id(b"one\n", "sha1")


def test_an_index_in_conflict_shows_our_side(repo: Repo) -> None:
    begun(repo)
    ours = repo.git("hash-object", "-w", "--stdin", stdin="ours\n").strip()
    theirs = repo.git("hash-object", "-w", "--stdin", stdin="theirs\n").strip()
    rows = f"0 {'0' * 40}\tstate/store.yaml\n100644 {ours} 2\tstate/store.yaml\n100644 {theirs} 3\tstate/store.yaml\n"
    repo.git("update-index", "--index-info", stdin=rows)
    assert IndexTree(discover(repo.root)).entries("state/store.yaml")[0].oid == ours


def test_the_work_tree_shows_modes_and_follows_nothing(repo: Repo, tmp_path: Path) -> None:
    begun(repo)
    (repo.root / "state/link.md").symlink_to("/etc/hostname")
    (repo.root / "state/tasks/a/task.md").chmod(0o755)
    repo.git("init", "-q", "state/inner")
    tree = WorkTree(repo.root)
    assert [(entry.path, entry.mode) for entry in tree.entries()] == [
        ("state/inner", "160000"),
        ("state/link.md", "120000"),
        ("state/store.yaml", "100644"),
        ("state/tasks/a/task.md", "100755"),
    ]
    assert list(tree.read(["state/link.md"])) == []
    (repo.root / "state").rename(tmp_path / "away")
    (repo.root / "state").symlink_to(tmp_path / "away")
    assert [(entry.path, entry.mode) for entry in tree.entries()] == [("state", "120000")]
    assert [(entry.path, entry.mode) for entry in tree.entries("state/tasks")] == [("state", "120000")]


def test_objects_are_looked_up_by_many_names_at_once(repo: Repo) -> None:
    begun(repo)
    found = discover(repo.root)
    blob = blob_id(b"one\n", "sha1")
    rows = look_up(found, ["HEAD", "HEAD:state/tasks/a/task.md", "HEAD:no such file", "HEAD:state"])
    assert [None if row is None else row.type for row in rows] == ["commit", "blob", None, "tree"]
    assert rows[1] is not None
    assert rows[1].oid == blob
    assert read_blobs(found, [blob, "0" * 40, str(found.head)]) == [b"one\n", None, None]
    assert look_up(found, []) == read_blobs(found, []) == []


def test_a_revision_is_resolved_as_typed_or_not_at_all(repo: Repo) -> None:
    begun(repo)
    first = repo.git("rev-parse", "HEAD").strip()
    repo.write("src/main.py", "two\n")
    second = repo.commit("two")
    found = discover(repo.root)
    assert resolve_commit(found, "HEAD~1") == resolve_commit(found, first[:8]) == first
    for wrong in ("", "nothing", "--all", "-h", "HEAD:state", "a\nb"):
        assert resolve_commit(found, wrong) is None
    assert is_ancestor(found, first, second)
    assert not is_ancestor(found, second, first)


def test_the_facts_of_the_work_leave_state_out(repo: Repo) -> None:
    begun(repo)
    first = repo.git("rev-parse", "HEAD").strip()
    repo.write("state/tasks/a/task.md", "changed\n")
    repo.write("src/main.py", "changed\n")
    repo.write("src/new file.py", "new\n")
    repo.write("docs/committed.md", "page\n")
    repo.git("add", "docs")
    repo.git("commit", "-q", "-m", "docs")
    repo.git("mv", "docs/committed.md", "docs/renamed.md")
    found = discover(repo.root)
    before = COST.git
    facts = work_facts(found)
    assert COST.git - before == 1
    assert (facts.commit, facts.branch, facts.ahead) == (found.head, "main", None)
    assert facts.paths == ("docs/committed.md", "docs/renamed.md", "src/main.py", "src/new file.py")
    assert facts.dirty == 4
    with Since(found, facts) as since:
        everything = ["docs/committed.md", "docs/renamed.md", "src/main.py", "src/new file.py"]
        assert since.paths(first) == everything
    clean = facts._replace(paths=())
    before = COST.git
    with Since(found, clean) as since:
        assert since.paths("0" * 40) == []
        assert since.paths(first) == ["docs/committed.md"]
        assert since.paths(str(facts.commit)) == []
    assert COST.git - before == 1


def test_two_commits_that_hold_the_same_beside_state_are_not_compared(repo: Repo) -> None:
    begun(repo)
    commits = []
    for path in ("state/tasks/b/task.md", "state/tasks/c/task.md", "src/later.py"):
        repo.write(path, "text\n")
        repo.commit(path)
        commits.append(repo.git("rev-parse", "HEAD").strip())
    found = discover(repo.root)
    for commit in commits:
        found.head = commit
        work_facts(found)
    facts = work_facts(found)
    before = COST.git
    with Since(found, facts._replace(commit=commits[1])) as since:
        assert since.paths(commits[0]) == []
    assert COST.git == before
    with Since(found, facts) as since:
        assert since.paths(commits[0]) == ["src/later.py"]
    assert COST.git == before + 1


def test_a_repository_of_nothing_but_state_is_never_scanned(repo: Repo) -> None:
    repo.write("state/store.yaml", "schema: store/1\n")
    repo.commit("begin")
    before = COST.git
    facts = work_facts(discover(repo.root))
    assert COST.git - before == 2
    assert (facts.dirty, facts.ahead, facts.paths) == (0, None, ())


def test_a_branch_with_an_upstream_knows_how_far_it_is_ahead(repo: Repo, tmp_path: Path) -> None:
    begun(repo)
    clone = Repo(tmp_path / "clone")
    repo.git("clone", "-q", str(repo.root), str(clone.root))
    clone.write("src/main.py", "two\n")
    clone.commit("two")
    assert work_facts(discover(clone.root)).ahead == 1


def test_the_trusted_ref_is_the_remotes_branch_then_a_local_one(repo: Repo, tmp_path: Path) -> None:
    begun(repo)
    trusted = trusted_ref(discover(repo.root))
    assert trusted == ("refs/heads/main", repo.git("rev-parse", "HEAD").strip())
    clone = Repo(tmp_path / "clone")
    repo.git("clone", "-q", str(repo.root), str(clone.root))
    clone.write("src/main.py", "not pushed\n")
    clone.commit("two")
    trusted = trusted_ref(discover(clone.root))
    assert trusted == ("refs/remotes/origin/main", repo.git("rev-parse", "HEAD").strip())
    clone.git("config", "platformstate.trustedRef", "refs/heads/other")
    assert trusted_ref(discover(clone.root)) == ("refs/heads/other", None)
    repo.git("branch", "-m", "main", "trunk")
    assert trusted_ref(discover(repo.root)) is None


def test_ignored_files_are_told_apart(repo: Repo) -> None:
    begun(repo)
    repo.write(".gitignore", "logs/\n")
    repo.write("state/tasks/a/logs/x.log", "x\n")
    assert ignored_files(discover(repo.root)) == {"state/tasks/a/logs/x.log"}


def test_which_commit_reaches_which_is_the_same_asked_one_by_one_or_together(repo: Repo) -> None:
    line = []
    for number in range(12):
        repo.write("a.txt", f"{number}\n")
        line.append(repo.commit(f"commit {number}"))
    repo.git("switch", "-q", "-c", "side", line[3])
    repo.write("b.txt", "b\n")
    side = repo.commit("side")
    repository = discover(repo.root)
    every = [*line, side]
    pairs = {(first, second) for first in every for second in every}
    expected = {(line[a], line[b]) for a in range(12) for b in range(a, 12)}
    expected |= {(line[a], side) for a in range(4)} | {(side, side)}
    assert reached(repository, pairs) == expected
    few = {pair for pair in pairs if pair[1] in (line[5], side)}
    assert reached(repository, few) == {pair for pair in expected if pair in few}
