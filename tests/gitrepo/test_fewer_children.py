"""What is told without a git child is what git tells: loose objects, ignore rules, the top of a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from platformstate.cost import COST
from platformstate.gitrepo import Repository, discover, oids_at
from platformstate.gitrepo.attributes import BLOCK_BEGIN, BLOCK_END, hidden_paths
from platformstate.gitrepo.facts import work_facts
from platformstate.gitrepo.loose import blobs_at, top_of
from tests.conftest import Repo

PATHS = [
    "src/main.py",
    "state/tasks/a/task.md",
    "state/tasks/a",
    "state/tasks/b/task.md",
    "src/main.py/x",
    "src",
]
HIDDEN = "state/tasks/a/runs/r1/checkpoints/c1.md"


@pytest.fixture
def found(repo: Repo) -> Repository:
    repo.write("state/tasks/a/task.md", "one\n")
    repo.write("src/main.py", "pass\n")
    repo.commit("begin")
    return discover(repo.root)


def wanted(repo: Repo) -> list[str | None]:
    blobs = [repo.git("rev-parse", f"HEAD:{path}").strip() for path in PATHS[:2]]
    return [*blobs, None, None, None, None]


def loose_file(found: Repository, oid: str) -> Path:
    return found.common_dir / "objects" / oid[:2] / oid[2:]


def test_files_of_a_commit_are_found_in_loose_objects_without_a_child(repo: Repo, found: Repository) -> None:
    before = COST.git
    assert oids_at(found, str(found.head), PATHS) == wanted(repo)
    assert COST.git == before


def test_files_of_a_packed_commit_are_asked_of_git(repo: Repo, found: Repository) -> None:
    repo.git("repack", "-adq")
    before = COST.git
    assert blobs_at(found, str(found.head), PATHS) is None
    assert oids_at(found, str(found.head), PATHS) == wanted(repo)
    assert COST.git == before + 1


@pytest.mark.parametrize("broken", [b"", b"no object", "another"])
def test_an_object_whose_bytes_do_not_give_its_name_is_not_believed(
    repo: Repo, found: Repository, broken: bytes | str
) -> None:
    commit, tree = str(found.head), repo.git("rev-parse", "HEAD:src").strip()
    data = broken if isinstance(broken, bytes) else loose_file(found, tree).read_bytes()
    loose_file(found, commit).chmod(0o644)
    loose_file(found, commit).write_bytes(data)
    assert top_of(found, commit) is None
    assert blobs_at(found, commit, PATHS) is None


def test_the_top_of_a_commit_is_what_git_lists(repo: Repo, found: Repository) -> None:
    (repo.root / "link").symlink_to("src")
    repo.write("run.sh", "true\n").chmod(0o755)
    repo.commit("more")
    commit = repo.git("rev-parse", "HEAD").strip()
    listed = [line.split("\t") for line in repo.git("ls-tree", commit).splitlines()]
    top = top_of(found, commit)
    assert top is not None
    assert [[" ".join(row), name] for name, row in top.items()] == listed
    loose = work_facts(discover(repo.root))
    repo.git("repack", "-adq")
    assert work_facts(discover(repo.root)) == loose


@pytest.mark.parametrize(
    "rules",
    [
        "*.md",
        "checkpoints/",
        "C1.MD",
        "state/**/c1.md",
        "/state",
        "[c]1.md",
        "c1\\.md",
        "*",
        "r?/",
        "tasks\r",
        "\ufeffc1.md",
    ],
)
def test_a_rule_that_hides_a_path_is_found(repo: Repo, found: Repository, rules: str) -> None:
    repo.git("config", "core.ignoreCase", "true")
    repo.write(".gitignore", f"# a rule\n!src\n{rules}\n" if rules[0] != "\ufeff" else rules)
    assert [row.path for row in hidden_paths(discover(repo.root), [HIDDEN])] == [HIDDEN]


@pytest.mark.parametrize("where", ["state/tasks/.gitignore", ".git/info/exclude", "own"])
def test_a_rule_is_found_wherever_git_looks_for_it(repo: Repo, found: Repository, where: str) -> None:
    (repo.root / where).parent.mkdir(parents=True, exist_ok=True)
    repo.write(where, "c1.md\n")
    repo.git("config", "core.excludesFile", str(repo.root / "own"))
    assert [row.path for row in hidden_paths(discover(repo.root), [HIDDEN])] == [HIDDEN]


def test_a_rule_is_found_that_a_sparse_checkout_leaves_out(repo: Repo, found: Repository) -> None:
    repo.write(".gitignore", f"{BLOCK_BEGIN}\n*.log\n{BLOCK_END}\nc1.md\n")
    repo.commit("rules")
    repo.git("sparse-checkout", "set", "--no-cone", "/state/")
    assert not (repo.root / ".gitignore").exists()
    paths = [HIDDEN, "state/jobs/a/runs/r1/stdout.log"]
    assert [row.path for row in hidden_paths(discover(repo.root), paths)] == [HIDDEN]


def test_rules_that_could_hide_no_path_start_no_child(repo: Repo, found: Repository) -> None:
    repo.write(".gitignore", "# state\n*.pyc\nbuild/\nstate/jobs/*/runs/\nstate/**/.ps-*\n!c1.md\n")
    before = COST.git
    assert hidden_paths(found, [HIDDEN]) == []
    assert COST.git == before
    repo.write(".gitignore", "[x]\n")
    assert hidden_paths(found, [HIDDEN]) == []
    assert COST.git == before + 1
