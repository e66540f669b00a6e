"""Each command loads only what it needs; the table is the whole rule."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Repo

HOME = Path(__file__).parent.parent
WATCHED = frozenset(
    [
        "click",
        "yaml",
        "frontmatter",
        "jsonschema",
        "referencing",
        "rpds",
        "jsonschema_rs",
        "git",
        "gitdb",
        "jinja2",
        "cronsim",
        "tzdata",
        "zoneinfo",
        "psycopg",
        "mcp",
        "sqlite3",
        "asyncio",
        "multiprocessing",
        "concurrent.futures",
        "importlib.metadata",
        "logging",
        "rich",
    ]
)
HELP = {"click"}
READ = HELP | {"yaml", "jsonschema_rs"}
MIRROR = READ | {"sqlite3"}
WRITE = READ | {"git", "gitdb", "logging"}
REFERENCE = READ | {"jsonschema", "referencing", "rpds"}
IMPORT = WRITE | {"frontmatter"}
CHECKPOINT = "memory checkpoint create --task one --kind progress --done tests --next more"
PROCEDURE = """---
schema: procedure/1
id: demo

title: Demo

steps:
  - {key: first, kind: command, run: "true", idempotent: true}
---
"""

SCHEDULE = READ | {"cronsim", "tzdata", "zoneinfo"}
JOB = """---
schema: job/1
id: nothing

title: Do nothing

target: {kind: command, argv: ["true"]}

trigger: {kind: cron, cron: "30 2 * * *", timezone: UTC}
---
"""
ROWS: dict[str, set[str]] = {
    "--version": set(),
    "--help": HELP,
    "validate --bogus": HELP,
    "explain": HELP,
    "hooks run pre-commit": HELP,
    "explain key_duplicate": READ,
    "validate": SCHEDULE,
    "validate --rev HEAD": SCHEDULE,
    "task list": READ,
    "task show one": READ,
    "memory brief --task one": READ,
    "memory checkpoint list --task one": READ,
    "procedure list": READ,
    "procedure show demo": READ,
    "procedure lint demo": READ,
    "procedure conduct demo --dry-run": READ,
    "run list": READ,
    "run show RUN": READ,
    "run steps RUN": READ,
    "run tail RUN": READ,
    "run verify RUN": READ,
    "run resume RUN --dry-run": READ,
    "procedure conduct demo --new": WRITE,
    "procedure conduct demo --new --no-commit": READ,
    "jobs list": SCHEDULE,
    "jobs next nothing": SCHEDULE,
    "jobs status": SCHEDULE,
    "jobs tick": SCHEDULE,
    "jobs run nothing --no-commit": SCHEDULE,
    "jobs history nothing": SCHEDULE,
    "fmt --check": READ,
    "schema list": READ,
    "doctor": SCHEDULE,
    "task create --title Two": WRITE,
    "task update one --priority p1": WRITE,
    CHECKPOINT: WRITE,
    f"{CHECKPOINT} --no-commit": READ,
    "db grant-sql": HELP,
    "db sync --sqlite ../imports.db": MIRROR,
    "db verify --sqlite ../imports.db": MIRROR,
    "db status --sqlite ../imports.db": MIRROR,
    "db export --sqlite ../imports-state.db": MIRROR,
    "validate --reference": REFERENCE | SCHEDULE,
    "task create --from note.md": IMPORT,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with one task and one checkpoint."""
    repo = Repo(tmp_path_factory.mktemp("imports"))
    repo.git("init", "-q", "-b", "main")
    repo.write("src/a.py", "a = 1\n")
    repo.write("note.md", "---\ntitle: Note\n---\nText.\n")
    repo.commit()
    for line in ("init", "task create --id one --title One --accept works", CHECKPOINT):
        assert _run(repo.root, line).returncode == 0
    repo.write("state/procedures/demo/procedure.md", PROCEDURE)
    repo.write("state/jobs/nothing/job.md", JOB)
    repo.commit()
    for line in ("procedure conduct demo", "jobs approve nothing"):
        assert _run(repo.root, line).returncode == 0
    return repo.root


def _run(root: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "platformstate", *line.split()],
        cwd=root,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )


def _loaded(importtime: str) -> set[str]:
    names = {
        line.rpartition("|")[2].strip() for line in importtime.splitlines() if line.startswith("import time:")
    }
    return {watched for watched in WATCHED if any(f"{name}.".startswith(f"{watched}.") for name in names)}


@pytest.mark.parametrize("line", ROWS)
def test_70_02_a_command_loads_only_its_row(store: Path, line: str) -> None:
    run = next(store.glob("state/procedures/demo/runs/*")).name
    ran = _run(store, line.replace("RUN", run))
    assert "internal_error" not in ran.stderr
    assert "_not_found" not in ran.stderr
    assert _loaded(ran.stderr) - ROWS[line] == set()


def test_the_hook_for_files_to_check_loads_no_git_library(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(store), str(copy)], check=True)
    task = copy / "state" / "tasks" / "one" / "task.md"
    task.write_text(task.read_text().replace("title: One", "title: Other"))
    subprocess.run(["git", "add", "state"], cwd=copy, check=True)
    ran = _run(copy, "hooks run pre-commit")
    assert ran.returncode == 0, ran.stdout
    assert _loaded(ran.stderr) - READ == set()


def test_no_help_text_anywhere_loads_more_than_click() -> None:
    code = "import sys; from tools.docs import commands; [one.get_help() for one in commands()]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=True)
    assert WATCHED & set(done.stdout.split()) == HELP


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, platformstate; print(*[name for name in sys.modules if name.startswith('platformstate')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["platformstate"]
