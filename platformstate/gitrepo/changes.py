"""Which files differ between two versions of the state, and which files commits for a task touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from platformstate.core.tree import Entry
from platformstate.errors import StateError
from platformstate.gitrepo.repository import Repository
from platformstate.gitrepo.trees import CommitTree, IndexTree

_RAW: Final = ("--raw", "-z", "--abbrev=64", "--no-renames", "--no-ext-diff", "--no-textconv")
_ABSENT: Final = "000000"


class Touched(NamedTuple):
    """One path that differs, as either side has it; None is absent."""

    path: str
    before: Entry | None
    after: Entry | None


class TaskCommit(NamedTuple):
    """A commit that says which tasks it is for, and the files that it changes against its parent."""

    commit: str
    tasks: tuple[str, ...]
    paths: tuple[str, ...]


def commit_changes(repository: Repository, before: str, after: str) -> list[Touched]:
    """Return what differs below `state/` between two commits."""
    return _touched(repository.list_files(["diff-tree", "-r", *_RAW, before, after, "--", "state"]))


def merge_base(repository: Repository, one: str, other: str) -> str:
    """Return the commit at which two histories parted. Raises: history_missing where none is here."""
    found = repository.run(["merge-base", one, other], check=False).decode("ascii", "replace").split()
    if not found:
        raise StateError(
            "history_missing",
            "the commit at which the two parted is not in this clone",
            hint="git fetch --unshallow",
        )
    return found[0]


def staged_state(repository: Repository, base: str | None) -> list[Touched]:
    """Return what differs below `state/` between a commit, or nothing, and the index; of a conflict our side."""
    base = base or _no_tree(repository)
    found = _touched(repository.run(["diff-index", "--cached", *_RAW, base, "--", "state"]))
    if all(row.after is not None for row in found):
        return found
    staged = {entry.path: entry for entry in IndexTree(repository).entries()}
    return [row._replace(after=row.after or staged.get(row.path)) for row in found]


def working_state(repository: Repository, base: str | None) -> list[Touched]:
    """Return what may differ below `state/` between a commit, or nothing, and the working files.

    The newer side is for the reader to find. Files that a flag of the index hides from git are among
    them, and may turn out to be equal; ignored ones are not.
    """
    base = base or _no_tree(repository)
    found = {row.path: row for row in _touched(repository.run(["diff-index", *_RAW, base, "--", "state"]))}
    listed = repository.run(["ls-files", "-v", "-z", "-c", "-o", "--exclude-standard", "--", "state"])
    hidden: list[str] = []
    for row in listed.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        tag, path = row[:1], row[2:]
        if path not in found and tag == "?":
            found[path] = Touched(path, None, Entry(path, "100644"))
        elif path not in found and tag != "H":
            hidden.append(path)
    before = {entry.path: entry for entry in CommitTree(repository, base).entries()} if hidden else {}
    found |= {path: Touched(path, before.get(path), None) for path in hidden}
    return [found[path] for path in sorted(found)]


def task_commits(repository: Repository, before: str, after: str) -> list[TaskCommit]:
    """Return the commits of a range that bear a `Task:` trailer, newest first; merges touch nothing."""
    trailers = "%(trailers:key=Task,valueonly,unfold,separator=%x20)"
    argv = ["log", "-z", *_RAW, f"--format=tformat:%H {trailers}", f"{before}..{after}"]
    words = iter(repository.run(argv).decode("utf-8", "surrogateescape").split("\0"))
    found: list[TaskCommit] = []
    for word in words:
        if word.lstrip("\n").startswith(":"):
            found[-1] = found[-1]._replace(paths=(*found[-1].paths, next(words)))
        elif word:
            commit, *tasks = word.split()
            found.append(TaskCommit(commit, tuple(tasks), ()))
    return [each for each in found if each.tasks and each.paths]


def _touched(listed: bytes) -> list[Touched]:
    words = listed.decode("utf-8", "surrogateescape").split("\0")
    return sorted(_rows(words), key=lambda row: row.path)


def _rows(words: Sequence[str]) -> Iterator[Touched]:
    for facts, path in zip(words[0::2], words[1::2], strict=False):
        old_mode, mode, old_oid, oid, _ = facts.removeprefix(":").split(" ")
        yield Touched(path, _entry(path, old_mode, old_oid), _entry(path, mode, oid))


def _entry(path: str, mode: str, oid: str) -> Entry | None:
    if mode == _ABSENT:
        return None
    return Entry(path, mode, oid if oid.strip("0") else None)


def _no_tree(repository: Repository) -> str:
    """Return the id of the tree that holds nothing, which every repository knows."""
    return repository.run(["hash-object", "-t", "tree", "--stdin"]).decode("ascii").strip()
