"""The places of an overlap group: flock files of which a run holds one while it, or a process of it, lives."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate.codec.json_text import canonical_json
from platformstate.runner.opening import explained, is_locked, make_private, read_whole
from platformstate.runner.processes import inherited_descriptor

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Place(NamedTuple):
    """A place that is ours."""

    path: Path
    descriptor: int

    def say(self, holder: Mapping[str, Any]) -> None:
        """Write who holds the place, for those who find it taken; it is held where there is no room for that, too."""
        data = canonical_json(dict(holder)) + b"\n"
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, data, 0)

    def leave(self) -> None:
        """Let go of the place; a living process of a step keeps it."""
        os.close(self.descriptor)


def take(paths: list[Path], *, inherited: bool = True) -> Place | None:
    """Take the first free one of a group's places; None when all are taken.

    One that is `inherited` is kept by the steps' processes, too.
    """
    for path in paths:
        with explained(str(path)):
            make_private(path.parent)
            descriptor = os.open(path, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return Place(path, inherited_descriptor(descriptor) if inherited else descriptor)
    return None


def holders(paths: list[Path]) -> list[dict[str, Any]]:
    """Return what the holders of taken places say of themselves, oldest first."""
    found = []
    for path in paths:
        data = read_whole(path)
        if data is None or not is_locked(path):
            continue
        try:
            said = json.loads(data)
        except ValueError:
            continue
        if isinstance(said, dict):
            found.append(said)
    return sorted(found, key=lambda said: str(said.get("at", "")))
