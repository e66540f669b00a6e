"""Where this command works, as a run records it: host, clone, worktree, branch, process."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Final

from platformstate.entities.run import Place
from platformstate.files import Folder
from platformstate.gitrepo import Repository
from platformstate.store.control import Control
from platformstate.store.lock import boot_id

if TYPE_CHECKING:
    from platformstate.core.ids import Chance
    from platformstate.files import Durability

CLONE_ID: Final = "clone-id"
MAIN_WORKTREE: Final = "main"
_DIGITS: Final = 16
_CLONE_ID: Final = re.compile(f"[0-9a-f]{{{_DIGITS}}}")


def place_of_work(repository: Repository) -> Place:
    """Return where this command works; `clone` is empty in a clone that no run was opened in yet."""
    return Place(
        host=os.uname().nodename,
        clone=clone_id(repository) or "",
        worktree=worktree_name(repository),
        branch=repository.branch,
        base_commit=repository.head,
        boot_id=hashlib.sha256((boot_id() or "").encode()).hexdigest()[:_DIGITS],
        pid=os.getpid(),
    )


def clone_id(repository: Repository) -> str | None:
    """Return the id of this clone, None when it has none yet, or a file that says none."""
    try:
        text = (Control(repository.common_dir).path / CLONE_ID).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return text if _CLONE_ID.fullmatch(text) else None


def make_clone_id(repository: Repository, chance: Chance, durability: Durability) -> str:
    """Return the id of this clone, made and kept when it has none. The caller holds the lock."""
    known = clone_id(repository)
    if known is not None:
        return known
    made = f"{chance(16**_DIGITS):0{_DIGITS}x}"
    with Folder.at(Control(repository.common_dir).path) as folder:
        folder.remove(CLONE_ID)
        folder.create(CLONE_ID, f"{made}\n".encode(), durability, 0o600)
        folder.sync(durability)
    return made


def worktree_name(repository: Repository) -> str:
    """Return git's name of this worktree, `main` for the first one; never a path."""
    return MAIN_WORKTREE if repository.worktree == "." else repository.worktree.rpartition("/")[2]
