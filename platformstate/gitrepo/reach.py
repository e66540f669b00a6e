"""What commits reach and change, asked for many at a time: the facts that evidence is judged by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from platformstate.core.tree import Entry
from platformstate.gitrepo.repository import Repository

STATE: Final = "state"
_ROWS: Final = "surrogateescape"
_FEW: Final = 8


def branch_tips(repository: Repository) -> list[str]:
    """Return the commit of HEAD and of every branch that this clone has, remote-tracking ones too."""
    listed = repository.run(["for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes"])
    found = [*listed.decode("ascii").split(), *([repository.head] if repository.head else [])]
    return list(dict.fromkeys(found))


def outside(repository: Repository, commits: Iterable[str], tips: Collection[str]) -> set[str]:
    """Return those commits that no tip reaches, with one child; all are full ids that exist here."""
    asked = set(commits) - set(tips)
    if not asked or not tips:
        return asked
    lines = "".join(f"{oid}\n" for oid in [*sorted(asked), *(f"^{tip}" for tip in tips)])
    listed = repository.run(["rev-list", "--stdin"], input=lines.encode("ascii"))
    return asked & set(listed.decode("ascii").split())


def reached(repository: Repository, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those pairs of full ids that exist here of which the second reaches the first, or equals it.

    A child for each second one, but for many: then one walk of the history settles most of them.
    """
    seconds = {second for _, second in pairs}
    if len(seconds) > _FEW:
        pairs = _not_before(repository, pairs)
    by_second: dict[str, set[str]] = {}
    for first, second in pairs:
        by_second.setdefault(second, set()).add(first)
    return {
        (first, second)
        for second, firsts in by_second.items()
        for first in firsts - outside(repository, firsts, [second])
    }


def _not_before(repository: Repository, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the pairs that an order of children before parents does not rule out."""
    named = sorted({oid for pair in pairs for oid in pair})
    lines = "".join(f"{oid}\n" for oid in named).encode("ascii")
    listed = repository.run(["rev-list", "--topo-order", "--stdin"], input=lines)
    place = {oid: number for number, oid in enumerate(listed.decode("ascii").split())}
    return {(first, second) for first, second in pairs if place[first] >= place[second]}


def only_state(repository: Repository, commits: Iterable[str]) -> set[str]:
    """Return those commits that change nothing outside `state/`, compared with their first parent."""
    asked = list(dict.fromkeys(commits))
    if not asked:
        return set()
    argv = ["diff-tree", "--stdin", "--root", "--diff-merges=first-parent", "--name-only", "-z"]
    listed = repository.run(
        [*argv, "--no-renames", "--no-ext-diff"], input="".join(f"{oid}\n" for oid in asked).encode("ascii")
    )
    changed: dict[str, set[str]] = {oid: set() for oid in asked}
    present = ""
    for word in listed.decode("utf-8", _ROWS).replace("\n", "\0").split("\0"):
        if word in changed:
            present = word
        elif word and present:
            changed[present].add(word)
    return {oid for oid, names in changed.items() if not names - {STATE}}


def before_changes(repository: Repository, commit: str, path: str, limit: int) -> list[str]:
    """Return names of the commits before the last changes of a path, along first parents, newest first."""
    argv = ["rev-list", "--first-parent", f"--max-count={limit}", commit, "--", path]
    return [f"{oid}^" for oid in repository.run(argv).decode("ascii").split()]


def entries_at(repository: Repository, commit: str, paths: Sequence[str]) -> Mapping[str, Entry]:
    """Return what a commit holds at each path, with one child; absent ones are left out."""
    if not paths:
        return {}
    listed = repository.run(["ls-tree", "-z", "--full-tree", commit, "--", *paths])
    found = {}
    for row in listed.decode("utf-8", _ROWS).split("\0")[:-1]:
        facts, _, path = row.partition("\t")
        mode, _, oid = facts.split(" ")
        found[path] = Entry(path, mode, oid)
    return found


def tracked_changes(repository: Repository) -> list[str]:
    """Return the tracked paths outside `state/` whose files differ from HEAD."""
    listed = repository.run(["status", "--porcelain", "-z", "-uno", "--no-renames"])
    return _outside_state(row[3:] for row in listed.decode("utf-8", _ROWS).split("\0"))


def committed_since(repository: Repository, commit: str) -> list[str]:
    """Return the paths outside `state/` that HEAD has otherwise than a commit, a full id that exists here."""
    argv = ["diff-tree", "-r", "--name-only", "-z", "--no-renames", "--no-ext-diff", commit, "HEAD", "--"]
    return _outside_state(repository.run(argv).decode("utf-8", _ROWS).split("\0"))


def _outside_state(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path and path != STATE and not path.startswith(f"{STATE}/")]
