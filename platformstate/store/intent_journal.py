"""The journal that keeps the intents of a clone, and tells a living writer from a dead one."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from platformstate.errors import StateError
from platformstate.files import Folder
from platformstate.files.durable import NEW_FLAGS, READ_FLAGS, fsync, read_all, write_all
from platformstate.files.errors import explained
from platformstate.gitrepo.writing import Person
from platformstate.store.control import Control
from platformstate.store.failpoints import Failpoints
from platformstate.store.intents import Intent, IntentFile

if TYPE_CHECKING:
    from platformstate.policy.claims import Lease

MAX_INLINE_BYTES: Final = 1 << 20
_DONE_KEPT_S: Final = 3600


class Journal:
    """The intents of a clone. Only the lock's holder removes or moves them."""

    def __init__(self, control: Control, failpoints: Failpoints) -> None:
        self._control = control
        self._failpoints = failpoints
        self._owned: dict[str, int] = {}

    def add(self, intent: Intent) -> None:
        """Make an intent durable: from here on its change happens. A failure undoes itself.

        The file stays locked by this process until `release`, which tells a living owner from a
        dead one.
        """
        with Folder.at(self._control.path, "journal") as folder:
            try:
                self._owned[intent.id] = fd = _open_locked(folder, f".{intent.id}")
                staged = _write_staged(folder, intent)
                data = json.dumps(intent.as_json(staged), ensure_ascii=True).encode() + b"\n"
                with explained(f"journal/.{intent.id}"):
                    write_all(fd, data)
                    fsync(fd, intent.id, intent.durability)
                self._failpoints.reach("store.intent-temp")
                folder.rename(f".{intent.id}", f"{intent.id}.json")
                folder.sync(intent.durability)
            except StateError:
                self._undo(folder, intent)
                raise
        self._failpoints.reach("store.intent-durable")

    def _undo(self, folder: Folder, intent: Intent) -> None:
        names = [f".{intent.id}", f"{intent.id}.json"]
        for name in (*names, *(f"{intent.id}.{number}" for number in range(len(intent.files)))):
            with suppress(StateError):
                folder.remove(name)
        self.release(intent.id)

    def release(self, intent_id: str) -> None:
        """Let go of an intent of this process."""
        fd = self._owned.pop(intent_id, None)
        if fd is not None:
            os.close(fd)

    def ids(self) -> list[str]:
        """Return the ids of all intents in the journal, in order."""
        try:
            names = os.listdir(self._control.journal)
        except FileNotFoundError:
            return []
        return sorted(name[:-5] for name in names if name.endswith(".json") and not name.startswith("."))

    def load(self, intent_id: str) -> Intent | None:
        """Return an intent, None for one that does not parse or whose content is gone."""
        try:
            text = self._read(f"{intent_id}.json")
            return None if text is None else self._parsed(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _read(self, name: str) -> bytes | None:
        try:
            fd = os.open(self._control.journal / name, READ_FLAGS)
        except FileNotFoundError:
            return None
        try:
            return read_all(fd)
        finally:
            os.close(fd)

    def _parsed(self, found: dict[str, Any]) -> Intent:
        return Intent(
            id=found["id"],
            at=found["at"],
            worktree=found["worktree"],
            ref=found["ref"],
            message=found["message"],
            trailers=tuple((str(key), str(value)) for key, value in found["trailers"]),
            author=Person(found["author"]["name"], found["author"]["email"]),
            independent=found["independent"],
            defer=found["defer"],
            durability="fast" if found["durability"] == "fast" else "full",
            files=tuple(self._parsed_file(row) for row in found["files"]),
            reason=found["reason"],
            lease=_lease(found.get("lease")),
        )

    def _parsed_file(self, row: dict[str, Any]) -> IntentFile:
        text, data = row["text"], None
        if text is not None:
            data = text.encode("utf-8")
        elif row["after"] is not None:
            data = self._read(row["staged"])
            if data is None:
                raise ValueError(f"the content of {row['path']} is gone")
        kept = int(row.get("kept", 0))
        return IntentFile(row["path"], row["before"], row["after"], data, row.get("append") is True, kept)

    def all(self) -> tuple[list[Intent], list[str]]:
        """Return the intents that parse, in order, and the ids of those that do not."""
        intents, damaged = [], []
        for intent_id in self.ids():
            intent = self.load(intent_id)
            if intent is not None:
                intents.append(intent)
            elif (self._control.journal / f"{intent_id}.json").exists():
                damaged.append(intent_id)
        return intents, damaged

    def is_alive(self, intent_id: str) -> bool:
        """Say whether the process or thread that wrote an intent still waits for it."""
        return _is_locked(self._control.journal / f"{intent_id}.json")

    def finish(self, intent_id: str, commit: str | None, ref: str | None, *, told: bool) -> None:
        """Take an intent out of the journal as done, and leave a record for an owner to be `told`."""
        with Folder.at(self._control.path, "journal") as folder:
            if told:
                record = json.dumps({"id": intent_id, "commit": commit, "ref": ref}).encode()
                with Folder.at(self._control.path, "journal/done") as done:
                    done.remove(f".{intent_id}")
                    done.create(f".{intent_id}", record, "fast", 0o600)
                    done.rename(f".{intent_id}", f"{intent_id}.json")
            self._remove(folder, intent_id)

    def withdraw(self, intent_id: str) -> None:
        """Take an intent out of the journal as if it had never been."""
        with Folder.at(self._control.path, "journal") as folder:
            self._remove(folder, intent_id)

    def _remove(self, folder: Folder, intent_id: str) -> None:
        folder.remove(f"{intent_id}.json")
        for name in folder.names():
            if name.startswith(f"{intent_id}."):
                folder.remove(name)

    def served(self, intent_id: str) -> dict[str, Any] | None:
        """Return the record of an intent that another process settled, None while there is none."""
        try:
            found: dict[str, Any] = json.loads((self._control.done / f"{intent_id}.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    def forget(self, intent_id: str) -> None:
        """Remove the record of an intent that was acknowledged, and let go of it."""
        (self._control.done / f"{intent_id}.json").unlink(missing_ok=True)
        self.release(intent_id)

    def hold(self, intent_id: str) -> None:
        """Put an intent aside: it can neither happen nor be dropped without a person."""
        with Folder.at(self._control.path, "journal") as folder:
            with explained(f"journal/{intent_id}.json"):
                for name in folder.names():
                    if name.startswith(f"{intent_id}."):
                        os.rename(self._control.journal / name, self._control.held / name)
            folder.sync("full")
        with Folder.at(self._control.path, "journal/held") as folder:
            folder.sync("full")

    def explain(self, intent: Intent, reason: str) -> None:
        """Write down why an intent waits."""
        if intent.reason == reason:
            return
        raw = self._read(f"{intent.id}.json")
        if raw is None:
            return
        data = json.dumps({**json.loads(raw), "reason": reason}, ensure_ascii=True).encode() + b"\n"
        with Folder.at(self._control.path, "journal") as folder:
            folder.remove(f".{intent.id}")
            folder.create(f".{intent.id}", data, intent.durability, 0o600)
            folder.rename(f".{intent.id}", f"{intent.id}.json")
            folder.sync(intent.durability)

    def clean(self, now_s: float) -> None:
        """Remove what dead writers left: temporary files, and records nobody came back for."""
        with Folder.at(self._control.path, "journal") as folder:
            known = set(self.ids())
            for name in folder.names():
                base = name.lstrip(".").partition(".")[0]
                is_left = name.startswith(".") or (name.count(".") == 1 and not name.endswith(".json"))
                if is_left and base not in known and not self._is_being_written(base):
                    folder.remove(name)
        for record in os.scandir(self._control.done):
            with suppress(FileNotFoundError):
                if now_s - record.stat().st_mtime > _DONE_KEPT_S:
                    os.unlink(record.path)

    def _is_being_written(self, intent_id: str) -> bool:
        """Say whether a living process writes an intent and what stands beside it."""
        return _is_locked(self._control.journal / f".{intent_id}")


def _lease(value: object) -> Lease | None:
    if value is None:
        return None
    from platformstate.policy.claims import lease_of

    return lease_of(value)


def _open_locked(folder: Folder, name: str) -> int:
    """Create a file and return it open and locked.

    A cleaner may take it in the moment before it is locked, so that is looked at afterwards.
    """
    while True:
        with explained(f"journal/{name}"):
            fd = os.open(name, NEW_FLAGS, 0o600, dir_fd=folder.fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if _is_still(folder, name, fd):
            return fd
        os.close(fd)


def _write_staged(folder: Folder, intent: Intent) -> dict[str, str]:
    """Write content that is too long for the record, or no text, to files beside it."""
    staged: dict[str, str] = {}
    for number, file in enumerate(intent.files):
        if file.data is not None and (len(file.data) > MAX_INLINE_BYTES or _is_binary(file.data)):
            staged[file.path] = f"{intent.id}.{number}"
            folder.create(staged[file.path], file.data, intent.durability, 0o600)
    return staged


def _is_binary(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _is_still(folder: Folder, name: str, fd: int) -> bool:
    try:
        found = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return found.st_ino == os.fstat(fd).st_ino


def _is_locked(path: os.PathLike[str]) -> bool:
    """Say whether a living process holds a file; trying the lock does not keep it."""
    try:
        fd = os.open(path, READ_FLAGS)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
