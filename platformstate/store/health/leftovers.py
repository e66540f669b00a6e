"""What writers left behind: intents that wait, locks, temporary files, torn lines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate.files import WorkTree
from platformstate.files.worktree import TEMPORARY_PREFIX
from platformstate.runner import Lease
from platformstate.store import index_entry, lock, recover
from platformstate.store.health.check import Check, check
from platformstate.store.intents import Intent
from platformstate.store.session import Session

_JOURNAL: Final = "events.jsonl"
_BEFORE_A_RUN: Final = frozenset(
    {"resolved_steps.json", ".ps-resolved_steps.json", "artifacts", ".ps-events.jsonl", _JOURNAL}
)
_TEMPORARY: Final = re.compile(r"\.ps-([0-9]{8}t[0-9]{6}z-[0-9a-z]{6})-[0-9]+")


class Waiting(NamedTuple):
    """An intent that waits, why, and the directory in which it can happen."""

    intent: Intent
    reason: str
    directory: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the intent as `doctor` lists it under `pending`."""
        return {
            "intent": self.intent.id,
            "reason": self.reason,
            "ref": self.intent.ref,
            "at": self.intent.at,
            "worktree": self.intent.worktree,
            "paths": list(self.intent.paths),
        }


def waiting(session: Session) -> list[Waiting]:
    """Return the intents of all worktrees whose writer is gone, in order."""
    found, present = [], session.present()
    intents, _ = session.journal.all()
    for intent in intents:
        if session.journal.is_alive(intent.id):
            continue
        if intent.worktree != session.repository.worktree:
            place = worktree_directory(session, intent.worktree)
            found.append(Waiting(intent, "intent_orphaned" if place is None else "intent_pending", place))
        elif not present.takes(intent):
            found.append(Waiting(intent, "branch_changed", "."))
        else:
            found.append(Waiting(intent, present.blocked or intent.reason or "intent_pending", "."))
    return found


def worktree_directory(session: Session, worktree: str) -> str | None:
    """Return the directory of another worktree of this clone, None when it is gone."""
    common = session.repository.common_dir
    if worktree == ".":
        return str(common.parent)
    try:
        pointer = Path((common / worktree / "gitdir").read_text(encoding="utf-8").strip())
    except OSError:
        return None
    return str(pointer.parent) if pointer.exists() else None


def leftovers(session: Session) -> Iterator[Check]:
    """Yield everything that is left, with what --fix does about it."""
    yield from _intents(session)
    yield from _held(session)
    yield from _git_locks(session)
    yield from _temporary(session)
    yield from _unborn(session)
    yield from _torn(session)


def _intents(session: Session) -> Iterator[Check]:
    blocked = session.present().blocked
    for row in waiting(session):
        path = row.intent.paths[0] if row.intent.paths else None
        if row.reason == "branch_changed":
            yield check(
                "branch_changed",
                f"{row.intent.id} waits for {row.intent.ref}",
                path,
                fix="switch back to that branch, or: platformctl doctor --fix --here",
                fixable=True,
            )
        elif row.reason == "intent_orphaned":
            yield check(
                "intent_orphaned", f"{row.intent.id} is of a worktree that is gone", path, fixable=True
            )
        elif row.directory == ".":
            yield check(
                "intent_pending",
                f"{row.intent.id} waits for its commit ({row.reason})",
                path,
                fixable=blocked is None,
            )
        else:
            fix = f"platformctl -C {row.directory} doctor --fix"
            yield check("intent_pending", f"{row.intent.id} waits in {row.directory}", path, fix=fix)


def _held(session: Session) -> Iterator[Check]:
    for path in sorted(session.control.held.glob("*.json")):
        try:
            found = json.loads(path.read_bytes())
            about = ", ".join(row["path"] for row in found["files"])
        except (ValueError, KeyError, TypeError):
            yield check("intent_damaged", f"{path.stem} cannot be read", str(path), fix=f"rm '{path}'")
            continue
        message = f"a person's content came before {path.stem}: {about}"
        yield check(
            "intent_superseded", message, str(path), fix=f"compare it with the file, then: rm '{path}'"
        )


def _git_locks(session: Session) -> Iterator[Check]:
    index_lock = session.repository.git_dir / "index.lock"
    is_held = lock.holder(session.control) is not None
    if index_lock.exists() and not is_held:
        if index_entry.is_ours(index_lock, session.control):
            yield check("index_lock_ours", "a writer of ours died with it", str(index_lock), fixable=True)
        else:
            yield _foreign("index_lock_foreign", index_lock)
    left = lock.moving(lock.last_record(session.control)) or {}
    intents, _ = session.journal.all()
    messages = frozenset(intent.message for intent in intents)
    for path in recover.ref_lock_paths(session.repository, left or {"ref": session.present().ref}):
        if not path.exists() or is_held:
            continue
        if recover.is_ours(session.repository, path, left, messages):
            yield check("ref_lock_ours", "a writer of ours died with it", str(path), fixable=True)
        else:
            yield _foreign("ref_lock_foreign", path)


def _foreign(code: str, path: Path) -> Check:
    age = round(recover.age_s(path))
    fix = f"if no git runs here: rm '{path}'"
    return check(code, f"another program holds it, since {age} s", str(path), fix=fix)


def temporary_files(session: Session) -> list[str]:
    """Return the files below `state/` that a writer wrote and did not put in place."""
    found = []
    for folder, _, names in os.walk(session.root / "state"):
        for name in names:
            matched = _TEMPORARY.fullmatch(name) if name.startswith(TEMPORARY_PREFIX) else None
            if matched and not session.journal.is_alive(matched[1]):
                found.append(str(Path(folder, name).relative_to(session.root)))
    return sorted(found)


def _temporary(session: Session) -> Iterator[Check]:
    for path in temporary_files(session):
        yield check("temp_files_left", "a writer died before it took its place", path, fixable=True)
    if session.control.own.is_dir() and lock.holder(session.control) is None:
        for left in sorted(session.control.own.iterdir()):
            yield check("temp_files_left", "a writer died with it", str(left), fixable=True)


def unborn_runs(session: Session) -> list[str]:
    """Return the folders of runs of which only the pin was written: without a journal they are no runs."""
    folders = sorted((session.root / "state" / "procedures").glob("*/runs/*"))
    return [str(folder.relative_to(session.root)) for folder in folders if _is_unborn(session, folder)]


def _is_unborn(session: Session, folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    if not {path.name for path in folder.iterdir()} <= _BEFORE_A_RUN:
        return False
    journal = folder / _JOURNAL
    has_begun = journal.exists() and journal.stat().st_size > 0
    return not has_begun and not Lease(session.repository.common_dir, folder.name).is_held()


def _unborn(session: Session) -> Iterator[Check]:
    for path in unborn_runs(session):
        yield check("temp_files_left", "a conduct died before its run began", path, fixable=True)


def _torn(session: Session) -> Iterator[Check]:
    for path in torn_files(session, [entry.path for entry in WorkTree(session.root).entries()]):
        yield check("json_tail_torn", "the last line has no end", path, fixable=True)


def torn_files(session: Session, paths: Iterable[str]) -> list[str]:
    """Return the JSONL files whose last byte is no line feed."""
    found = []
    for path in paths:
        if not path.endswith(".jsonl"):
            continue
        with (session.root / path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            if size and file.read(1) != b"\n":
                found.append(path)
    return found
