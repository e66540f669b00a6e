"""Trees and commits that git wrote a moment ago, read without a child.

Only an object that lies loose is read, and only one whose bytes give its name is believed. For all
others, in packs, borrowed, damaged or very large, git has to be asked.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from platformstate.gitrepo.repository import Repository

_MAX_BYTES: Final = 4 << 20
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_ENTRIES: Final = {
    width: re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{%d})" % width, re.DOTALL) for width in (20, 32)
}
_TYPES: Final = {"040000": "tree", "160000": "commit"}
_TREE_LINE: Final = re.compile(rb"tree ([0-9a-f]+)\n")


class Row(NamedTuple):
    """One entry of a tree, in git's words: `100644`, `blob`, its id."""

    mode: str
    type: str
    oid: str


_Tree = Mapping[bytes, tuple[bytes, bytes]]  # mode and id as they stand in a tree, by name


def top_of(repository: Repository, commit: str) -> dict[str, Row] | None:
    """Return what stands at the top of a commit, by name; None where only git can tell."""
    top = _top(repository, commit)
    if top is None:
        return None
    return {name.decode("utf-8", "surrogateescape"): _row(*entry) for name, entry in top.items()}


def blobs_at(repository: Repository, commit: str, paths: Sequence[str]) -> list[str | None] | None:
    """Return the id of the file at each path of a commit, None where none is; None at all where only git can tell."""
    top = _top(repository, commit)
    if top is None:
        return None
    trees: dict[str, _Tree] = {}
    found: list[str | None] = []
    for path in paths:
        folders, _, name = path.encode("utf-8", "surrogateescape").rpartition(b"/")
        rows = _below(repository, top, folders, trees)
        if rows is None:
            return None
        row = _row(*rows[name]) if name in rows else None
        found.append(row.oid if row is not None and row.type == "blob" else None)
    return found


def _below(repository: Repository, top: _Tree, folders: bytes, known: dict[str, _Tree]) -> _Tree | None:
    """Return the tree of a folder, an empty one where there is no such folder."""
    rows = top
    for name in folders.split(b"/") if folders else ():
        row = _row(*rows[name]) if name in rows else None
        if row is None or row.type != "tree":
            return {}
        read = known.get(row.oid) or _tree(repository, row.oid)
        if read is None:
            return None
        rows = known[row.oid] = read
    return rows


def _top(repository: Repository, commit: str) -> _Tree | None:
    said = _loose(repository, commit, b"commit")
    named = None if said is None else _TREE_LINE.match(said)
    return None if named is None else _tree(repository, named[1].decode("ascii"))


def _tree(repository: Repository, oid: str) -> _Tree | None:
    said = _loose(repository, oid, b"tree")
    return None if said is None else {m[1]: (m[0], m[2]) for m in _ENTRIES[len(oid) // 2].findall(said)}


def _row(mode: bytes, oid: bytes) -> Row:
    full = mode.decode("ascii").zfill(6)
    return Row(full, _TYPES.get(full, "blob"), oid.hex())


def _loose(repository: Repository, oid: str, wanted: bytes) -> bytes | None:
    """Return the content of a loose object of a type, proven to be that of its name."""
    try:
        fd = os.open(repository.common_dir / "objects" / oid[:2] / oid[2:], _FLAGS)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        packed = file.read(_MAX_BYTES + 1)
    inflating = zlib.decompressobj()
    try:
        data = inflating.decompress(packed, _MAX_BYTES)
    except zlib.error:
        return None
    name = "sha256" if repository.object_format == "sha256" else "sha1"
    if not inflating.eof or hashlib.new(name, data, usedforsecurity=False).hexdigest() != oid:
        return None
    header, _, content = data.partition(b"\0")
    return content if header.split(b" ")[0] == wanted else None
