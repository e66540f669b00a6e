"""The runbook is true: each of its commands runs, in its order, against a real database."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from platformstate.errors import registry
from tests.db.conftest import Mirror
from tests.postgres import found_binaries

TEXT = (Path(__file__).parent.parent.parent / "docs" / "database-migration.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


# What a command of ours runs through: it notes how each ended, also left of `||` and of a pipe.
PROGRAM = """#!/bin/sh
"{python}" -m platformstate "$@"
status=$?
echo "$status $*" >> "{noted}"
exit $status
"""
# Those that are to refuse, in the order of the runbook: what they find is what comes next.
REFUSING = ["1 db status --check", "1 db verify"]
# What holds after a block that begins so.
AFTER = {
    "platformctl db migrate --dry-run": ("SELECT to_regclass('platformstate.task') IS NULL", "t"),
    "platformctl db migrate\n": ("SELECT has_table_privilege('platformstate_sync', 'platformstate.task', 'DELETE')", "t"),
    "platformctl db sync --dry-run": ("SELECT count(*) > 1 FROM platformstate.sync_run", "t"),
    "platformctl task create": ("SELECT count(*) FROM platformstate.verify_run WHERE document_sha256 IS NOT NULL", "1"),
    "platformctl db sync --ref": ("SELECT status FROM platformstate.task WHERE task_id = 'live-tables'", "done"),
    "psql": ("SELECT count(*) > 1 FROM platformstate.task WHERE title <> 'edited by hand'", "t"),
}  # fmt: skip


@pytest.mark.slow
def test_every_command_of_the_runbook_works(fresh: Mirror, tmp_path: Path) -> None:
    assert fresh.database is not None
    programs, noted = tmp_path / "bin", tmp_path / "noted"
    programs.mkdir()
    (programs / "platformctl").write_text(PROGRAM.format(python=sys.executable, noted=noted))
    (programs / "platformctl").chmod(0o755)
    path = f"{programs}:{found_binaries()[0].folder}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, **fresh.database.env}
    assert len(BLOCKS) >= 12
    asked = set()
    for block in BLOCKS:
        argv = ["bash", "-e", "-o", "pipefail", "-c", block]
        done = subprocess.run(argv, cwd=fresh.root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        for start, (question, answer) in AFTER.items():
            if block.startswith(start):
                asked.add(start)
                ask = ["psql", fresh.database.conninfo, "-At", "-c", question]
                said = subprocess.run(ask, env=env, capture_output=True, text=True, check=True).stdout
                assert said.strip() == answer, block
    ended = noted.read_text().splitlines()
    assert [line for line in ended if not line.startswith("0 ")] == REFUSING
    assert len(ended) == sum(line.count("platformctl ") for block in BLOCKS for line in block.splitlines())
    assert asked == set(AFTER)


def test_every_code_of_the_database_is_explained_in_the_runbook() -> None:
    told = {line.split("`")[1]: line for line in TEXT.splitlines() if line.startswith("| `db_")}
    assert set(told) == {code for code in registry() if code.startswith("db_")}
    for code, line in told.items():
        assert registry()[code]["cause"] in line
        assert registry()[code]["fix"] in line
