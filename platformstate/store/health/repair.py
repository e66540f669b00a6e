"""What `doctor --fix` does: settle, and put away what dead writers left. The lock is held."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime

from platformstate.core.instants import instant
from platformstate.errors import StateError
from platformstate.files import Folder, WorkTree
from platformstate.files.errors import explained
from platformstate.gitrepo import look_up
from platformstate.gitrepo.writing import Writer
from platformstate.store import lock, recover
from platformstate.store.control import LOST, TORN
from platformstate.store.health import leftovers, surroundings
from platformstate.store.session import Session
from platformstate.store.settle import Settler

_USUAL_GC_AUTO = "6700"


def repair(session: Session, *, here: bool = False) -> int:
    """Repair what can be repaired and return how many intents were settled.

    `here` commits intents of other branches on the present one. Raises: store_locked.
    """
    session.control.make(session.settings.durability)
    deadline = time.monotonic() + session.settings.lock_timeout_s
    since = instant(datetime.now(UTC))
    with lock.hold(session.control, session.settings.lock_timeout_s, since) as held:
        if held is None:
            raise StateError("store_locked", "another command is writing to this store", retryable=True)
        recover.clean_up(session, held, deadline)
        settled = Settler(session, held, deadline).settle(here=here).recovered
        _lay_out_orphans(session)
        for path in leftovers.temporary_files(session):
            (session.root / path).unlink(missing_ok=True)
        for path in leftovers.unborn_runs(session):
            shutil.rmtree(session.root / path)
        _cut_torn_lines(session)
    _tidy(session)
    return settled


def _lay_out_orphans(session: Session) -> None:
    """Write the files of intents whose worktree is gone to a folder of their own."""
    for row in leftovers.waiting(session):
        if row.reason != "intent_orphaned":
            continue
        for file in row.intent.files:
            if file.data is None:
                continue
            folder, _, name = f"{LOST}/{row.intent.id}/{file.path}".rpartition("/")
            with Folder.at(session.control.path, folder, durability="full") as opened:
                opened.remove(name)
                opened.create(name, file.data, "full", 0o600)
                opened.sync("full")
        session.journal.withdraw(row.intent.id)


def _cut_torn_lines(session: Session) -> None:
    """Move a torn last line aside, unless HEAD holds it: then it is for a person to judge."""
    tree = WorkTree(session.root)
    for path in leftovers.torn_files(session, [entry.path for entry in tree.entries()]):
        data = tree.bytes_of(path) or b""
        whole = data.rfind(b"\n") + 1
        at_head = look_up(session.repository, [f"HEAD:{path}"])[0]
        if at_head is not None and at_head.size > whole:
            continue
        with Folder.at(session.control.path, TORN, durability="full") as folder:
            name = path.replace("/", "_")
            number = sum(1 for kept in folder.names() if kept.startswith(f"{name}."))
            folder.create(f"{name}.{number + 1}", data[whole:], "full", 0o600)
            folder.sync("full")
        with explained(path):
            os.truncate(session.root / path, whole)


def _tidy(session: Session) -> None:
    """Pack loose objects, and let git remember untracked folders where its own test allows it."""
    repository = session.repository
    if surroundings.has_many_loose_objects(repository) and not repository.config("gc.recentObjectsHook"):
        limit = (repository.config("gc.auto") or [_USUAL_GC_AUTO])[-1]
        flags = ["-c", f"gc.auto={limit}", "-c", "maintenance.auto=true", "-c", "gc.autoDetach=false"]
        Writer(repository).write([*flags, "maintenance", "run", "--auto"])
    if surroundings.lacks_untracked_cache(repository):
        tested = Writer(repository).write(["update-index", "--test-untracked-cache"])
        if tested.status == 0:
            Writer(repository).write(["config", "--local", "core.untrackedCache", "true"])
