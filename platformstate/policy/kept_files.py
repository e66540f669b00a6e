"""Compare files that a run recorded with the digests in its journal: artifacts, checkpoints of steps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final

from platformstate.errors import Problem
from platformstate.policy.steps import Event

_FIX: Final = "restore the file from the commit that wrote it: what a run recorded never changes"


def kept_files(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Yield path, below the run's folder, and sha256 of each file that the run recorded."""
    for event in events:
        if event.get("type") == "ArtifactRecorded":
            yield str(event["path"]), str(event["sha256"])
        elif event.get("type") == "CheckpointRecorded":
            yield f"checkpoints/{event['checkpoint']}.md", str(event["sha256"])


def kept_file_problems(recorded: Mapping[str, str], files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield each of these files, by path, that is not the one that was recorded; one that is gone is none."""
    for path, digest in recorded.items():
        data = files.get(path)
        if data is not None and (found := sha256(data).hexdigest()) != digest:
            message = f"its sha256 is {found[:12]}…, its run's journal says {digest[:12]}…"
            yield Problem(path, 1, 1, "run_header_differs", message, _FIX)
