"""What git knows of the work outside `state/`: for checkpoints and briefs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from platformstate.gitrepo.loose import top_of
from platformstate.gitrepo.repository import Repository

STATE: Final = "state"
_MAX_NAMED_BYTES: Final = 100_000
_KEPT_TOPS: Final = 64
_FIELDS_BEFORE_PATH: Final = {"1": 8, "2": 9, "u": 10, "?": 1}


class WorkFacts(NamedTuple):
    """Where the work stands: `dirty` counts changed and untracked `paths`, all outside `state/`.

    `named` are the top-level entries that were looked at.
    """

    commit: str | None
    branch: str | None
    dirty: int
    ahead: int | None
    paths: tuple[str, ...]
    named: tuple[str, ...] = ()


def work_facts(repository: Repository, meanwhile: Callable[[], object] = tuple) -> WorkFacts:
    """Return commit, branch and dirty paths with at most two children; `meanwhile` is called while git looks."""
    named = _top_level(repository)
    if not named:
        return WorkFacts(repository.head, repository.branch, 0, None, ())
    argv = ["status", "--porcelain=v2", "--branch", "-z", "-unormal"]
    with repository.running([*argv, *pathspec(named)]) as looked:
        meanwhile()
        shown = looked()
    headers, paths = _parse(shown.decode("utf-8", "surrogateescape"))
    commit = headers.get("branch.oid", "(initial)")
    branch = headers.get("branch.head", "(detached)")
    ahead = headers.get("branch.ab", "").split(" ")[0]
    return WorkFacts(
        None if commit == "(initial)" else commit,
        None if branch == "(detached)" else branch,
        len(paths),
        int(ahead) if ahead else None,
        tuple(sorted(paths)),
        tuple(named),
    )


def _top_level(repository: Repository) -> list[str]:
    """Return the names at the top, on disk or at HEAD: a deleted tracked folder is not on disk."""
    names = {entry.name for entry in os.scandir(repository.place)}
    if repository.head is not None:
        names.update(_committed(repository, repository.head))
    return sorted(names - {STATE, ".git", ""})


def _committed(repository: Repository, commit: str) -> dict[str, str]:
    """Return the names at the top of a commit with their ids; a process that goes on long keeps the latest."""
    known = _known_top(repository, commit)
    if known is not None:
        return known
    listed = repository.run(["ls-tree", "-z", "--full-tree", commit]).decode("utf-8", "surrogateescape")
    rows = (row.partition("\t") for row in listed.split("\0") if row)
    return _kept_top(repository, commit, {name: about for about, _, name in rows})


def _known_top(repository: Repository, commit: str) -> dict[str, str] | None:
    """Return what `_committed` does where that takes no child, else None."""
    if commit in repository.tops:
        return repository.tops[commit]
    found = top_of(repository, commit)
    if found is None:
        return None
    return _kept_top(repository, commit, {name: " ".join(row) for name, row in found.items()})


def _kept_top(repository: Repository, commit: str, top: dict[str, str]) -> dict[str, str]:
    tops = repository.tops
    tops[commit] = {name: about for name, about in top.items() if name != STATE}
    while len(tops) > _KEPT_TOPS:
        del tops[next(iter(tops))]
    return tops[commit]


def same_outside_state(repository: Repository, first: str, second: str) -> bool:
    """Say whether two commits are known to hold the same outside `state/`, without a child."""
    known = _known_top(repository, first)
    return known is not None and known == _known_top(repository, second)


def pathspec(named: Sequence[str]) -> list[str]:
    """Name each entry, since git scans everything without; too many for one call are not named."""
    return ["--", *named] if sum(map(len, named)) < _MAX_NAMED_BYTES else []


def _parse(shown: str) -> tuple[dict[str, str], set[str]]:
    headers: dict[str, str] = {}
    paths: set[str] = set()
    rows = iter(shown.split("\0"))
    for row in rows:
        mark, _, rest = row.partition(" ")
        if mark == "#":
            key, _, value = rest.partition(" ")
            headers[key] = value
        elif mark in _FIELDS_BEFORE_PATH:
            paths.update(_paths_of(mark, row, rows))
    return headers, {path for path in paths if not is_state(path)}


def _paths_of(mark: str, row: str, rows: Iterator[str]) -> list[str]:
    path = row.split(" ", _FIELDS_BEFORE_PATH[mark])[-1]
    return [path, next(rows)] if mark == "2" else [path]


def is_state(path: str) -> bool:
    """Say whether a path is `state` or below it."""
    return path == STATE or path.startswith(f"{STATE}/")
