"""Trees that no careful hand makes: what a checkout would do counts, not only what paths git tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from platformstate.actions.refs import RefUpdate
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from platformstate.policy.root_rules import lookalike_problems
from tests.gate.conftest import CHECKPOINT, TASK, State

Rows = list[tuple[str, str, bytes]]


def made(state: State, rows: Rows) -> str:
    """Commit a root folder of these (mode, id, name) on top of main, and return the commit."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, oid, name in rows)
    asked = ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"]
    tree = subprocess.run(asked, cwd=state.root, input=data, capture_output=True, check=True).stdout
    return state.git("commit-tree", tree.decode().strip(), "-p", "main", "-m", "made").strip()


def folder(state: State) -> tuple[str, str, bytes]:
    return ("40000", state.git("rev-parse", "main:state").strip(), b"state")


def a_path_as_one_name(state: State) -> str:
    forged = state.text(CHECKPOINT).replace("pin the", "unpin the")
    oid = state.git("hash-object", "-w", "--stdin", stdin=forged).strip()
    return made(state, [folder(state), ("100644", oid, CHECKPOINT.encode())])


def a_second_state(state: State) -> str:
    return made(state, [("40000", folder(state)[1], b"State"), folder(state)])


def an_executable(state: State) -> str:
    state.git("update-index", "--chmod=+x", CHECKPOINT)
    tree = state.git("write-tree").strip()
    return state.git("commit-tree", tree, "-p", "main", "-m", "made").strip()


def a_link_with_the_bytes_of_the_record(state: State) -> str:
    oid = state.git("rev-parse", f"main:{TASK}").strip()
    state.git("update-index", "--cacheinfo", f"120000,{oid},{TASK}")
    return state.git("commit-tree", state.git("write-tree").strip(), "-p", "main", "-m", "made").strip()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (a_path_as_one_name, "path_case_collision"),
        (a_second_state, "path_case_collision"),
        (an_executable, "path_mode_invalid"),
        (a_link_with_the_bytes_of_the_record, "path_mode_invalid"),
    ],
)
def test_a_made_tree_is_refused_in_every_way_of_judging_it(
    state: State, make: Callable[[State], str], code: str
) -> None:
    base, commit = state.git("rev-parse", "main").strip(), make(state)
    pushed = [RefUpdate(base, commit, "refs/heads/work")]
    ways = ({"rev": commit}, {"range": f"main..{commit}"}, {"refs": pushed})
    for wish in (*ways, {"range": f"main..{commit}", "endpoints": True}):
        errors = {row["code"] for row in state.data(**wish)["problems"] if row["severity"] == "error"}
        assert code in errors, wish


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("state", False),
        ("states", False),
        ("src", False),
        ("STATE", True),
        ("\u017ftate", True),
        ("st\u200date", True),
        ("state/x", True),
        ("State\\x", True),
    ],
)
def test_names_that_some_file_system_takes_for_state(name: str, told: bool) -> None:
    assert bool(list(lookalike_problems([name]))) == told


def a_bomb(state: State, levels: int) -> str:
    """Commit a folder in `state/` of which few trees name ten to the power of `levels` files."""

    def tree(rows: Rows) -> str:
        listed = "".join(
            f"{mode} {'tree' if mode == '40000' else 'blob'} {oid}\t{name.decode()}\n"
            for mode, oid, name in rows
        )
        return state.git("mktree", stdin=listed).strip()

    inner = tree([("100644", state.git("hash-object", "-w", "--stdin", stdin="x").strip(), b"f")])
    for _ in range(levels):
        inner = tree([("40000", inner, f"d{number}".encode()) for number in range(10)])
    rows = [
        (mode.lstrip("0"), oid, name.encode())
        for mode, _, oid, name in (row.split() for row in state.git("ls-tree", "main:state").splitlines())
    ]
    return made(state, [("40000", tree([*rows, ("40000", inner, b"zz")]), b"state")])


def test_a_tree_that_names_more_files_than_memory_holds_is_refused(state: State) -> None:
    with pytest.raises(StateError) as refused:
        validate_state(str(state.root), Wish(rev=a_bomb(state, 9)))
    assert (refused.value.code, refused.value.exit_status) == ("text_too_large", 1)


@pytest.mark.soak
def test_a_range_that_names_more_files_than_memory_holds_is_refused(state: State) -> None:
    with pytest.raises(StateError) as refused:
        validate_state(str(state.root), Wish(range=f"main..{a_bomb(state, 9)}"))
    assert refused.value.code == "text_too_large"


@pytest.mark.soak
def test_a_record_that_a_thousand_commits_break_costs_each_of_them_once(state: State) -> None:
    text, rows = state.text(TASK).replace("title:", "titel:"), []
    for number in range(3000):
        begin = "" if number else "from main^0\n"
        broken = f"{text}\n{number}\n"
        rows.append(
            f"commit refs/heads/work\ncommitter A <a@b> {1700000000 + number} +0000\ndata 1\nx\n"
            f"{begin}M 100644 inline {TASK}\ndata {len(broken)}\n{broken}\n"
        )
    state.git("fast-import", "--quiet", stdin="".join(rows))
    program = str(Path(sys.executable).with_name("platformctl"))
    ran = subprocess.run(
        [program, "validate", "--range", "main..work"], cwd=state.root, timeout=60, check=False
    )
    assert ran.returncode == 1
