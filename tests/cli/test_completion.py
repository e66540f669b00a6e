"""Completion: the words that the program offers, and the shells of this machine that ask for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from platformstate.actions.completion import completion_script
from platformstate.cli.commands import COMMANDS
from platformstate.cli.completion import SHELLS, completed
from tests.conftest import Platformctl

# How each shell is asked, without a terminal, what it would offer after `platformctl task cr`.
ASK = {
    "bash": 'source SCRIPT; COMP_WORDS=(platformctl task cr); COMP_CWORD=2; _platformctl; echo "${COMPREPLY[@]}"',
    "zsh": (
        "compdef() { : }; compadd() { print -- ${@[2,-1]} }; source SCRIPT; "
        "words=(platformctl task cr); CURRENT=3; _platformctl"
    ),
    "fish": 'source SCRIPT; complete -C "platformctl task cr"',
}
FLAGS = {"bash": ["--norc", "-c"], "zsh": ["-fc"], "fish": ["--no-config", "-c"]}


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        (["ta"], 1, ["task"]),
        (["task", "cr"], 2, ["create"]),
        (["task", "update", "x", "--status", "ret"], 5, ["retired"]),
        (["--json", "ta"], 2, ["task"]),
        (["-C", "/tmp", "task", "sh"], 4, ["show"]),
        (["completion", "z"], 2, ["zsh"]),
        (["validate", "sta"], 2, []),
        (["nonsense", ""], 2, list(COMMANDS)),
    ],
)
def test_words_are_offered_where_they_fit(words: list[str], index: int, expected: list[str]) -> None:
    assert completed(words, index) == expected


def test_every_command_is_offered_first() -> None:
    assert completed([], 1) == list(COMMANDS)


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_a_shell_reads_the_script_and_completes(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(completion_script(shell).data["script"])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        [shell, *FLAGS[shell], ASK[shell].replace("SCRIPT", str(script))],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        check=False,
    )
    assert (ran.stdout.split(), ran.stderr) == (["create"], "")


def test_more_than_a_shell_is_refused(platformctl: Platformctl) -> None:
    for argv in (["bash", "zsh"], ["tcsh"], []):
        ran = platformctl("completion", *argv, "--json")
        assert (ran.status, ran.document["error"]["code"]) == (2, "usage_invalid")
