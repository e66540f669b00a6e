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
    "store.claim-before",
    "store.claim-written",
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
    "conduct.pin-temp",
    "conduct.pin-renamed",
    "conduct.started",
    "conduct.marker",
    "conduct.spawned",
    "conduct.receipt",
    "conduct.outcome-torn",
    "conduct.outcome",
    "conduct.all-done",
    "conduct.terminal",
    "conduct.receipt-written",
    "wrap.claimed",
    "wrap.spawned",
    "wrap.noticed",
    "wrap.ended",
    "wrap.recorded",
)
_OF_A_STEP: Final = "conduct."


class Failpoints:
    """The failpoint asked for, if any: it fires the N-th time it is reached, a conduct's at step N."""

    def __init__(self, asked: str | None = None) -> None:
        self.name, self._number = _parsed(asked) if asked else ("", None)
        self._left = self._number or 1

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Failpoints:
        """Read the failpoint from the environment. Raises: failpoint_unknown."""
        return cls(environ.get(VARIABLE) or None)

    def reach(self, name: str, step: int | None = None) -> None:
        """Kill this process, as SIGKILL does, when this is the point asked for."""
        if not self.is_asked(name, step):
            return
        self._left -= 1
        if self._left == 0 or name.startswith(_OF_A_STEP):
            os.kill(os.getpid(), signal.SIGKILL)

    def is_asked(self, name: str, step: int | None = None) -> bool:
        """Say whether a point is the one asked for; one of a conduct only at the step that was named."""
        if name != self.name:
            return False
        return not name.startswith(_OF_A_STEP) or self._number in (None, step)


def _parsed(asked: str) -> tuple[str, int | None]:
    name, has_count, count = asked.partition("@")
    least = 0 if name.startswith(_OF_A_STEP) else 1
    is_number = count.isascii() and count.isdigit() and int(count) >= least
    if name not in NAMES or (has_count and not is_number):
        raise StateError(
            "failpoint_unknown",
            f"{VARIABLE}: {shown(asked)} is no failpoint",
            hint="platformctl doctor --list-failpoints",
        )
    return name, int(count) if has_count else None
