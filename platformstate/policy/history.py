"""Rules between the versions of a file: what may never change, only grow, or never go. Pure.

A change is judged against each version it starts from: none for a new file, one for a commit, two
or more at a merge. Bytes that must not change hold against every one of them, fields against at
least one, so that a merge may take either side's value.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.codec import locate
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.kind import Shape
from platformstate.errors import Problem
from platformstate.policy.transitions import transition_problems

MAIN_FILES: Final = frozenset({"task", "run", "job", "procedure"})
PINNED_STEPS: Final = "resolved_steps"
_GROWING: Final = {"event": ("run_journal_rewritten", "journal"), "ledger": ("ledger_rewritten", "ledger")}


class FileHistory(NamedTuple):
    """One path's versions: those before, in order of the bases, and the one now; None is absent.

    `before_meta` holds what each version before says, None where it is absent or cannot be read.
    """

    path: str
    before: tuple[bytes | None, ...]
    after: bytes | None
    before_meta: tuple[Mapping[str, Any] | None, ...] = ()
    document: Document[Any] | None = None


def history_problems(changes: Sequence[FileHistory], excused: Collection[str] = ()) -> tuple[Problem, ...]:
    """Return what the changes between two or more versions of a tree break, sorted.

    `excused` are the folders of runs that may be gone as a whole, since a ledger names them.
    """
    gone = frozenset(change.path for change in changes if change.after is None)
    worked = frozenset(_subject_folder(change.path) for change in changes if _is_new_run(change))
    found = [
        problem
        for change in changes
        if change.after is not None or run_folder_of(change.path) not in excused
        for problem in _change_problems(change, gone, worked)
    ]
    return tuple(sorted(found))


def run_folder_of(path: str) -> str:
    """Return the folder of the run that a path is part of, empty for none."""
    parts = path.split("/")
    return "/".join(parts[:5]) if parts[3:4] == ["runs"] and len(parts) > 5 else ""


def needs_versions(path: str) -> bool:
    """Say whether any rule here reads the versions of this path."""
    place = places.place_of(path)
    return place is not None and (
        place.kind in KINDS or place.kind in MAIN_FILES or place.kind == PINNED_STEPS
    )


def has_fields(path: str) -> bool:
    """Say whether a rule here compares the fields of two versions of this path, not only their bytes."""
    place = places.place_of(path)
    spec = None if place is None or place.kind == PINNED_STEPS else KINDS.get(place.kind)
    return spec is not None and not spec.immutable and not spec.append_only


def _is_new_run(change: FileHistory) -> bool:
    is_run = run_folder_of(change.path) != "" and change.path.endswith("/run.md")
    return is_run and change.after is not None and all(before is None for before in change.before)


def _subject_folder(path: str) -> str:
    return "/".join(path.split("/")[:3])


def _change_problems(change: FileHistory, gone: frozenset[str], worked: frozenset[str]) -> Iterator[Problem]:
    place = places.place_of(change.path)
    if place is None or not needs_versions(change.path):
        return
    spec = KINDS.get(place.kind)
    if change.after is None:
        yield from _deletion(change, gone)
    elif place.kind == PINNED_STEPS or (spec is not None and spec.immutable):
        yield from _immutable(change, change.after)
    elif spec is not None and spec.append_only:
        yield from _append_only(change, change.after, place.kind)
    elif spec is not None and change.document is not None:
        yield from _fields(change, change.document, spec.shape)
        before = [meta for meta in change.before_meta if meta is not None]
        was_worked_on = _subject_folder(change.path) in worked
        yield from transition_problems(before, change.document, worked=was_worked_on)


def _deletion(change: FileHistory, gone: frozenset[str]) -> Iterator[Problem]:
    path = change.path
    if not any(before is not None for before in change.before):
        return
    place = places.place_of(path)
    kind = place.kind if place else ""
    if kind in MAIN_FILES or kind == "store":
        if not _record_is_gone(path, gone - {path}):
            fix = f"{_restore(path)}; from an older commit if that has lost it"
            fix += "" if kind == "store" else "; a record is retired, never deleted"
            yield _problem(path, "record_deleted", f"{path} was deleted", fix)
        return
    if _record_is_gone(path, gone):
        return
    if kind in KINDS and KINDS[kind].append_only:
        yield _problem(path, "append_only_deleted", f"{path} was deleted; it only ever grows", _restore(path))
    else:
        message = f"{path} was deleted; it is kept as it was written"
        yield _problem(path, "record_immutable_deleted", message, _restore(path))


def _record_is_gone(path: str, gone: frozenset[str]) -> bool:
    """Say whether the record that a path is part of went too: that one finding says it all."""
    parts = path.split("/")
    mains = {f"{'/'.join(parts[:3])}/{name}.md" for name in MAIN_FILES}
    if "runs" in parts[3:4]:
        mains.add(f"{'/'.join(parts[:5])}/run.md")
    return not mains.isdisjoint(gone)


def _immutable(change: FileHistory, after: bytes) -> Iterator[Problem]:
    other = next((before for before in change.before if before not in (None, after)), None)
    if other is not None:
        message = "this record was changed; it is kept as it was written"
        fix = "restore it and say what is new in a new record"
        line = _first_difference(other, after)
        yield _problem(change.path, "record_immutable_changed", message, fix, line)


def _append_only(change: FileHistory, after: bytes, kind: str) -> Iterator[Problem]:
    other = next((before for before in change.before if not after.startswith(before or b"")), None)
    if other is not None:
        line = _first_difference(other, after)
        code, noun = _GROWING[kind]
        message = f"line {line} differs from what was committed; a {noun} only ever grows"
        yield _problem(change.path, code, message, _restore(change.path), line)


def _fields(change: FileHistory, document: Document[Any], shape: Shape) -> Iterator[Problem]:
    readable = [meta for meta in change.before_meta if meta is not None]
    faults = [list(_changed_fields(meta, document.meta, shape, "")) for meta in readable]
    if not faults or not all(faults):
        return
    for pointer in faults[0]:
        name = pointer.rsplit("/", 1)[1]
        line, col = locate.position(document.source or "", _container(document), pointer, of_key=True)
        message = f"{name} was changed; it is set once"
        fix = f"restore {name} as it was committed"
        yield Problem(change.path, line, col, "field_immutable", message, fix, pointer)


def _changed_fields(
    before: Mapping[str, Any], after: Mapping[str, Any], shape: Shape, pointer: str
) -> Iterator[str]:
    for name, inner in shape.keys.items():
        if name not in before:
            continue
        if inner.immutable and not _alike(before[name], after.get(name), inner):
            yield f"{pointer}/{name}"
        elif isinstance(before[name], Mapping) and isinstance(after.get(name), Mapping):
            yield from _changed_fields(before[name], after[name], inner, f"{pointer}/{name}")


def _alike(before: Any, after: Any, shape: Shape) -> bool:
    if before == after or shape.format != "date-time":
        return bool(before == after)
    from platformstate.codec.utc import with_utc  # seldom: an instant was written with another offset

    return bool(with_utc(before, shape) == with_utc(after, shape))


def _container(document: Document[Any]) -> str:
    return KINDS[document.kind.name].container


def _first_difference(before: bytes, after: bytes) -> int:
    """Return the number of the first line that differs; of a file cut short, its last line."""
    old, new = before.splitlines(), after.splitlines()
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    return max(1, min(same + 1, len(new)))


def _restore(path: str) -> str:
    return f"git checkout HEAD -- {shlex.quote(path)}"


def _problem(path: str, code: str, message: str, fix: str, line: int = 1) -> Problem:
    return Problem(path=path, line=line, col=1, code=code, message=message, fix=fix)
