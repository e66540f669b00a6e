"""Merge three versions of one file for git: records field by field, everything else as text.

A convenience for merges in a clone. Forges merge as text, and the layout is made for that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate import validation
from platformstate.actions.answer import Answer
from platformstate.codec.edit import text_as
from platformstate.codec.record import Parsed, parse_as, spec_of
from platformstate.core import places
from platformstate.core.document import Document
from platformstate.core.kind import Kind, KindSpec
from platformstate.errors import Problem, StateError, shown
from platformstate.files.errors import explained
from platformstate.gitrepo.merging import merge_texts
from platformstate.policy.merging import grown, joined

APPEND_ONLY: Final = frozenset({"event", "ledger"})


class Versions(NamedTuple):
    """The three versions of a file; the base of a file that both sides added is empty."""

    base: bytes
    ours: bytes
    theirs: bytes


class Settled(NamedTuple):
    """What came out: the bytes, and why it is a conflict where it is one."""

    data: bytes
    conflicts: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    clean: bool = True


def merge_files(directory: str, base: str, ours: str, theirs: str, path: str) -> Answer:
    """Merge as git asks of a driver: the result stands in the file of our side.

    On a conflict, or where a side does not parse, that file holds what `git merge-file` writes.
    The answer then has conflict_markers_present or state_invalid.
    """
    files = [Path(directory, name) for name in (base, ours, theirs)]
    versions = Versions(*(_bytes(file) for file in files))
    found = settled(versions, path)
    with explained(ours):
        files[1].write_bytes(found.data)
    data = {"path": path, "merged": found.clean, "conflicts": list(found.conflicts)}
    return Answer(data, error=_refusal(path, found))


def settled(versions: Versions, path: str) -> Settled:
    """Return what a merge of three versions of the file at a path gives."""
    place = places.place_of(path)
    spec = spec_of(path)
    if place is not None and place.kind in APPEND_ONLY:
        longer = grown(*versions)
        return _as_text(versions, ("",)) if longer is None else Settled(longer)
    if spec.immutable:
        return Settled(versions.ours) if versions.ours == versions.theirs else _as_text(versions, ("",))
    if not spec.shape.keys or spec.container not in ("markdown", "yaml"):
        return _as_text(versions, ())
    return _record(versions, path, spec)


def _record(versions: Versions, path: str, spec: KindSpec) -> Settled:
    sides = [_side(data, path, spec) for data in versions]
    documents = [side.document for side in sides if side.document is not None]
    if len(documents) < len(sides):
        return _as_text(versions, ("",), tuple(problem for side in sides for problem in side.problems))
    base, ours, theirs = documents
    fields = joined(base.meta, ours.meta, theirs.meta, spec.shape)
    if fields.conflicts:
        return _as_text(versions, fields.conflicts)
    body = merge_texts(*(document.body.encode("utf-8") for document in documents))
    if not body.clean:
        return _as_text(versions, ("body",))
    made = ours._replace(meta=fields.meta, body=body.data.decode("utf-8"))
    data = text_as(made, spec).encode("utf-8")
    broken = _broken_by_the_merge(versions, data, path)
    return _as_text(versions, ("",), broken) if broken else Settled(data)


def _side(data: bytes, path: str, spec: KindSpec) -> Parsed:
    """Return a version as it was read, one that is empty as an empty record."""
    return parse_as(data, path, spec) if data else Parsed(Document[Any](Kind(spec.name), path, {}))


def _broken_by_the_merge(versions: Versions, data: bytes, path: str) -> tuple[Problem, ...]:
    """Return what the joined record breaks though neither side did: their fields do not go together."""
    sides = (versions.ours, versions.theirs)
    if any(_errors(side, path) for side in sides):
        return ()
    return _errors(data, path)


def _errors(data: bytes, path: str) -> tuple[Problem, ...]:
    return tuple(each for each in validation.read(data, path).problems if each.severity == "error")


def _as_text(versions: Versions, conflicts: tuple[str, ...], problems: tuple[Problem, ...] = ()) -> Settled:
    merged = merge_texts(*versions)
    return Settled(merged.data, conflicts, problems, merged.clean and not conflicts)


def _bytes(file: Path) -> bytes:
    try:
        with explained(str(file)):
            return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as absent:
        hint = "git calls this: platformctl hooks install --merge-driver"
        raise StateError("usage_invalid", f"{shown(file.name)} is no file", hint=hint) from absent


def _refusal(path: str, found: Settled) -> StateError | None:
    if found.clean:
        return None
    hint = f"settle {path} by hand, then: git add {path}"
    if found.problems:
        return StateError("state_invalid", f"{path} was merged as text", hint=hint, problems=found.problems)
    named = ", ".join(pointer for pointer in found.conflicts if pointer) or "the file"
    return StateError("conflict_markers_present", f"both sides changed {named}", hint=hint, path=path)
