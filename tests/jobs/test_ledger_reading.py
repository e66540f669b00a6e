"""A ledger that was remembered is read like any other: what was added is there, and what was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.job_ledger import read_ledger, remember_ledger
from platformstate.errors import StateError
from platformstate.files import WorkTree

FILE = "state/jobs/export/ledger/2026-03.aaaaaaaa.jsonl"


def line(minute: int, **changed: Any) -> str:
    said = {"at": f"2026-03-02T00:{minute:02d}:00Z", "job": "export", "status": "resumed", "actor": "ann"}
    return json.dumps({**said, "run": None, "slot": None, "reason": None, **changed}) + "\n"


@pytest.fixture
def tree(tmp_path: Path) -> WorkTree:
    (tmp_path / FILE).parent.mkdir(parents=True)
    write(tmp_path, line(1), line(2))
    made = WorkTree(tmp_path)
    remember_ledger(made, "export")
    return made


def write(root: Path, *lines: str) -> None:
    (root / FILE).write_text("".join(lines))


def minutes(tree: WorkTree) -> list[str]:
    return [row["at"][14:16] for row in read_ledger(tree, "export")]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ((line(1), line(2), line(3)), ["01", "02", "03"]),
        ((line(1), line(2), line(3)[:20]), ["01", "02"]),
        ((line(1),), ["01"]),
        ((line(1), line(2).replace("02:00", "07:00"), line(9)), ["01", "07", "09"]),
        ((line(0), line(1), line(2)), ["00", "01", "02"]),
        ((), []),
    ],
)
def test_what_became_of_a_remembered_ledger_is_read(
    tree: WorkTree, now: tuple[str, ...], told: list[str]
) -> None:
    write(tree.root, *now)
    assert minutes(tree) == told
    remember_ledger(tree, "export")
    assert minutes(tree) == told


def test_a_line_that_is_none_is_told_by_its_place_in_the_whole_file(tree: WorkTree) -> None:
    write(tree.root, line(1), line(2), line(3), "no JSON\n")
    with pytest.raises(StateError) as refused:
        read_ledger(tree, "export")
    assert (refused.value.code, refused.value.path, refused.value.line) == ("state_invalid", FILE, 4)
