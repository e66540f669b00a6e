"""The local files of jobs in the clone's git directory: slot claims, approvals, cursors. Never committed.

A claim appears at once, whole and locked, under a name that nobody has: of any number of ticks one has
a slot. It stays until it is pruned, so that a clock set back or a lost ledger fires nothing twice.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from platformstate.codec.json_text import canonical_json
from platformstate.runner.opening import (
    explained,
    is_locked,
    make_private,
    read_whole,
    remove,
    sync_folder,
    write_all,
    write_private,
)

_CLAIM_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@cache
def _home(common_dir: Path) -> Path:
    return common_dir.resolve() / "platformstate"


class JobFiles:
    """The local files of one job."""

    def __init__(self, common_dir: Path, job: str) -> None:
        self.job = job
        self.home = _home(common_dir)
        self.claims = self.home / "claims" / "jobs" / job
        self.lock = self.home / "locks" / "jobs" / job
        self._cursor = self.home / "cursor" / "jobs" / f"{job}.json"
        self._approvals = self.home / "approvals" / "jobs" / f"{job}.jsonl"

    def overlap_lock(self, group: str, place: int) -> Path:
        """Return the lock file of one of a group's places."""
        return self.home / "locks" / "overlap" / f"{group}.{place}"

    def claim(self, run: str, holder: Mapping[str, Any], *, again: bool = False) -> Claim | None:
        """Claim a run's slot; None when it is claimed already, by whomever.

        `again` takes a claim that came to nothing, without a moment in which the slot has none; the caller
        holds the job's lock.
        """
        path = self.claims / run
        with explained(str(path)):
            make_private(self.claims)
            beside = path.with_name(f".{run}.{os.getpid()}")
            descriptor = os.open(beside, _CLAIM_FLAGS, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                write_all(descriptor, canonical_json(dict(holder)) + b"\n")
                os.fsync(descriptor)
                os.replace(beside, path) if again else os.link(beside, path)
            except FileExistsError:
                os.close(descriptor)
                return None
            finally:
                remove(beside)
            sync_folder(self.claims)
        return Claim(path, descriptor, is_due=bool(holder.get("due")))

    def claimed(self) -> list[str]:
        """Return the runs that are claimed, sorted."""
        try:
            return sorted(name for name in os.listdir(self.claims) if not name.startswith("."))
        except FileNotFoundError:
            return []

    def claim_of(self, run: str) -> dict[str, Any] | None:
        """Return what a claim says; None for no claim or one that was cut off."""
        return _object((read_whole(self.claims / run) or b"").partition(b"\n")[0])

    def told_in(self, run: str) -> str | None:
        """Return the ledger file that a run's line was written to, None when this clone wrote none."""
        found = _object((read_whole(self.claims / run) or b"").partition(b"\n")[2])
        return None if found is None else str(found.get("ledger"))

    def tell(self, run: str, ledger: str) -> None:
        """Note beside a claim where its run's line stands: another branch may not have that file."""
        path = self.claims / run
        with suppress(FileNotFoundError), explained(str(path)):
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(descriptor, "wb") as file:
                file.write(canonical_json({"ledger": ledger}) + b"\n")

    def is_claim_held(self, run: str) -> bool:
        """Say whether the process that made a claim is still about to start its run."""
        return is_locked(self.claims / run)

    def release(self, run: str) -> None:
        """Remove a claim whose run never began, or was pruned."""
        with explained(str(self.claims / run)):
            remove(self.claims / run)

    def cursor(self) -> dict[str, Any] | None:
        """Return the cursor; None when there is none or it was cut off."""
        return _object(read_whole(self._cursor))

    def write_cursor(self, cursor: Mapping[str, Any]) -> None:
        """Replace the cursor."""
        with explained(str(self._cursor)):
            make_private(self._cursor.parent)
            write_private(self._cursor, canonical_json(dict(cursor)) + b"\n")

    def approvals(self) -> list[dict[str, Any]]:
        """Return the lines of the approvals that parse, oldest first."""
        data = read_whole(self._approvals) or b""
        return [line for line in map(_object, data.splitlines()) if line is not None]

    def add_approval(self, act: Mapping[str, Any]) -> None:
        """Append an act, durably, on a line of its own: one before it may have been cut off."""
        with explained(str(self._approvals)):
            make_private(self._approvals.parent)
            descriptor = os.open(self._approvals, _APPEND_FLAGS, 0o600)
            try:
                end = os.lseek(descriptor, 0, os.SEEK_END)
                is_torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
                write_all(descriptor, b"\n" * is_torn + canonical_json(dict(act)) + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def approved_jobs(common_dir: Path) -> list[str]:
    """Return the jobs about which this clone has acts of approval, sorted."""
    folder = common_dir.resolve() / "platformstate" / "approvals" / "jobs"
    return sorted(path.stem for path in folder.glob("*.jsonl"))


class Claim:
    """A slot that is ours, locked until its run has begun; `is_due` for one that its schedule has to tell of."""

    def __init__(self, path: Path, descriptor: int, *, is_due: bool = False) -> None:
        self.path, self._descriptor, self._is_due = path, descriptor, is_due

    def started(self) -> None:
        """Let go of the lock: the run has begun and has a lock of its own. The claim stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def fail(self) -> None:
        """Let go of what did not begin: a slot of the schedule is due again, for its claim stays."""
        self.started() if self._is_due else self.give_up()

    def give_up(self) -> None:
        """Remove the claim: nothing began, and what becomes of its slot is written."""
        with explained(str(self.path)):
            remove(self.path)
        self.started()


def _object(data: bytes | None) -> dict[str, Any] | None:
    try:
        found = None if data is None else json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
