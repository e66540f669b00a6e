"""The folder in git's common directory where writing keeps what is never committed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from platformstate.files import Durability, Folder
from platformstate.files.errors import explained

NAME: Final = "platformstate"
JOURNAL, DONE, HELD = "journal", "journal/done", "journal/held"
OWN, TORN, LOST, REPORTS = "own", "torn", "lost", "reports"
_ALWAYS: Final = (JOURNAL, DONE, HELD, OWN)


class Control:
    """Paths of the control folder; nothing is made until a command writes."""

    def __init__(self, common_dir: Path) -> None:
        self.common_dir = common_dir
        self.path = common_dir / NAME
        self.lock = self.path / "lock"
        self.journal = self.path / JOURNAL
        self.done = self.path / DONE
        self.held = self.path / HELD
        self.own = self.path / OWN
        self.torn = self.path / TORN
        self.lost = self.path / LOST
        self.reports = self.path / REPORTS

    def make(self, durability: Durability) -> None:
        """Make what is missing of it, for this user alone. Raises: repository_read_only, disk_full."""
        with explained(str(self.path)):
            if self.own.is_dir() and self.held.is_dir() and self.done.is_dir():
                return
        with Folder.at(self.common_dir, NAME, durability=durability) as folder:
            os.fchmod(folder.fd, 0o700)
        for name in _ALWAYS:
            with Folder.at(self.path, name, durability=durability):
                pass
