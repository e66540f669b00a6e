"""The runner works at the smallest scale; only what does not depend on the machine is enforced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.bench import publish
from tests.bench.figures import LATER, MODULES
from tests.bench.stores import SCALES, Store, build

HERE = Path(__file__).parent
HOME = HERE.parent.parent
CHECKPOINT = "memory checkpoint create --task TASK --actor codex --kind progress --done tests --next more"

# The most git children and the most files opened that a command may need, whatever the size of the store.
# A task's folder holds 12 files; three templates and store.yaml may come on top.
BUDGETS = {
    "--help": (0, 0),
    "explain key_duplicate": (0, 0),
    "task show TASK": (2, 16),
    "memory brief --task TASK": (6, 16),
    CHECKPOINT: (12, 16),
}


def bench(*argv: str, **named: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *argv],
        cwd=HOME,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=False,
    )


def ours(store: Store, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run our command in a store, started from nothing as the bench does."""
    command = [sys.executable, "-m", "platformstate", *argv]
    return subprocess.run(command, cwd=store.root, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_70_15_every_figure_is_taken_or_skipped_with_its_reason(tmp_path: Path) -> None:
    """Each runs once at the smallest scale, has its line, and a result that keeps to the schema."""
    out = tmp_path / "bench.json"
    ran = bench("--smoke", f"OUT={out}")
    assert out.exists(), ran.stderr
    result: dict[str, Any] = json.loads(out.read_text())
    schema = json.loads((HERE / "result.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(result)
    assert {row["id"] for row in result["figures"]} == set(MODULES), result["skipped"]
    assert {skipped["name"] for skipped in result["skipped"]} == {*LATER, "peers"}
    lines = ran.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [row["id"] for row in result["figures"]]


@pytest.mark.slow
def test_70_15_only_takes_exactly_what_is_asked_for_and_start_up_keeps_to_its_goals(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    bench("--smoke", "ONLY=G1,G2", "ROUNDS=5", f"OUT={out}")
    rows = json.loads(out.read_text())["figures"]
    assert {row["id"] for row in rows} == {"G1", "G2"}
    for row in rows:
        bound = float(row["goal"].split()[1])
        assert min(row["ratio"], row["ratio_of_minima"]) <= bound or row["noisy"], row


@pytest.mark.parametrize(
    "argument, listed",
    [
        ("SCALE=2k", "1k, 10k, 50k, tasks-5k"),
        ("ROUNDS=2", "from 5"),
        ("ONLY=G99", "G24"),
        ("FAST=1", "ROUNDS"),
    ],
)
def test_a_bad_argument_lists_what_is_possible(argument: str, listed: str) -> None:
    ran = bench(argument)
    assert ran.returncode == 2
    assert listed in ran.stderr


def test_the_stores_are_valid_and_always_the_same(tmp_path: Path) -> None:
    first, second = (build(tmp_path / name, SCALES["smoke"]) for name in ("one", "two"))
    assert (first.files, first.bytes) == (second.files, second.bytes)
    assert len(list((first.root / "state").rglob("*.md"))) == 100
    ran = ours(first, "validate")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("line", BUDGETS)
def test_70_06_a_command_keeps_to_its_budget(tmp_path: Path, line: str) -> None:
    store = build(tmp_path / "store", SCALES["smoke"])
    argv = line.replace("TASK", store.task).split()
    if line == CHECKPOINT:  # the first one also opens the run
        assert ours(store, *argv).returncode == 0
    ran = ours(store, *argv, "-v")
    assert ran.returncode == 0, ran.stderr
    cost = json.loads(ran.stderr.splitlines()[-1].removeprefix("cost: "))
    assert cost["git"] <= BUDGETS[line][0], cost
    assert cost["read"] <= BUDGETS[line][1], cost


def test_a_clean_validate_keeps_to_its_budget(tmp_path: Path) -> None:
    store = build(tmp_path / "store", SCALES["smoke"])
    ran = ours(store, "validate", "-v")
    cost = json.loads(ran.stderr.splitlines()[-1].removeprefix("cost: "))
    assert cost["git"] <= 7, cost
    assert cost["files"] == store.files - 3  # the source file, and the two that init gives the repository


def test_the_page_of_figures_is_that_of_the_kept_file() -> None:
    assert publish.PAGE.read_text(encoding="utf-8") == publish.page(publish.kept())
    schema = json.loads((Path(__file__).parent / "result.schema.json").read_text())
    for document in publish.kept():
        jsonschema.Draft202012Validator(schema).validate(document)


def test_nothing_is_published_before_it_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = publish.PAGE.read_bytes()
    assert publish.main([str(tmp_path / "bench.json")]) == 2
    assert "run `make bench` first" in capsys.readouterr().err
    assert publish.PAGE.read_bytes() == before


DAGU = """#!/bin/sh
[ "$1" = version ] && echo "stand-in 1.0" && exit
[ "$1" = start ] && [ -f "$2" ] && exec true
"""


def test_a_peer_that_is_here_does_the_same_work(tmp_path: Path) -> None:
    program, out = tmp_path / "dagu", tmp_path / "bench.json"
    program.write_text(DAGU)
    program.chmod(0o755)
    ran = bench("--smoke", "ONLY=G1", "PEERS=dagu", f"OUT={out}", BENCH_DAGU=str(program))
    (peer,) = json.loads(out.read_text())["peers"]
    assert (peer["name"], peer["version"]) == ("Dagu", "stand-in 1.0"), ran.stderr
    assert [row["floor"]["name"] for row in peer["figures"]] == ["dagu start"]


DLT = """#!/bin/sh
case $1 in
  --version) echo "stand-in 2.0" ;;
  *dlt_load.py) [ $(cat "$3" "$4" | wc -l) -gt 120 ] && echo dicts 1234.5 && echo adbc 432.1 ;;
esac
"""


def test_a_peer_that_loads_gets_the_rows_that_were_loaded(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    for name in ("dlt", "python"):
        (tmp_path / name).write_text(DLT)
        (tmp_path / name).chmod(0o755)
    ran = bench("--smoke", "ONLY=G1", "PEERS=dlt", f"OUT={out}", BENCH_DLT=str(tmp_path / "dlt"))
    (peer,) = json.loads(out.read_text())["peers"]
    assert (peer["name"], peer["version"]) == ("dlt", "stand-in 2.0"), ran.stderr
    assert [row["floor"]["median"] for row in peer["figures"]] == [1234.5, 432.1]


def test_a_peer_that_nobody_knows_is_refused() -> None:
    ran = bench("--smoke", "PEERS=dogu")
    assert ran.returncode == 2
    assert "PEERS=dogu: auto, none, or of dagu, dlt" in ran.stderr
