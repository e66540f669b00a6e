"""What each mode of `validate` judges: which files, against which versions, and whose findings count."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platformstate.actions.contents import Base, Blobs, DiskContents, GitContents, Scope
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.tree import Entry
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.gitrepo import CommitTree, IndexTree, Repository, resolve_commit
from platformstate.gitrepo.attributes import hidden_paths, ignored_files
from platformstate.gitrepo.versions import Changed, merge_heads, parents, paths_naming, staged_changes
from platformstate.validation.loading import load_engine

ATTRIBUTES: Final = ".gitattributes"
if TYPE_CHECKING:
    from platformstate.gitrepo.ranges import Step

_PARTNERS: Final = ("run.md", "events.jsonl", "run_receipt.json")
NAMED_KINDS: Final = ("task", "run", "checkpoint", "evidence", "job", "procedure")


def working_scope(repository: Repository, base: str | None = None) -> Scope:
    """Return all working files below `state/`, ignored ones left out, against HEAD."""
    return _disk_scope(repository, "worktree", base, given={}, select=None)


def path_scope(repository: Repository, paths: Sequence[str], base: str | None = None) -> Scope:
    """Return the working files at or below some paths; the rest of the tree is there to refer to.

    Raises: usage_invalid for a path that is not below `state/` or names nothing.
    """
    wanted = [repository_path(repository, path) for path in paths]
    return _disk_scope(repository, "paths", base, given={}, select=wanted)


def text_scope(repository: Repository, path: str, data: bytes, base: str | None = None) -> Scope:
    """Return one file whose text an editor holds, as if it stood at its path, against HEAD's."""
    place = repository_path(repository, path)
    return _disk_scope(repository, "stdin-path", base, given={place: data}, select=[place])


def staged_scope(repository: Repository, base: str | None = None) -> Scope:
    """Return what the index changes against HEAD and each commit being merged, and who refers to it."""
    work_tree(repository)
    blobs = Blobs(repository)
    named: list[str | None] = [*_base_commits(repository, base)]
    commits = named or [repository.head, *merge_heads(repository)]
    with IndexTree(repository).listing() as listed:
        changes = [staged_changes(repository, commit, ["state", ATTRIBUTES]) for commit in commits]
        if any(changes):
            load_engine()
        entries = listed()
    bases = [
        Base(commit, {change.path: change.before for change in changed}, partial=True)
        for commit, changed in zip(commits, changes, strict=True)
        if commit is not None
    ]
    changed = {change.path: change for change in changes[0]}
    blobs.load(oid for each in changes for change in each for oid in (change.before, change.after))
    merge = _merge_in(changes, entries, commits) if len(bases) > 1 else None
    selected = with_partners(path for path in changed if path != ATTRIBUTES)
    selected |= (
        set() if merge is None else {path for path in merge.changed if _holds_against_each(path, merge)}
    )
    gone = (change.path for change in changed.values() if _no_longer_holds(change))
    selected |= set(paths_naming(repository, named_by(gone)))
    attributes = blobs.get(changed[ATTRIBUTES].after, ATTRIBUTES) if ATTRIBUTES in changed else None
    return Scope(
        "staged",
        repository,
        GitContents(entries, blobs),
        blobs,
        bases,
        frozenset(selected),
        attributes if isinstance(attributes, bytes) else None,
        history=_history(bases, base),
        merge=merge,
    )


def _merge_in(
    changes: Sequence[Sequence[Changed]], entries: Sequence[Entry], commits: Sequence[str | None]
) -> Step:
    """Return the merge that an index is about to be, as its commit would tell it."""
    from platformstate.gitrepo.ranges import Step, Versions  # few commits are merges

    now = {entry.path: entry.oid for entry in entries}
    before = [{change.path: change.before for change in each} for each in changes]
    paths = sorted(set[str]().union(*before))
    changed = {
        path: Versions(tuple(side.get(path, now.get(path)) for side in before), now.get(path))
        for path in paths
        if path != ATTRIBUTES
    }
    return Step("", tuple(commit for commit in commits if commit is not None), changed)


def _holds_against_each(path: str, merge: Step) -> bool:
    """Say whether a merge took one side's version of bytes that may not change, or of a record that is gone."""
    from platformstate.policy.history import has_fields

    versions = merge.changed[path]
    if versions.after is None:
        return True
    return not has_fields(path) and any(oid not in (None, versions.after) for oid in versions.before)


def commit_scope(repository: Repository, rev: str, base: str | None = None) -> Scope:
    """Return the whole tree of a commit against its parents. Raises: ref_not_found."""
    commit = _commit(repository, rev)
    blobs = Blobs(repository)
    tree = CommitTree(repository, commit)
    commits = _base_commits(repository, base) or parents(repository, commit)
    bases = [_commit_base(repository, parent) for parent in commits]
    merge = None
    if len(commits) > 1:
        from platformstate.gitrepo.ranges import steps_between  # few commits are merges

        merge = steps_between(repository, commit, commits)[0]
    return Scope(
        "rev",
        repository,
        GitContents(tree.entries(), blobs),
        blobs,
        bases,
        attributes=dict(tree.read([ATTRIBUTES])).get(ATTRIBUTES),
        to_commit=commit,
        history=_history(bases, base),
        commits=1,
        merge=merge,
    )


def repository_path(repository: Repository, path: str) -> str:
    """Return a path, as typed in the directory of the command, relative to the repository's root."""
    root = work_tree(repository)
    typed = Path(os.path.abspath(repository.directory / path))
    try:
        below = typed.relative_to(root).as_posix()
    except ValueError:
        below = ""
    if below != "state" and not below.startswith("state/"):
        raise StateError(
            "usage_invalid", f"{shown(path)} is not below {root}/state", hint="name a state file"
        )
    return below


def _disk_scope(
    repository: Repository,
    mode: str,
    base: str | None,
    given: Mapping[str, bytes],
    select: Sequence[str] | None,
) -> Scope:
    root = work_tree(repository)
    tree = WorkTree(root)
    ignored = ignored_files(repository)
    entries = [entry for entry in tree.entries() if entry.path not in ignored]
    commits = _base_commits(repository, base) or ([repository.head] if repository.head else [])
    bases = [_commit_base(repository, commit) for commit in commits]
    hidden = hidden_paths(repository, sorted(path for path in ignored if _is_record(path)))
    contents = DiskContents(tree, entries, repository.object_format, given)
    known = {entry.path for entry in contents.entries}.union(*(each.blobs for each in bases))
    known |= {each.path for each in hidden}
    return Scope(
        mode,
        repository,
        contents,
        Blobs(repository),
        bases,
        None if select is None else frozenset(at_or_below(select, known)),
        dict(tree.read([ATTRIBUTES])).get(ATTRIBUTES) if select is None else None,
        history=_history(bases, base),
        hidden=hidden,
    )


def _is_record(path: str) -> bool:
    place = places.place_of(path)
    return place is not None and place.kind in KINDS


def at_or_below(wanted: Sequence[str], known: Iterable[str]) -> set[str]:
    """Return the known paths that are named or stand in a named folder. Raises: usage_invalid."""
    paths = set(known)
    found: set[str] = set()
    for name in wanted:
        below = {path for path in paths if path == name or path.startswith(f"{name}/")}
        if not below:
            raise StateError(
                "usage_invalid", f"{shown(name)} is no file or folder of the store", hint="git ls-files state"
            )
        found |= below
    return found


def work_tree(repository: Repository) -> Path:
    """Return the root of the work tree. Raises: repository_bare."""
    if repository.root is None:
        hint = "platformctl validate --rev HEAD"
        raise StateError("repository_bare", "a bare repository has no working files", hint=hint)
    return repository.root


def _base_commits(repository: Repository, base: str | None) -> list[str]:
    return [] if base is None else [_commit(repository, base)]


def _commit(repository: Repository, rev: str) -> str:
    commit = resolve_commit(repository, rev)
    if commit is None:
        raise StateError("ref_not_found", f"{shown(rev)} names no commit here", hint="git branch -a")
    return commit


def _commit_base(repository: Repository, commit: str) -> Base:
    return Base(commit, {entry.path: entry.oid for entry in CommitTree(repository, commit).entries()})


def _history(bases: Sequence[Base], base: str | None) -> str:
    if not bases:
        return "none"
    return "commits" if base is None else "endpoints"


def with_partners(paths: Iterable[str]) -> set[str]:
    """Return the paths and, of each run's header, journal or receipt, the others: each is checked by another."""
    found = set(paths)
    for path in list(found):
        folder, _, name = path.rpartition("/")
        if name in _PARTNERS:
            found |= {f"{folder}/{partner}" for partner in _PARTNERS}
    return found


def _no_longer_holds(change: Changed) -> bool:
    """Say whether a record is gone, or is a proof that says something else now."""
    if change.after is None:
        return True
    place = places.place_of(change.path) if change.before is not None else None
    return place is not None and place.kind == "evidence"


def named_by(gone: Iterable[str]) -> list[str]:
    """Return the ids of the records that stood at paths which are gone: others may still name them."""
    found = set()
    for path in gone:
        place = places.place_of(path)
        if place is not None and place.kind in NAMED_KINDS:
            found.add(place.id)
    return sorted(found)
