"""The leases of a clone, one file a task, in git's common directory: all its worktrees share them.

Only the holder of the writers' lock writes one. A file that does not parse counts as none, since
every lease can be rebuilt from the runs.
"""

from __future__ import annotations

import json
import os
from typing import Final

from platformstate.codec.json_text import canonical_json
from platformstate.core.ids import is_id
from platformstate.files import Durability, Folder
from platformstate.files.durable import READ_FLAGS, read_all
from platformstate.policy.claims import Lease, lease_of, replaces
from platformstate.store.control import Control

FOLDER: Final = "claims"


class Claims:
    """The leases that a clone holds."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._folder = control.path / FOLDER

    def of(self, task: str) -> Lease | None:
        """Return the lease of a task as it stands here, None when there is none."""
        if not is_id(task):
            return None
        try:
            descriptor = os.open(self._folder / f"{task}.json", READ_FLAGS)
        except OSError:
            return None
        try:
            found = lease_of(json.loads(read_all(descriptor)))
        except (OSError, ValueError):
            return None
        finally:
            os.close(descriptor)
        return found if found is not None and found.task == task else None

    def tasks(self) -> list[str]:
        """Return the ids of all tasks that have a file here."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        return sorted(name[:-5] for name in names if name.endswith(".json") and not name.startswith("."))

    def put(self, lease: Lease, durability: Durability) -> bool:
        """Let a lease stand unless a later one does; the caller holds the lock. Say whether it was written.

        A renewal does not wait for the disk: what is lost of it is rebuilt from the run.
        """
        old = self.of(lease.task)
        if old == lease or not replaces(lease, old):
            return False
        is_renewal = old is not None and (old.run, old.released_at) == (lease.run, lease.released_at)
        wanted: Durability = "fast" if is_renewal else durability
        with Folder.at(self._control.path, FOLDER, durability=durability) as folder:
            folder.replace(f"{lease.task}.json", canonical_json(lease.as_json()) + b"\n", wanted)
        return True
