"""The commits of a range: what each of them changes of the state, against every parent it has.

All of it comes from four children, however many commits there are. What this clone lacks is an
error, never a shorter range.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.errors import StateError
from platformstate.gitrepo.children import GitFailed
from platformstate.gitrepo.objects import look_up
from platformstate.gitrepo.repository import Repository

JUDGED_PATHS: Final = ("state", ".gitattributes")
_GITLINK: Final = "160000"
_PLAIN: Final = ("100644", "000000")
_DIFF: Final = ("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--no-textconv")


class Versions(NamedTuple):
    """One path in one commit: the blob it had in each parent, in order, and the one it has now."""

    before: tuple[str | None, ...]
    after: str | None


class Step(NamedTuple):
    """One commit of a range, and the state paths in which it differs from at least one parent.

    `repeated` are those that git told more than once: no tree that git makes itself has a name twice.
    `odd` are those that it made something else than a plain file: the bytes may have stayed the same.
    """

    oid: str
    parents: tuple[str, ...]
    changed: Mapping[str, Versions]
    repeated: frozenset[str] = frozenset()
    odd: frozenset[str] = frozenset()

    def own_paths(self) -> Iterator[str]:
        """Yield the paths that are as in none of the parents: what this commit itself says."""
        for path, versions in self.changed.items():
            if versions.after not in versions.before or path in self.odd:
                yield path


class _Difference(NamedTuple):
    """What differs between two trees: for each path the blobs of both, those told repeatedly or no plain file."""

    rows: dict[str, tuple[str | None, str | None]]
    repeated: set[str]
    odd: set[str]

    def add(self, path: str, facts: str, null_oid: str) -> None:
        """Take in one row; a tree out of order tells of a changed file as one gone and one new."""
        before, after = _blobs(facts, null_oid)
        if facts.split(" ")[1] not in _PLAIN:
            self.odd.add(path)
        if path in self.rows:
            self.repeated.add(path)
            first, last = self.rows[path]
            before, after = first or before, after or last
        self.rows[path] = (before, after)


class _Listed(NamedTuple):
    oid: str
    tree: str
    parents: tuple[str, ...]


def steps_between(repository: Repository, until: str, without: Sequence[str]) -> list[Step]:
    """Return the commits reachable from a full id but not from others, parents before children.

    `without` holds full ids, or rev-list's own words for many: `--branches`, `--remotes=NAME`. Raises:
    history_missing when a commit, a parent or a tree of them is not in this clone.
    """
    listed = _listed(repository, until, without)
    _refuse_shallow(repository, listed)
    trees = _trees(repository, listed)
    pairs = [(trees[parent], commit.tree) for commit in listed for parent in commit.parents or ("",)]
    differences = iter(_differences(repository, pairs))
    return [_step(commit, [next(differences) for _ in commit.parents or ("",)]) for commit in listed]


def changes_between(repository: Repository, one: str, other: str) -> dict[str, Versions]:
    """Return the state paths that differ between two commits. Raises: history_missing."""
    found = look_up(repository, [f"{one}^{{tree}}", f"{other}^{{tree}}"])
    trees = [each.oid for each in found if each is not None]
    if len(trees) < 2:
        raise history_missing(f"the tree of {one[:12]} or {other[:12]}")
    (difference,) = _differences(repository, [(trees[0], trees[1])])
    return {path: Versions((before,), after) for path, (before, after) in difference.rows.items()}


def merge_bases(repository: Repository, one: str, other: str) -> list[str]:
    """Return the best common ancestors of two commits. Raises: history_missing for none."""
    found = met_last(repository, one, [other])
    if not found:
        raise history_missing(f"a common ancestor of {one[:12]} and {other[:12]}")
    return found


def met_last(repository: Repository, one: str, others: Sequence[str]) -> list[str]:
    """Return the best common ancestors of a commit and a merge of others, none for unrelated ones.

    Raises: history_missing for none in a shallow clone, which may hide them.
    """
    found = repository.call(["merge-base", "--all", one, *others]).stdout.decode("ascii").split()
    if not found and repository.shallow:
        raise history_missing(f"a common ancestor of {one[:12]} and {others[0][:12]}")
    return found


def history_missing(what: str) -> StateError:
    """Return the error for a part of the history that this clone lacks."""
    return StateError(
        "history_missing",
        f"{what} is not in this clone, so what came before cannot be judged",
        hint="git fetch --unshallow; in CI fetch-depth: 0; of a partial clone: git fetch --refetch --no-filter",
    )


def _listed(repository: Repository, until: str, without: Sequence[str]) -> list[_Listed]:
    argv = ["log", "--topo-order", "--reverse", "--no-show-signature", "--format=%H %T %P"]
    ran = repository.call([*argv, until, "--not", *without, "--"])
    if ran.status:
        raise history_missing(f"a commit before {until[:12]}")
    rows = (line.split(" ") for line in ran.stdout.decode("ascii").splitlines())
    return [_Listed(row[0], row[1], tuple(parent for parent in row[2:] if parent)) for row in rows]


def _refuse_shallow(repository: Repository, listed: Sequence[_Listed]) -> None:
    """Refuse a range that holds a commit whose parents a shallow clone left out."""
    if not repository.shallow:
        return
    cut = frozenset(Path(repository.common_dir, "shallow").read_text(encoding="ascii").split())
    for commit in listed:
        if commit.oid in cut:
            raise history_missing(f"the parent of {commit.oid[:12]}")


def _trees(repository: Repository, listed: Sequence[_Listed]) -> dict[str, str]:
    """Return the tree of every commit and parent; the empty name stands for the tree without files."""
    trees = {commit.oid: commit.tree for commit in listed}
    trees[""] = _empty_tree(repository)
    outside = sorted({parent for commit in listed for parent in commit.parents} - trees.keys())
    for parent, found in zip(
        outside, look_up(repository, [f"{oid}^{{tree}}" for oid in outside]), strict=True
    ):
        if found is None:
            raise history_missing(f"the commit {parent[:12]}")
        trees[parent] = found.oid
    return trees


def _empty_tree(repository: Repository) -> str:
    made = hashlib.new("sha256" if repository.object_format == "sha256" else "sha1", usedforsecurity=False)
    made.update(b"tree 0\0")
    return made.hexdigest()


def _differences(repository: Repository, pairs: Sequence[tuple[str, str]]) -> list[_Difference]:
    """Return for each pair of trees the state paths that differ, with the blobs of both sides."""
    if not pairs:
        return []
    asked = "".join(f"{before} {after}\n" for before, after in pairs).encode("ascii")
    try:
        listed = repository.list_files([*_DIFF, "--abbrev=64", "--", *JUDGED_PATHS], input=asked, times=2)
    except GitFailed as failed:
        raise history_missing("a tree of the range") from failed
    found: list[_Difference] = []
    words = iter(listed.decode("utf-8", "surrogateescape").split("\0"))
    for word in words:
        # A line with the two trees stands before the rows of each pair, also where there are none.
        *heads, facts = word.split("\n")
        found.extend(_Difference({}, set(), set()) for _ in heads)
        if facts:
            found[-1].add(next(words), facts, repository.null_oid)
    return found


def _blobs(facts: str, null_oid: str) -> tuple[str | None, str | None]:
    mode_before, mode_after, before, after, _ = facts.lstrip(":").split(" ")
    return (
        None if before == null_oid or mode_before == _GITLINK else before,
        None if after == null_oid or mode_after == _GITLINK else after,
    )


def _step(commit: _Listed, differences: Sequence[_Difference]) -> Step:
    now = {path: after for each in differences for path, (_, after) in each.rows.items()}
    changed = {
        path: Versions(
            tuple(each.rows[path][0] if path in each.rows else after for each in differences), after
        )
        for path, after in now.items()
    }
    repeated = frozenset[str]().union(*(each.repeated for each in differences))
    odd = frozenset[str]().union(*(each.odd for each in differences))
    return Step(commit.oid, commit.parents, changed, repeated, odd)
