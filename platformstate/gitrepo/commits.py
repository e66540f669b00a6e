"""The commits of a range, with their subjects and the paths they change outside `state/`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from platformstate.gitrepo.repository import Repository

STATE: Final = "state"


class CommitFacts(NamedTuple):
    """One commit: its full id, the first line of its message, the paths outside `state/` it changes."""

    oid: str
    subject: str
    paths: tuple[str, ...]


def commits_between(repository: Repository, since: str | None, until: str) -> list[CommitFacts]:
    """Return the commits that lead from one full id to another, newest first.

    Merges and commits that touch nothing outside `state/` are left out. A beginning that this
    clone lacks gives none.
    """
    asked = until if since is None else f"{since}..{until}"
    argv = ["log", "-z", "--no-merges", "--no-show-signature", "--format=%H %s", "--end-of-options", asked]
    listed = repository.run(argv, check=False).decode("utf-8", "replace")
    subjects = dict(row.partition(" ")[::2] for row in listed.split("\0") if row)
    if not subjects:
        return []
    paths = _paths(repository, subjects)
    return [CommitFacts(oid, text, paths[oid]) for oid, text in subjects.items() if paths.get(oid)]


def merge_base(repository: Repository, one: str, other: str) -> str | None:
    """Return the best common ancestor of two full ids, None for histories that never met."""
    found = repository.run(["merge-base", one, other], check=False)
    return found.decode("ascii", "replace").strip() or None


def _paths(repository: Repository, oids: dict[str, str]) -> dict[str, tuple[str, ...]]:
    argv = ["diff-tree", "--stdin", "--root", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff"]
    answered = repository.run(argv, input="".join(f"{oid}\n" for oid in oids).encode("ascii"))
    found: dict[str, list[str]] = {}
    words = iter(answered.decode("utf-8", "surrogateescape").split("\0"))
    for oid, path in _rows(words):
        found.setdefault(oid, []).append(path)
    return {oid: tuple(path for path in paths if not _is_state(path)) for oid, paths in found.items()}


def _rows(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield commit and path: what begins with a colon says that a path follows, all else is a commit."""
    oid = ""
    for word in words:
        if word.startswith(":"):
            yield oid, next(words)
        else:
            oid = word


def _is_state(path: str) -> bool:
    return path == STATE or path.startswith(f"{STATE}/")
