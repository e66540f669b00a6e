"""The runbook is true: each of its commands runs, in its order, against a real database."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from platformstate.errors import registry
from tests.db.conftest import Mirror
from tests.postgres import found_binaries

TEXT = (Path(__file__).parent.parent.parent / "docs" / "database-migration.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


def test_every_command_of_the_runbook_works(fresh: Mirror, tmp_path: Path) -> None:
    assert fresh.database is not None
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "platformctl").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m platformstate "$@"\n')
    (programs / "platformctl").chmod(0o755)
    path = f"{programs}:{found_binaries()[0].folder}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, **fresh.database.env}
    assert len(BLOCKS) >= 9
    for block in BLOCKS:
        argv = ["sh", "-e", "-c", block]
        done = subprocess.run(argv, cwd=fresh.root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


def test_every_code_of_the_database_is_explained_in_the_runbook() -> None:
    told = {line.split("`")[1]: line for line in TEXT.splitlines() if line.startswith("| `db_")}
    assert set(told) == {code for code in registry() if code.startswith("db_")}
    for code, line in told.items():
        assert registry()[code]["cause"] in line
        assert registry()[code]["fix"] in line
