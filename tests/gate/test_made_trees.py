"""Trees that no careful hand makes: what a checkout would do counts, not only what paths git tells."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from platformstate.actions.refs import RefUpdate
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
