"""Where a job's child works: the working tree, as far as it is trusted, or a copy of the trusted commit."""

from __future__ import annotations

import os
import posixpath
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from platformstate.core.places import STATE
from platformstate.errors import StateError
from platformstate.gitrepo.facts import work_facts
from platformstate.runner import Source, hold_source

if TYPE_CHECKING:
    from platformstate.core.tree import Tree
    from platformstate.gitrepo.trust import Trusted
    from platformstate.policy.job_receipt import Firing
    from platformstate.store import Store

_LINK: Final = "120000"
_EXECUTABLE: Final = ("100755", _LINK)


class SourceFiles(Protocol):
    """The files that a job's child will find, asked for before there is one."""

    def is_file(self, path: str) -> bool:
        """Say whether a relative path is a file."""
        ...

    def is_executable(self, path: str) -> bool:
        """Say whether a relative path is a file that may be executed."""
        ...

    def leaves(self, path: str) -> bool:
        """Say whether a relative path leads out of the source."""
        ...


class WorkFiles:
    """The files of the working tree."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def is_file(self, path: str) -> bool:
        """Say whether a relative path is a file inside the tree."""
        return not self.leaves(path) and (self._root / path).is_file()

    def is_executable(self, path: str) -> bool:
        """Say whether a relative path is a file of the tree that may be executed."""
        return self.is_file(path) and os.access(self._root / path, os.X_OK)

    def leaves(self, path: str) -> bool:
        """Say whether a relative path leads out of the tree, by a link or otherwise."""
        return not (self._root / path).resolve().is_relative_to(self._root)


class CommitFiles:
    """The files of a commit; a link in it is taken for what it may lead to."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def is_file(self, path: str) -> bool:
        """Say whether a relative path is a file of the commit."""
        return self._mode(path) is not None

    def is_executable(self, path: str) -> bool:
        """Say whether a relative path is a file of the commit that may be executed."""
        return self._mode(path) in _EXECUTABLE

    def leaves(self, path: str) -> bool:
        """Say whether a relative path leads out of the commit: a link on its way may."""
        wanted = posixpath.normpath(path)
        parts = wanted.split("/")
        ways = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        return parts[0] == ".." or any(self._mode(way) == _LINK for way in ways if way != ".")

    def _mode(self, path: str) -> str | None:
        wanted = posixpath.normpath(path)
        return next((entry.mode for entry in self._tree.entries(wanted) if entry.path == wanted), None)


def files_of(store: Store, kind: str, commit: str) -> SourceFiles:
    """Return the files of a source: `tree`, or `trusted` at a commit."""
    return CommitFiles(store.tree(commit)) if kind == "trusted" else WorkFiles(store.root)


def source_held(store: Store, firing: Firing) -> Source:
    """Return the folder that a firing works in, made and locked where it is a copy of a commit."""
    from platformstate.gitrepo.export import export_commit

    if firing.whole["runtime"]["source"] == "tree":
        return Source(store.root)
    fill = partial(export_commit, store.repository, firing.commit)
    return hold_source(store.repository.common_dir, firing.commit, fill)


def trusted_source(commit: str) -> dict[str, Any]:
    """Return what a receipt says of a copy of the trusted commit as a source."""
    return {"kind": "trusted", "commit": commit, "dirty": False, "allowed": False}


def tree_source(store: Store, trusted: Trusted, *, allowed: bool) -> tuple[dict[str, Any], StateError | None]:
    """Return what a receipt says of the working tree as a source, and the refusal that it meets.

    Commits of HEAD that the trusted ref lacks may touch `state/` only, unless that is allowed.
    """
    foreign = _foreign_paths(store, str(trusted.commit))
    source = {
        "kind": "tree",
        "commit": store.repository.head,
        "dirty": work_facts(store.repository).dirty > 0,
        "allowed": bool(foreign) and allowed,
    }
    if not foreign or allowed:
        return source, None
    message = f"HEAD has commits that {trusted.ref} lacks and that touch {foreign[0]}"
    hint = "run it from a branch that is landed, or by hand with --allow-tree"
    return source, StateError("job_worktree_untrusted", message, hint=hint)


def _foreign_paths(store: Store, trusted: str) -> list[str]:
    head = store.repository.head
    if head is None or head == trusted:
        return []
    base = store.repository.run(["merge-base", trusted, head], check=False).decode().strip()
    if not base:
        return ["everything (the histories are not related)"]
    argv = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", base, head]
    listed = store.repository.run(argv).decode("utf-8", "surrogateescape")
    return [path for path in listed.split("\0") if path and not path.startswith(STATE)]
