"""What `validate` judges of a range of commits: the tree at its end, and each commit in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from platformstate.actions.contents import Base, Blobs, GitContents, Scope
from platformstate.actions.scopes import ATTRIBUTES, named_by, with_partners
from platformstate.errors import StateError, shown
from platformstate.gitrepo import CommitTree, Repository, resolve_commit
from platformstate.gitrepo.ranges import (
    Versions,
    changes_between,
    history_missing,
    merge_bases,
    steps_between,
)
from platformstate.gitrepo.versions import paths_naming

_OID_LENGTHS: Final = (40, 64)


class Ends(NamedTuple):
    """The two commits of a range: what it starts from, and what it leads to."""

    since: tuple[str, ...]
    until: str


def range_scope(repository: Repository, text: str, *, endpoints: bool = False) -> Scope:
    """Return the scope of `A..B`, or of `A...B`, which starts where the two met last.

    With `endpoints` only the trees of both ends are compared, for a clone without what lies between.
    Raises: usage_invalid, ref_not_found, history_missing.
    """
    ends = _ends(repository, text)
    return _endpoints(repository, ends) if endpoints else commits_scope(repository, ends.until, ends.since)


def commits_scope(repository: Repository, until: str, without: Sequence[str]) -> Scope:
    """Return the scope of the commits reachable from a full id but not from others.

    `without` is what `gitrepo.ranges.steps_between` takes. Raises: history_missing.
    """
    steps = steps_between(repository, until, without)
    own = {path for step in steps for path in step.own_paths()}
    gone = {path for step in steps for path, versions in step.changed.items() if versions.after is None}
    since = [oid for oid in without if not oid.startswith("-")]
    scope = _tree_scope(repository, until, own | gone, gone)
    bases = [Base(oid, {}, partial=True) for oid in since]
    return scope._replace(
        bases=bases,
        from_commit=since[0] if since else None,
        history="commits",
        commits=len(steps),
        steps=steps,
    )


def _endpoints(repository: Repository, ends: Ends) -> Scope:
    changes = {since: changes_between(repository, since, ends.until) for since in ends.since}
    changed = _merged(changes.values())
    gone = {path for path, versions in changed.items() if versions.after is None}
    scope = _tree_scope(repository, ends.until, changed, gone)
    return scope._replace(
        bases=[
            Base(since, {path: versions.before[0] for path, versions in each.items()}, partial=True)
            for since, each in changes.items()
        ],
        from_commit=ends.since[0],
        history="endpoints",
    )


def _merged(changes: Iterable[Mapping[str, Versions]]) -> dict[str, Versions]:
    return {path: versions for each in changes for path, versions in each.items()}


def _tree_scope(
    repository: Repository, commit: str, changed: Collection[str], gone: Collection[str]
) -> Scope:
    """Return the scope of the changed files of a commit's tree, and of those that name a vanished one."""
    blobs = Blobs(repository)
    tree = CommitTree(repository, commit)
    entries = tree.entries()
    present = {entry.path for entry in entries}
    selected = with_partners(path for path in changed if path != ATTRIBUTES)
    selected |= set(paths_naming(repository, named_by(path for path in gone if path not in present), commit))
    attributes = dict(tree.read([ATTRIBUTES])).get(ATTRIBUTES) if ATTRIBUTES in changed else None
    return Scope(
        "range",
        repository,
        GitContents(entries, blobs),
        blobs,
        selected=frozenset(selected),
        attributes=attributes,
        to_commit=commit,
    )


def _ends(repository: Repository, text: str) -> Ends:
    dots = "..." if "..." in text else ".."
    before, found, after = text.partition(dots)
    if not found:
        raise StateError(
            "usage_invalid", f"{shown(text)} is no range", hint="give A..B, or A...B from their merge base"
        )
    since, until = (_commit(repository, rev or "HEAD") for rev in (before, after))
    return Ends(tuple(merge_bases(repository, since, until)) if dots == "..." else (since,), until)


def _commit(repository: Repository, rev: str) -> str:
    """Return the full id of a revision. Raises: ref_not_found, or history_missing for a full id."""
    commit = resolve_commit(repository, rev)
    if commit is not None:
        return commit
    if _is_cut(repository) and (_is_oid(rev) or _is_before_the_cut(repository, rev)):
        raise history_missing(f"the commit {shown(rev)}")
    raise StateError("ref_not_found", f"{shown(rev)} names no commit here", hint="git branch -a")


def _is_oid(rev: str) -> bool:
    return len(rev) in _OID_LENGTHS and all(digit in "0123456789abcdef" for digit in rev)


def _is_before_the_cut(repository: Repository, rev: str) -> bool:
    """Say whether a revision such as HEAD~3 goes back from a commit that is here to one that is not."""
    start = re.split("[~^]", rev, maxsplit=1)[0]
    return start != rev and resolve_commit(repository, start) is not None


def _is_cut(repository: Repository) -> bool:
    """Say whether this clone lacks a part of the history by design."""
    return repository.shallow or any(key.endswith(".promisor") for key in repository.settings.local_keys())
