"""Named points at which a process can be told to kill itself: a public testing feature."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Final

from platformstate.errors import StateError, shown

VARIABLE: Final = "PLATFORMSTATE_FAILPOINT"
NAMES: Final = (
    "store.start",
    "store.intent-temp",
    "store.intent-durable",
    "store.locked",
    "store.recover",
    "store.file-temp",
    "store.file-renamed",
    "store.file-between",
    "store.files-durable",
    "store.index-linked",
    "store.index-copied",
    "store.index-renamed",
    "store.index-unlocked",
    "store.ref-before",
    "store.ref-moved",
    "store.verified",
    "store.done",
    "store.unlocked",
    "store.ack",
)


class Failpoints:
    """The failpoint asked for, if any; a point that counts fires the N-th time it is reached."""

    def __init__(self, asked: str | None = None) -> None:
        self.name, self._left = _parsed(asked) if asked else ("", 0)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Failpoints:
        """Read the failpoint from the environment. Raises: failpoint_unknown."""
        return cls(environ.get(VARIABLE) or None)

    def reach(self, name: str) -> None:
        """Kill this process, as SIGKILL does, when this is the point asked for."""
        if name != self.name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _parsed(asked: str) -> tuple[str, int]:
    name, has_count, count = asked.partition("@")
    is_number = count.isascii() and count.isdigit() and int(count) > 0
    if name not in NAMES or (has_count and not is_number):
        raise StateError(
            "failpoint_unknown",
            f"{VARIABLE}: {shown(asked)} is no failpoint",
            hint="platformctl doctor --list-failpoints",
        )
    return name, int(count) if has_count else 1
