"""The scripts that let a shell complete our command line."""

from __future__ import annotations

from platformstate import packaged
from platformstate.actions.answer import Answer


def completion_script(shell: str) -> Answer:
    """Return the lines that a shell has to read once."""
    return Answer({"shell": shell, "script": packaged.read("completion", f"{shell}.sh").decode()})
