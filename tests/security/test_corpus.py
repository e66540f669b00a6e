"""Hostile files: each gets its codes; none crashes, stalls, runs, reaches out or escapes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from platformstate import packaged
from tests.conftest import Repo
from tests.security.child import MEMORY_BYTES
from tests.security.corpus import CORPUS
from tests.security.making import Hostile

AT_LEAST = 100
TIMEOUT_SECONDS = 120
HOME = Path(__file__).parent.parent.parent
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
TASKS = [each.name for each in CORPUS if not each.path]


def store_with(root: Path, *cases: Hostile) -> Repo:
    """Make a repository with the example store, committed, and hostile files that are not."""
    root.mkdir()
    repo = Repo(root)
    repo.git("init", "-q", "-b", "main")
    shutil.copytree(packaged.folder("examples") / "store" / "state", root / "state")
    repo.commit("a store")
    for case in cases:
        repo.write(case.place, case.data)
    return repo


def snapshot(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git/platformstate" not in path.as_posix()
    }


def child(root: Path, *tasks: str) -> dict[str, Any]:
    """Read a store in a process with little memory; a traceback or a signal fails the test."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.security.child", str(root), *tasks],
        cwd=HOME,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes], dict[str, Any]]:
    """One store with every hostile file, as it was before it was read, and how reading it went."""
    place = tmp_path_factory.mktemp("hostile")
    repo = store_with(place / "repo", *CORPUS)
    before = snapshot(place)
    return place, before, child(repo.root, *TASKS)


def test_there_are_a_hundred_with_a_reason_each() -> None:
    assert len(CORPUS) >= AT_LEAST
    assert len({each.name for each in CORPUS}) == len({each.place for each in CORPUS}) == len(CORPUS)
    assert all(len(each.reason) > len("reason") for each in CORPUS)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_each_gets_its_codes_and_no_other(
    case: Hostile, everything: tuple[Path, dict[str, bytes], dict[str, Any]]
) -> None:
    found = {code for path, code, _ in everything[2]["problems"] if path == case.place}
    assert found == case.codes, case.reason


def test_no_other_file_is_refused_for_them(
    everything: tuple[Path, dict[str, bytes], dict[str, Any]],
) -> None:
    places = {each.place for each in CORPUS}
    others = {(path, code) for path, code, _ in everything[2]["problems"] if path not in places}
    assert others == {("state/tasks/gh-460/task.md", "path_case_collision")}


def test_every_reading_ends_with_an_answer_or_a_refusal(
    everything: tuple[Path, dict[str, bytes], dict[str, Any]],
) -> None:
    ended = everything[2]["ended"]
    assert len(ended) > 3 * len(TASKS)
    assert "internal_error" not in set(ended.values())
    assert ended["validate"] == ended["diff"] == ended["fmt"] == ended["fmt --fix"] == "state_invalid"


def test_reading_them_writes_nothing_and_needs_little_memory(
    everything: tuple[Path, dict[str, bytes], dict[str, Any]],
) -> None:
    place, before, told = everything
    assert snapshot(place) == before
    assert told["memory"] < MEMORY_BYTES


def test_nothing_that_is_shown_of_them_can_steer_a_terminal(
    everything: tuple[Path, dict[str, bytes], dict[str, Any]],
) -> None:
    told = everything[2]
    assert [text for text in told["shown"] if UNSAFE.search(text)] == []
    secrets = [case for case in CORPUS if "secret_found" in case.codes]
    values = [case.data.decode().split("use ")[1].split(" here")[0] for case in secrets]
    shown = json.dumps(told)
    assert [value for value in values if json.dumps(value)[1:-1] in shown] == []
