"""What git is in the middle of in a worktree, told from the files it leaves there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MARKS: Final = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
    ("sequencer", "sequencer"),
)


def operation(git_dir: Path) -> str | None:
    """Return the operation in progress in a worktree's git directory, or None when it is quiet."""
    return next((name for mark, name in _MARKS if (git_dir / mark).exists()), None)


def interrupted_branch(git_dir: Path) -> str | None:
    """Return the full name of the branch that a rebase in progress will come back to."""
    for folder in ("rebase-merge", "rebase-apply"):
        try:
            name = (git_dir / folder / "head-name").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if name.startswith("refs/heads/"):
            return name
    return None


def symbolic_head(git_dir: Path) -> str | None:
    """Return the branch that HEAD names, None when detached; ValueError where only git can tell.

    A repository with reftable keeps a stub in this file, and very old ones a symbolic link.
    """
    path = git_dir / "HEAD"
    text = "" if path.is_symlink() else path.read_text(encoding="utf-8", errors="surrogateescape")
    if text.startswith("ref: ") and not text.strip().endswith("/.invalid"):
        return text[5:].strip()
    if len(text.strip()) in (40, 64):
        return None
    raise ValueError("HEAD is kept in a way that only git reads")
