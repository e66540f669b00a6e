"""Data goes to stdout, talk to stderr; colour only where it is wanted, and never in data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.sandbox import Ended, Sandbox
from tests.forking import Forks

ESCAPE = "\x1b"
LINES = (
    "task list",
    "task show gh-46",
    "task create --id gh-470 --title B --dry-run",
    "task update gh-460 --priority p1 --dry-run",
    "memory checkpoint create --task gh-460 --kind start --dry-run",
    "memory checkpoint list --task gh-460",
    "memory brief --task gh-460",
    "validate",
    "fmt --check",
    "hooks status",
    "explain task_not_found",
    "explain nothing",
    "schema list",
    "init",
    "doctor",
    "tsak",
)


@pytest.fixture
def sandbox(forks: Forks, tmp_path: Path) -> Sandbox:
    """A store with a warning, a refusal and a next step in reach."""
    made = Sandbox(forks, tmp_path)
    made.run("git init -q -b main")
    made.run("platformctl init -q")
    for name in ("gh-460", "gh-461"):
        assert made.run(f"platformctl task create --id {name} --title T --accept works").status == 0
    return made


def _run(sandbox: Sandbox, line: str, settings: str = "", flags: str = "") -> Ended:
    return sandbox.run(f"{settings}platformctl {line} {flags}".strip())


def test_off_a_terminal_nothing_is_coloured(sandbox: Sandbox) -> None:
    for line in LINES:
        ended = _run(sandbox, line)
        assert ESCAPE not in ended.stdout + ended.stderr, line
        assert "Traceback" not in ended.stderr, line


def test_always_colours_labels_on_stderr_and_nothing_else(sandbox: Sandbox) -> None:
    coloured = 0
    for line in LINES:
        plain, ended = _run(sandbox, line), _run(sandbox, line, flags="--color always")
        assert ESCAPE not in ended.stdout, line
        assert ended.status == plain.status, line
        for said in ended.stderr.splitlines():
            assert said.count(ESCAPE) in (0, 2), said
            coloured += said.count(ESCAPE)
            assert said.startswith(ESCAPE) or ESCAPE not in said, said
    assert coloured


def test_quiet_prints_the_same_data_and_no_talk(sandbox: Sandbox) -> None:
    for line in ("task show gh-460", "memory brief --task gh-460", "init", "hooks status", "task list"):
        plain, quiet = _run(sandbox, line), _run(sandbox, line, flags="-q")
        assert (quiet.status, quiet.stdout) == (plain.status, plain.stdout), line
        assert quiet.stderr == "", line


def test_quiet_does_not_hide_a_refusal(sandbox: Sandbox) -> None:
    ended = _run(sandbox, "task show gh-46", flags="-q")
    assert ended.stderr.startswith("error: ")


def test_json_is_the_same_whatever_colour_is_asked_for(sandbox: Sandbox) -> None:
    for line in ("task list", "task show gh-46"):
        plain = _run(sandbox, line, flags="--json")
        assert _run(sandbox, line, flags="--json --color always") == plain
        assert _run(sandbox, line, settings="NO_COLOR=1 ", flags="--json -q") == plain
