"""Clean up after a holder of the lock that died: only what can be proven to be its own.

The kernel freed the writers' lock; what may be left are lock files of git, which it did not.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from platformstate.core.instants import moment
from platformstate.gitrepo import Repository
from platformstate.store.index_entry import free_own_locks
from platformstate.store.lock import Lock, boot_id
from platformstate.store.session import Session

_QUIET_S: Final = 2.0
_PAUSE_S: Final = 0.05


def clean_up(session: Session, lock: Lock, deadline: float) -> bool:
    """Remove what a dead holder left behind; say whether there was a lock file of git."""
    found = free_own_locks(session.control)
    session.journal.clean(session.control.lock.stat().st_mtime)
    if lock.left is not None:
        intents, _ = session.journal.all()
        messages = {intent.message for intent in intents}
        found = free_ref_locks(session.repository, lock.left, messages, deadline) or found
        if not any(path.exists() for path in ref_lock_paths(session.repository, lock.left)):
            lock.describe(left=None)
    return found


def free_ref_locks(
    repository: Repository, left: Mapping[str, Any], messages: Iterable[str], deadline: float
) -> bool:
    """Remove ref locks that a dead writer of ours left, once they have not changed for two seconds."""
    known = frozenset(messages)
    removed = False
    for path in ref_lock_paths(repository, left):
        while path.exists() and is_ours(repository, path, left, known):
            if age_s(path) >= _QUIET_S:
                path.unlink(missing_ok=True)
                removed = True
            elif time.monotonic() >= deadline:
                break
            else:
                time.sleep(_PAUSE_S)
    return removed


def ref_lock_paths(repository: Repository, left: Mapping[str, Any]) -> list[Path]:
    """Return the lock files that moving a ref takes: its own, and HEAD's for the log.

    `left` says which ref, and in which worktree if not in this one.
    """
    ref, worktree = str(left.get("ref")), str(left.get("worktree", repository.worktree))
    own = [repository.common_dir / f"{ref}.lock"] if ref.startswith("refs/heads/") else []
    return [*own, repository.common_dir / worktree / "HEAD.lock"]


def is_ours(repository: Repository, path: Path, left: Mapping[str, Any], messages: frozenset[str]) -> bool:
    """Say whether a ref's lock file is proven to be that of a writer of ours, dead since this boot."""
    boot = boot_id()
    if boot is None or left.get("boot_id") != boot or left.get("phase") != "ref":
        return False
    try:
        changed, content = path.stat().st_mtime, path.read_bytes()
        since = moment(str(left.get("since"))).timestamp()
    except (OSError, ValueError):
        return False
    return changed >= since and _is_ours_to_write(repository, content, left.get("old"), messages)


def _is_ours_to_write(
    repository: Repository, content: bytes, old: str | None, messages: frozenset[str]
) -> bool:
    """Say whether a lock holds nothing yet, or commits of ours on the commit that we left."""
    oid = content.decode("ascii", "replace").strip()
    if not oid:
        return True
    for _ in messages:  # one commit an intent at most, each on the one before
        if not oid.isalnum():
            return False
        text = repository.run(["cat-file", "commit", oid], check=False).decode("utf-8", "replace")
        head, _, message = text.partition("\n\n")
        parents = [line[7:] for line in head.split("\n") if line.startswith("parent ")]
        if len(parents) > 1 or message.partition("\n")[0] not in messages:
            return False
        if parents == ([old] if old else []):
            return True
        oid = "".join(parents)
    return False


def age_s(path: Path) -> float:
    """Return how long a file has not changed, by the clock of this machine's file system."""
    from datetime import UTC, datetime

    try:
        return datetime.now(UTC).timestamp() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
