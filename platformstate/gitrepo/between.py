"""Two commits and what lies between their state trees: what an export asks of git."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from platformstate.core.tree import Entry
from platformstate.cost import COST
from platformstate.gitrepo.objects import contents, look_up
from platformstate.gitrepo.repository import Repository

_CHUNK_BYTES: Final = 1 << 20
_PATHS_AT_ONCE: Final = 500
_COMMITTER: Final = re.compile(rb"^committer .*> (-?[0-9]{1,99}) ", re.M)
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799


class Snapshot(NamedTuple):
    """A commit: its id, its committer's time in seconds, and the tree and store below `state/`."""

    commit: str
    committed_at: int
    tree: str | None
    store: bytes | None


def snapshot(repository: Repository, rev: str) -> Snapshot | None:
    """Return the commit that a revision names, None when it names none here."""
    if not rev or rev.startswith("-") or "\n" in rev:
        return None
    commit, tree, store = look_up(
        repository, [f"{rev}^{{commit}}", f"{rev}:state", f"{rev}:state/store.yaml"]
    )
    if commit is None:
        return None
    wanted = [commit.oid, *([store.oid] if store is not None and store.type == "blob" else [])]
    read = list(object_bytes(repository, wanted))
    text = read[0] if isinstance(read[0], bytes) else b""
    said = read[1] if len(read) > 1 and isinstance(read[1], bytes) else None
    return Snapshot(commit.oid, _committed_at(text), tree.oid if tree else None, said)


def _committed_at(commit: bytes) -> int:
    """Return the committer's time within the years 1 to 9999, 0 where there is none, as git reads one."""
    found = _COMMITTER.search(commit.partition(b"\n\n")[0])
    return min(max(int(found[1]), _FIRST_SECOND), _LAST_SECOND) if found else 0


def full_ref(repository: Repository, name: str) -> str | None:
    """Return the full name of a ref as typed, None for what is no ref here."""
    if not name or name.startswith("-") or "\n" in name:
        return None
    argv = ["rev-parse", "--verify", "-q", "--symbolic-full-name", "--end-of-options", name]
    found = repository.run(argv, check=False).decode("utf-8", "surrogateescape").strip()
    return found.splitlines()[-1] if found else None


def is_here(repository: Repository, oids: Sequence[str]) -> bool:
    """Say whether every one of these objects is in this clone."""
    return all(found is not None for found in look_up(repository, oids))


def changed_paths(repository: Repository, before: str, after: str) -> list[str]:
    """Return the paths whose blob or mode differs between two `state` trees, from the root."""
    argv = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after]
    return [f"state/{path}" for path in _texts(repository.run(argv))]


def listed(repository: Repository, tree: str, paths: Sequence[str] = ()) -> list[Entry]:
    """Return the files of a `state` tree, or those at or below some paths of it, by path from the root."""
    found: dict[str, Entry] = {}
    below = [path.removeprefix("state/") for path in paths]
    for start in range(0, len(below) or 1, _PATHS_AT_ONCE):
        some = below[start : start + _PATHS_AT_ONCE]
        for row in _texts(repository.run(["ls-tree", "-r", "-z", "--full-tree", tree, "--", *some])):
            facts, _, path = row.partition("\t")
            mode, _, oid = facts.split(" ")
            found[path] = Entry(f"state/{path}", mode, oid)
    return list(found.values())


def commits_between(repository: Repository, before: str, after: str) -> int | None:
    """Return how many commits lead from one to another, None when it is not an ancestor."""
    if repository.call(["merge-base", "--is-ancestor", before, after]).status:
        return None
    return int(repository.run(["rev-list", "--count", f"{before}..{after}"]))


@contextmanager
def uncommitted_files(repository: Repository) -> Iterator[Callable[[], int]]:
    """Begin to count the state files of the work tree that differ from HEAD; what is given waits for the number.

    Git looks at every file meanwhile, which takes it as long as a command that has nothing else to do.
    """
    if repository.root is None:
        yield lambda: 0
        return
    argv = ["--no-optional-locks", "status", "--porcelain=v1", "-z", "--no-renames", "-uall", "--", "state"]
    with repository.running(argv) as output:
        yield lambda: len(_texts(output()))


def object_bytes(
    repository: Repository, oids: Iterable[str], limit: int = 1 << 24
) -> Iterator[bytes | int | None]:
    """Yield the bytes of each object in the order asked, its size alone beyond the limit, None for none.

    Raises: history_missing for a damaged one at which git stops.
    """
    with contents(repository, oids, "--buffer") as answers:
        while header := answers.readline():
            words = header.split()
            if len(words) != 3:
                yield None
                continue
            size = int(words[2])
            if size <= limit:
                COST.read += 1
                yield answers.read(size)
            else:
                left = size
                while left > 0:
                    left -= len(answers.read(min(left, _CHUNK_BYTES)))
                yield size
            answers.read(1)


def _texts(listed: bytes) -> list[str]:
    return listed.decode("utf-8", "surrogateescape").split("\0")[:-1]
