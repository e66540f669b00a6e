"""The artifacts of a job's run: what its globs match, and what its child put there, copied in pieces.

Nobody keeps still what is collected: no name is believed, only what was opened without following a link. A
file is read once, piece by piece, whatever its size; a hard link becomes a file of its own.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.job_commit import MAX_ARTIFACT_BYTES, WITHHELD
from platformstate.actions.job_output import OutputInvalid
from platformstate.core.quantities import size_bytes
from platformstate.core.tree import Entry
from platformstate.errors import StateError
from platformstate.files import Folder
from platformstate.files.durable import FOLDER_FLAGS, READ_FLAGS
from platformstate.policy.redaction import shows_value
from platformstate.policy.tree_rules import path_problems
from platformstate.runner.opening import write_private

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct

MAX_DEPTH: Final = 128
_NO_FILE: Final = ("path_symlink", "path_not_regular")


@dataclass
class _Read:
    """One artifact while it is read: its bytes and digest so far, and whether a known value stands in it."""

    bytes: int = 0
    digest: Any = field(default_factory=sha256)
    shows_value: bool = False


def collect(
    conduct: Conduct, whole: Mapping[str, Any], root: Path, values: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Copy what the spec's globs match into the run's artifacts; return path, bytes and digest of each.

    What the child wrote there itself counts too. One that shows one of `values` is never committed.
    Raises OutputInvalid, and then nothing is copied.
    """
    output, home = whole["output"], f"{conduct.site.folder}/artifacts"
    base, source = _place(root, whole["runtime"]["cwd"])
    with _told():
        found = dict(_matched(base, source, output["artifacts"]))
        own = dict(_below(conduct.store.root, home))
    _refuse_names(home, [*found, *own])
    total = sum({**own, **found}.values())
    if total > size_bytes(output["max_bytes"]):
        raise OutputInvalid(f"the artifacts are {total} bytes, more than {output['max_bytes']}")
    places = {name: (base, f"{source}/{name}" if source else name) for name in found}
    read: dict[str, _Read] = {}
    try:
        for name in sorted({**own, **found}):
            read[name] = _taken(conduct, home, name, places.get(name), values)
    except (OutputInvalid, StateError):
        _remove(conduct.store.root, home, read.keys() - own.keys())
        raise
    withheld = [name for name, one in read.items() if one.shows_value]
    if withheld:
        write_private(conduct.site.lease.file(WITHHELD), json.dumps(withheld).encode())
    return [
        {"path": f"artifacts/{name}", "bytes": one.bytes, "sha256": one.digest.hexdigest()}
        for name, one in read.items()
    ]


def _remove(root: Path, home: str, names: Iterable[str]) -> None:
    """Remove what was copied before something could not be taken."""
    for name in names:
        folder, _, last = f"{home}/{name}".rpartition("/")
        with suppress(OSError, StateError), Folder.at(root, folder) as opened:
            opened.remove(last)


def _place(root: Path, cwd: str) -> tuple[Path, str]:
    """Return the source, and the folder in it where the child worked, without a link on the way."""
    base = root.resolve()
    try:
        inside = (base / cwd).resolve().relative_to(base).as_posix()
    except ValueError as outside:
        raise OutputInvalid(f"{cwd} leads out of the source") from outside
    return base, "" if inside == "." else inside


@contextmanager
def _told() -> Iterator[None]:
    """Say what could not be opened, or was no file any more, as what it is: output that cannot be taken."""
    try:
        yield
    except StateError as refused:
        if refused.code not in _NO_FILE:
            raise
        raise OutputInvalid(f"{refused.path} {refused.message}") from refused
    except OSError as failed:
        raise OutputInvalid(f"an artifact cannot be read: {failed.strerror}") from failed


def _taken(
    conduct: Conduct, home: str, name: str, place: tuple[Path, str] | None, values: Sequence[str]
) -> _Read:
    """Read one artifact, and copy it unless it is a file of its own in the run's folder already."""
    read, store = _Read(), conduct.store
    root, path = place or (store.root, f"{home}/{name}")
    folder, _, last = path.rpartition("/")
    with _told(), Folder.at(root, folder) as opened:
        pieces = _pieces(opened, last, read, values)
        if place is None and os.stat(last, dir_fd=opened.fd, follow_symlinks=False).st_nlink == 1:
            deque(pieces, 0)
            return read
        durability = store.session.settings.durability
        goal, _, last = f"{home}/{name}".rpartition("/")
        with Folder.at(store.root, goal, durability=durability) as copied:
            copied.replace(last, pieces, durability)
    return read


def _pieces(folder: Folder, name: str, read: _Read, values: Sequence[str]) -> Iterator[bytes]:
    """Yield a regular file's bytes. Raises OutputInvalid when it is none, or does not keep still."""
    with _told():
        descriptor = os.open(name, READ_FLAGS, dir_fd=folder.fd)
    with open(descriptor, "rb", buffering=0) as file, _told():
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise OutputInvalid(f"{name} is no regular file any more")
        while piece := file.read(min(MAX_ARTIFACT_BYTES, before.st_size + 1 - read.bytes)):
            read.bytes += len(piece)
            read.digest.update(piece)
            if values and before.st_size <= MAX_ARTIFACT_BYTES:  # no commit holds a larger one
                read.shows_value |= shows_value(piece, values)
            yield piece
        after = os.fstat(descriptor)
        if read.bytes != before.st_size or (after.st_size, after.st_mtime_ns) != (
            before.st_size,
            before.st_mtime_ns,
        ):
            raise OutputInvalid(f"{name} changed while it was collected")


def _matched(base: Path, source: str, globs: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield what globs match, with its size; nothing is looked at where no match can lie."""
    for glob in globs:
        wanted = glob.removesuffix("!")
        pattern, folder = _pattern(wanted), _prefix(wanted)
        inside = "/".join(part for part in (source, folder) if part)
        deepest = MAX_DEPTH + 1 if "**" in wanted else wanted.count("/") - folder.count("/") - bool(folder)
        under = f"{folder}/" if folder else ""
        found = ((f"{under}{name}", size) for name, size in _below(base, inside, deepest))
        matched = [row for row in found if pattern.fullmatch(row[0])]
        if not matched and glob.endswith("!"):
            raise OutputInvalid(f"{glob} matches no file")
        yield from matched


def _prefix(glob: str) -> str:
    """Return the folder that everything a glob matches lies in."""
    plain = glob[: re.search(r"[*?]|$", glob).start()]  # type: ignore[union-attr]  # the end always matches
    return plain.rpartition("/")[0]


def _pattern(glob: str) -> re.Pattern[str]:
    """Return a glob as a pattern: `*` and `?` stay inside a name, `**` crosses folders."""
    parts = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(token, re.escape(token)) for token in tokens), re.DOTALL)


def _below(root: Path, path: str, deepest: int = MAX_DEPTH + 1) -> Iterator[tuple[str, int]]:
    """Yield the regular files at most so deep below a folder, with their sizes; a link leads nowhere."""
    try:
        with Folder.at(root, path) as folder:
            yield from _walk(folder.fd, "", deepest)
    except FileNotFoundError:
        return
    except StateError as refused:
        if refused.code != "path_symlink":
            raise


def _walk(folder: int, under: str, deepest: int) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as listed:
        names = sorted(entry.name for entry in listed if entry.name != ".git")
    for name in names:
        try:
            known = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(known.st_mode):
            yield f"{under}{name}", known.st_size
        elif stat.S_ISDIR(known.st_mode) and deepest > 0:
            yield from _walk_in(folder, name, under, deepest - 1)


def _walk_in(folder: int, name: str, under: str, deepest: int) -> Iterator[tuple[str, int]]:
    if under.count("/") >= MAX_DEPTH:
        raise OutputInvalid(f"folders lie more than {MAX_DEPTH} deep in each other")
    try:
        inner = os.open(name, FOLDER_FLAGS, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):  # it went, or a link came in its place
        return
    try:
        yield from _walk(inner, f"{under}{name}/", deepest)
    finally:
        os.close(inner)


def _refuse_names(home: str, names: Sequence[str]) -> None:
    problems = path_problems([Entry(f"{home}/{name}", "100644") for name in names])
    if problems:
        raise OutputInvalid(f"an artifact's name cannot be kept: {problems[0].message}")
