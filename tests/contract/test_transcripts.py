"""What commands print is what the transcripts say; every command has its success and its refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import commands, transcripts
from tests.contract.sandbox import is_ours
from tests.forking import Forks

REWRITE = "python -m tests.contract.transcripts --write"


@pytest.mark.slow
@pytest.mark.parametrize("name", transcripts.names())
def test_commands_print_what_the_transcript_says(name: str, forks: Forks, tmp_path: Path) -> None:
    text = transcripts.text_of(name)
    now = transcripts.played(text, forks, tmp_path)
    assert now.splitlines() == text.splitlines(), f"if this is meant: {REWRITE} {name}"


def _statuses(path: str) -> set[int]:
    typed = [step for name in transcripts.names() for step in transcripts.steps(transcripts.text_of(name))]
    return {step.status for step in typed if is_ours(step.line) and commands.meant(step.line) == path}


@pytest.mark.parametrize("path", commands.paths())
def test_every_command_has_a_transcript_of_success_and_of_refusal(path: str) -> None:
    statuses = _statuses(path)
    assert 0 in statuses, f"no transcript shows `platformctl {path}` succeed"
    assert statuses - {0}, f"no transcript shows `platformctl {path}` refuse"


def test_a_transcript_can_be_played_twice_with_the_same_end(forks: Forks, tmp_path: Path) -> None:
    lines = "$ git init -q\n$ platformctl init --json\n$ platformctl task create --title Two --json\n"
    first, second = (transcripts.played(lines, forks, tmp_path / name) for name in ("a", "b"))
    assert first == second
    assert "<task-1>" in first
    assert "<oid-1>" in first
