"""Show one file as `git diff` compares it: a record as plain lines, everything else as it is."""

from __future__ import annotations

from pathlib import Path

from platformstate.actions.answer import Answer
from platformstate.errors import StateError, shown
from platformstate.files.errors import explained
from platformstate.policy.plain_text import plain_text


def text_for_git(directory: str, file: str) -> Answer:
    """Return a file's text for a line by line comparison; one that does not parse is shown raw."""
    path = Path(directory, file)
    with explained(file):
        if not path.is_file():  # a pipe would be waited for
            raise StateError("usage_invalid", f"{shown(file)} is no file", hint="name a state file")
        data = path.read_bytes()
    return Answer({"path": file, "text": plain_text(data, file)})
