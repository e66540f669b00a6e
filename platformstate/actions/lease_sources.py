"""The worktree and the branch in which the holder of a task's claim works, as sources of a brief."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from platformstate.files import WorkTree

if TYPE_CHECKING:
    from platformstate.core.tree import Tree
    from platformstate.store import Store


def lease_sources(store: Store, task: str) -> list[tuple[str, Tree]]:
    """Return name and tree of each place that a lease of this clone names, besides this worktree.

    A worktree that is gone, or a branch that was removed, is left out.
    """
    from platformstate.gitrepo import CommitTree, resolve_commit
    from platformstate.store.place import clone_id, worktree_name

    lease = store.session.claims.of(task)
    repository = store.repository
    if lease is None or lease.clone != clone_id(repository):
        return []
    found: list[tuple[str, Tree]] = []
    if lease.worktree != worktree_name(repository):
        place = _worktree(store, lease.worktree)
        if place is not None:
            found.append((f"worktree {lease.worktree}", WorkTree(place)))
    if lease.branch is not None and lease.branch != repository.branch:
        commit = resolve_commit(repository, f"refs/heads/{lease.branch}")
        if commit is not None:
            found.append((f"branch {lease.branch} at {commit}", CommitTree(repository, commit)))
    return found


def _worktree(store: Store, name: str) -> Path | None:
    """Return where a worktree of this clone stands, None when it is gone."""
    from platformstate.store.place import MAIN_WORKTREE

    listed = store.repository.run(["worktree", "list", "--porcelain", "-z"], check=False)
    rows = listed.decode("utf-8", "surrogateescape").split("\0")
    places = [Path(row.removeprefix("worktree ")) for row in rows if row.startswith("worktree ")]
    if name == MAIN_WORKTREE:
        found = places[:1]
    else:
        folder = store.repository.common_dir / "worktrees" / name / "gitdir"
        found = [place for place in places[1:] if _git_file(folder) == place / ".git"]
    return next((place for place in found if place.is_dir()), None)


def _git_file(path: Path) -> Path | None:
    try:
        return Path(path.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n"))
    except OSError:
        return None
