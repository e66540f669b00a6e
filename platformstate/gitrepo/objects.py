"""Objects of a repository: ids computed here, and many looked up by one child."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, NamedTuple

from platformstate.errors import StateError
from platformstate.gitrepo.children import input_file, stream_git
from platformstate.gitrepo.loose import blobs_at
from platformstate.gitrepo.repository import Repository


class Found(NamedTuple):
    """What git says of one object name."""

    oid: str
    type: str
    size: int


def blob_id(data: bytes, object_format: str) -> str:
    """Return the id that git gives to a file of these bytes."""
    import hashlib  # a hook, which is told ids, starts without it

    made = hashlib.new("sha256" if object_format == "sha256" else "sha1", usedforsecurity=False)
    made.update(b"blob %d\0" % len(data))
    made.update(data)
    return made.hexdigest()


def look_up(repository: Repository, names: Sequence[str]) -> list[Found | None]:
    """Return what each object name stands for, None where it names nothing, with one child."""
    if not names:
        return []
    asked = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    answered = repository.run(["cat-file", "--batch-check"], input=asked)
    return [_found(line) for line in answered.decode("utf-8", "surrogateescape").split("\n")[:-1]]


def oids_at(repository: Repository, commit: str, paths: Sequence[str]) -> list[str | None]:
    """Return the id of the file at each path of a commit, None where none is, with one child at most."""
    known = blobs_at(repository, commit, paths)
    if known is not None:
        return known
    found = look_up(repository, [f"{commit}:{path}" for path in paths])
    return [row.oid if row is not None and row.type == "blob" else None for row in found]


def _found(line: str) -> Found | None:
    words = line.split(" ")
    if len(words) != 3 or words[1] not in ("blob", "tree", "commit", "tag"):
        return None
    return Found(words[0], words[1], int(words[2]))


def blobs(repository: Repository, names: Iterable[str]) -> Iterator[bytes | None]:
    """Yield the bytes of each named blob in the order asked, None where there is none.

    Raises: history_missing for a damaged one, at which git stops.
    """
    with contents(repository, names) as answers:
        while header := answers.readline():
            found = _found(header.decode("utf-8", "surrogateescape").rstrip("\n"))
            if found is None:
                yield None
                continue
            data = answers.read(found.size)
            answers.read(1)
            yield data if found.type == "blob" else None


@contextmanager
def contents(repository: Repository, names: Iterable[str], *flags: str) -> Iterator[IO[bytes]]:
    """Yield what one child says of named objects: each a header line, its bytes and a line's end.

    Raises: history_missing for a damaged one, at which git stops, once all that it said was read.
    """
    with input_file("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")) as asked:
        child = stream_git(
            ["cat-file", "--batch", *flags],
            cwd=repository.place,
            stdin=asked,
            flags=repository.flags,
            extra=repository.extra,
        )
        assert child.stdout is not None
        try:
            yield child.stdout
            if child.wait():
                raise missing_object("an object")
        finally:
            child.stdout.close()
            child.wait()


def missing_object(name: str) -> StateError:
    """Return the error for an object that a tree names but that git cannot read here."""
    return StateError(
        "history_missing",
        f"the content of {name} is missing in this clone, or damaged",
        hint="git fsck says which; git fetch --refetch --no-filter brings it back",
    )


def read_blobs(repository: Repository, oids: Sequence[str]) -> list[bytes | None]:
    """Return the bytes of each blob, None where it is missing."""
    return list(blobs(repository, oids)) if oids else []


def resolve_commit(repository: Repository, rev: str) -> str | None:
    """Return the full id of the commit that a revision, as typed, names here; None for nothing."""
    if not rev or rev.startswith(("-", "^")) or not {"\n", "\0"}.isdisjoint(rev):
        return None
    argv = ["rev-parse", "--verify", "-q", "--end-of-options", f"{rev}^{{commit}}"]
    oid = repository.run(argv, check=False).decode("ascii", "replace").strip()
    return oid or None


def is_ancestor(repository: Repository, ancestor: str, descendant: str) -> bool:
    """Say whether a commit is reachable from another; both are full ids that exist here."""
    return repository.call(["merge-base", "--is-ancestor", ancestor, descendant]).status == 0
