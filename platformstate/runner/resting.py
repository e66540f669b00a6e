"""A note of this clone: which jobs rest until when. Losing it costs one look at every job, nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.codec.json_text import canonical_json
from platformstate.runner.opening import explained, make_private, read_whole, write_private

_FRESH_NS: Final = (
    2_000_000_000  # a folder changed so recently may change again within one of its clock's steps
)


class Resting(NamedTuple):
    """The jobs of one tree: those that rest, each with its next slot and the mark of its claims; the others."""

    tree: str
    resting: Mapping[str, Sequence[str]]
    others: Sequence[str]


class RestingFile:
    """The note, and the marks by which a job's claims are seen to have changed."""

    def __init__(self, common_dir: Path) -> None:
        home = common_dir.resolve() / "platformstate"
        self._path = home / "cursor" / "resting.json"
        self._claims = os.path.join(home, "claims", "jobs")

    def read(self) -> Resting | None:
        """Return the note; None when there is none that can be read."""
        try:
            return Resting(**json.loads(read_whole(self._path) or b""))
        except (ValueError, TypeError):
            return None

    def write(self, note: Resting) -> None:
        """Replace the note."""
        with explained(str(self._path)):
            make_private(self._path.parent)
            write_private(self._path, canonical_json(note._asdict()) + b"\n")

    def mark(self, job: str) -> str:
        """Return what changes with every claim of a job that comes or goes; empty while nobody can tell."""
        try:
            changed = os.stat(f"{self._claims}/{job}").st_mtime_ns
        except FileNotFoundError:
            return "none"
        return str(changed) if time.time_ns() - changed > _FRESH_NS else ""
