"""No shape of a history makes a forged criterion pass: merges, unreadable versions, moves that lead nowhere."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from platformstate.actions.task_close import reopen_task
from platformstate.actions.task_criteria import move_criterion, waive_criterion
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from tests.evidence.test_closing import close, write_contract
from tests.memory.conftest import Memory

PATH = "state/tasks/gh-460/task.md"
LIVE = "  - id: ac2\n    text: Live\n    proof: live\n    state: open\n"


def errors(memory: Memory, **wish: Any) -> list[str]:
    data = validate_state(str(memory.repo.root), Wish(**wish)).data
    return [row["code"] for row in data["problems"] if row["severity"] == "error"]


def edit(memory: Memory, old: str, new: str, path: str = PATH) -> None:
    text = memory.text(path)
    assert old in text
    memory.repo.write(path, text.replace(old, new))


def commit_tree(memory: Memory, *parents: str) -> str:
    """Commit the working files with any parents at all, as plumbing allows."""
    memory.repo.git("add", "-A")
    named = [word for parent in parents for word in ("-p", parent)]
    return memory.repo.git("commit-tree", memory.repo.git("write-tree").strip(), *named, "-m", "x").strip()


def at_the_merge(memory: Memory, merge: str) -> dict[str, list[str]]:
    """Return what each way of judging a merge says: as a range, by itself, and while it is in the index."""
    git = memory.repo.git
    first, *others = git("rev-parse", f"{merge}^@").split()
    git("update-ref", "--no-deref", "HEAD", first)
    git("read-tree", merge)
    memory.repo.write(".git/MERGE_HEAD", "".join(f"{oid}\n" for oid in others))
    ways = {"range": {"range": f"{first}..{merge}"}, "rev": {"rev": merge}, "staged": {"staged": True}}
    return {way: errors(memory, **wish) for way, wish in ways.items()}


def alike(*codes: str) -> dict[str, list[str]]:
    return {way: list(codes) for way in ("range", "rev", "staged")}


@pytest.fixture
def based(memory: Memory) -> str:
    """The commit from which a branch forges: a task of two criteria, at work."""
    memory.create(accept=["Written::doc", "Live::live"])
    memory.claim()
    return memory.head()


@pytest.mark.parametrize("own_first", [True, False])
def test_a_merge_takes_no_criterion_away_with_a_file_of_an_unrelated_parent(
    memory: Memory, based: str, own_first: bool
) -> None:
    edit(memory, LIVE, "")
    orphan = commit_tree(memory)
    merge = commit_tree(memory, *((based, orphan) if own_first else (orphan, based)))
    assert errors(memory, range=f"{based}..{merge}") == ["criterion_removed"]
    assert at_the_merge(memory, merge) == alike("criterion_removed")


def test_a_merge_rewords_no_criterion_with_a_file_of_an_unrelated_parent(memory: Memory, based: str) -> None:
    edit(memory, "proof: live", "proof: doc")
    merge = commit_tree(memory, based, commit_tree(memory))
    assert at_the_merge(memory, merge) == alike("criterion_changed")


def test_a_merge_that_keeps_the_old_side_drops_no_criterion_of_the_other(memory: Memory, based: str) -> None:
    repo = memory.repo
    repo.git("checkout", "-q", "-b", "aside")
    repo.write("src/x.py", "x = 1\n")
    repo.commit("aside")
    repo.git("checkout", "-q", "main")
    memory.update(accept=["Fast::test"])
    since = memory.head()
    repo.git("checkout", "-q", "aside")
    repo.git("merge", "-q", "-s", "ours", "-m", "drop it", "main")
    assert errors(memory, range=f"{since}..HEAD") == ["criterion_removed"]
    assert at_the_merge(memory, memory.head()) == alike("criterion_removed")


def test_a_merge_that_takes_one_side_loses_no_record_of_the_other(memory: Memory, based: str) -> None:
    repo = memory.repo
    repo.git("checkout", "-q", "-b", "aside")
    repo.write("src/x.py", "x = 1\n")
    repo.commit("aside")
    repo.git("checkout", "-q", "main")
    memory.create("gh-461")
    memory.say("a step")
    repo.git("checkout", "-q", "aside")
    repo.git("merge", "-q", "-s", "ours", "-m", "drop it", "main")
    told = at_the_merge(memory, memory.head())
    assert {"record_deleted", "record_immutable_deleted"} <= set(told["rev"])
    assert set(told["staged"]) == set(told["rev"]) <= set(told["range"])


def test_a_merge_may_bring_what_was_reworded_legally_to_a_side_that_left_it_alone(
    memory: Memory, based: str
) -> None:
    repo = memory.repo
    repo.git("checkout", "-q", "-b", "aside")
    edit(memory, "priority: p2", "priority: p1") if "priority: p2" in memory.text(PATH) else None
    edit(memory, "labels: []", "labels:\n  - slow")
    repo.commit("a label")
    repo.git("checkout", "-q", "main")
    for old, new in (
        ("status: implementation", "status: refining"),
        ("text: Live", "text: Alive"),
        ("status: refining", "status: implementation"),
    ):
        edit(memory, old, new)
        repo.commit("refine")
    since = memory.head()
    repo.git("checkout", "-q", "aside")
    repo.git("merge", "-q", "-m", "bring main", "main")
    assert "text: Alive" in memory.text(PATH)
    assert errors(memory, range=f"{since}..HEAD") == []
    assert at_the_merge(memory, memory.head()) == alike()


def test_an_unreadable_version_of_another_branch_is_not_what_came_before(memory: Memory, based: str) -> None:
    good = memory.text(PATH)
    memory.repo.write(PATH, "no record\n")
    orphan = commit_tree(memory)
    broken = commit_tree(memory, based)
    memory.repo.write(PATH, good.replace(LIVE, ""))
    forged = commit_tree(memory, broken)
    merge = commit_tree(memory, orphan, forged)
    assert errors(memory, range=f"{based}..{merge}") == ["criterion_removed"]


def test_a_merge_of_unreadable_versions_hides_no_side(memory: Memory, based: str) -> None:
    good = memory.text(PATH)
    memory.repo.write(PATH, good.replace(LIVE, ""))
    orphan = commit_tree(memory)
    memory.repo.write(PATH, "no record\n")
    merge = commit_tree(memory, orphan, based)
    memory.repo.write(PATH, good.replace(LIVE, ""))
    forged = commit_tree(memory, merge)
    assert errors(memory, range=f"{based}..{forged}") == ["criterion_removed"]


def test_a_criterion_that_moved_to_itself_is_nowhere(memory: Memory, based: str) -> None:
    edit(memory, LIVE, LIVE.replace("state: open", 'state: moved\n    moved_to: "gh-460#ac2"'))
    assert errors(memory) == ["criterion_move_broken"]


def test_criteria_that_moved_in_a_circle_are_nowhere(memory: Memory, based: str) -> None:
    for name in ("gh-661", "gh-662"):
        memory.create(name, accept=["Live::live"])
    since = memory.head()
    ring = {"gh-460": "gh-661#ac1", "gh-661": "gh-662#ac1", "gh-662": "gh-460#ac2"}
    for name, target in ring.items():
        path = f"state/tasks/{name}/task.md"
        edit(
            memory,
            "proof: live\n    state: open",
            f"proof: live\n    state: moved\n    moved_to: {target!r}".replace("'", '"'),
            path,
        )
    assert errors(memory) == ["criterion_move_broken"] * 3
    memory.repo.commit("a ring")
    assert errors(memory, range=f"{since}..HEAD") == ["criterion_move_broken"] * 3


def test_a_criterion_may_move_on_from_where_it_moved_to(memory: Memory, based: str) -> None:
    for name in ("gh-661", "gh-662"):
        memory.create(name)
    move_criterion(memory.store("operator"), "gh-460", "ac2", "gh-661")
    move_criterion(memory.store("operator"), "gh-661", "ac2", "gh-662")
    assert errors(memory) == []
    assert errors(memory, range=f"{based}..HEAD") == []


def test_what_moved_to_a_task_is_not_made_easier_there(memory: Memory, based: str) -> None:
    memory.create("gh-661", accept=[])
    move_criterion(memory.store("operator"), "gh-460", "ac2", "gh-661")
    since = memory.head()
    edit(memory, "proof: live", "proof: doc", "state/tasks/gh-661/task.md")
    memory.repo.git("add", "-A")
    assert errors(memory, staged=True) == ["criterion_move_broken"]
    memory.repo.commit("easier")
    assert errors(memory, range=f"{since}..HEAD") == ["criterion_move_broken"]


def test_what_moved_to_a_task_is_not_given_up_there(memory: Memory, based: str) -> None:
    memory.create("gh-661", accept=[])
    move_criterion(memory.store("operator"), "gh-460", "ac2", "gh-661")
    since = memory.head()
    with pytest.raises(StateError) as refused:
        memory.update("gh-661", status="retired", reason="nobody needs it")
    assert refused.value.code == "task_transition_refused"
    assert "waive-criterion gh-661 ac1" in str(refused.value.hint)
    edit(memory, "status: intake\n", "status: retired\nstatus_reason: x\n", "state/tasks/gh-661/task.md")
    assert errors(memory) == ["criterion_move_broken"]
    told = validate_state(str(memory.repo.root), Wish()).data["problems"]
    assert "waive-criterion gh-661 ac1" in told[0]["fix"]
    memory.repo.git("add", "-A")
    assert errors(memory, staged=True) == ["criterion_move_broken"]
    memory.repo.commit("given up")
    assert errors(memory, range=f"{since}..HEAD") == ["criterion_move_broken"]
    memory.repo.git("reset", "-q", "--hard", since)
    waive_criterion(memory.store("operator"), "gh-661", "ac1", "nobody needs it")
    memory.update("gh-661", status="retired", reason="nobody needs it")
    assert errors(memory) == errors(memory, range=f"{since}..HEAD") == []


def test_what_a_task_asked_that_was_given_up_itself_is_given_up_with_it(memory: Memory, based: str) -> None:
    memory.create("gh-661", accept=[])
    move_criterion(memory.store("operator"), "gh-460", "ac2", "gh-661")
    memory.update(status="parked", reason="later")
    memory.update(status="retired", reason="nobody needs it")
    memory.update("gh-661", status="retired", reason="nobody needs it")
    assert errors(memory) == errors(memory, range=f"{based}..HEAD") == []


def test_a_reopened_criterion_is_not_met_again_by_what_it_had(memory: Memory) -> None:
    memory.create()
    work = write_contract(memory)
    close(memory, f"ac1=commit:{work}")
    closed = memory.text(PATH)
    reopen_task(memory.store("operator"), "gh-460", "it was wrong", criteria=["ac1"])
    since = memory.head()
    memory.repo.write(PATH, closed)
    memory.repo.git("add", "-A")
    assert errors(memory, staged=True) == ["evidence_broken"]
    memory.repo.commit("as before")
    assert errors(memory, range=f"{since}..HEAD") == ["evidence_broken"]


def test_a_reopened_criterion_is_met_again_by_new_evidence(memory: Memory) -> None:
    memory.create()
    work = write_contract(memory)
    close(memory, f"ac1=commit:{work}")
    reopen_task(memory.store("operator"), "gh-460", "it was wrong", criteria=["ac1"])
    since = memory.head()
    close(memory, f"ac1=commit:{work}")
    assert errors(memory, range=f"{since}..HEAD") == []


def raw_tree(memory: Memory, *entries: tuple[str, str, str]) -> str:
    """Write a tree of these entries as they are, which git itself would sort and refuse."""
    raw = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    argv = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    made = subprocess.run(argv, cwd=memory.repo.root, input=raw, capture_output=True, check=True)
    return made.stdout.decode().strip()


def committed(memory: Memory, based: str, *files: tuple[str, str, str]) -> str:
    """Commit the store with a folder of the task that holds just these entries, and its runs."""
    git = memory.repo.git
    tree = raw_tree(memory, *files)
    for folder in ("state/tasks/gh-460", "state/tasks", "state"):
        above, _, name = folder.rpartition("/")
        rows = [row.split() for row in git("ls-tree", f"{based}:{above}").splitlines()]
        tree = raw_tree(
            memory, *((mode.lstrip("0"), path, tree if path == name else oid) for mode, _, oid, path in rows)
        )
    return git("commit-tree", tree, "-p", based, "-m", "by hand").strip()


@pytest.mark.parametrize("shape", ["twice", "twice, the other first", "out of order"])
def test_a_tree_made_by_hand_hides_no_version_of_a_task(memory: Memory, based: str, shape: str) -> None:
    good = memory.repo.git("rev-parse", f"{based}:{PATH}").strip()
    runs = ("40000", "runs", memory.repo.git("rev-parse", f"{based}:state/tasks/gh-460/runs").strip())
    edit(memory, LIVE, "")
    forged = memory.repo.git("hash-object", "-w", PATH).strip()
    new, old = ("100644", "task.md", forged), ("100644", "task.md", good)
    entries = {"twice": (runs, old, new), "twice, the other first": (runs, new, old)}
    commit = committed(memory, based, *entries.get(shape, (("100644", "zz.md", good), runs, new)))
    assert "path_case_collision" in errors(memory, range=f"{based}..{commit}")
    if shape == "out of order":
        assert "criterion_removed" in errors(memory, range=f"{based}..{commit}")
