"""What changed in meaning between two snapshots of a store, and what of it needs an operator. Pure.

One change a record: its journal, pin, receipt and logs belong to its run, a ledger to its job. The
same snapshots give the same changes in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.codec.record import parse, spec_of
from platformstate.codec.utc import with_utc
from platformstate.core import places
from platformstate.core.document import Document
from platformstate.errors import Problem, registry
from platformstate.policy.diff_body import BodyChange, body_change
from platformstate.policy.diff_fields import ADDED, CHANGED, REMOVED, differences
from platformstate.policy.diff_levels import (
    LEVELS,
    NEEDS_OPERATOR,
    VIOLATING_FAMILIES,
    VIOLATION,
    added_level,
    field_level,
    highest,
)
from platformstate.policy.secrets import redacted

KINDS: Final = ("task", "run", "checkpoint", "job", "procedure", "evidence", "other")
_MAIN_FILES: Final = {"job": "job.md", "run": "run.md"}
_READ: Final = (".md", ".yaml", ".json")

Bytes = bytes | int | None
NOT_A_FILE: Final = -1


class FieldChange(NamedTuple):
    """One field that differs. An item of a list names the list, a keyed one its key."""

    pointer: str
    op: str
    before: Any
    after: Any
    level: str

    def as_json(self) -> dict[str, Any]:
        """Return the field as it stands in `data`."""
        sides = {"from": self.before, "to": self.after}
        return {"pointer": self.pointer, "op": self.op, **sides, "level": self.level}


class Change(NamedTuple):
    """One record that differs, with the codes of what it breaks, or of why it could not be read."""

    kind: str
    id: str
    path: str
    op: str
    level: str
    title: str
    fields: tuple[FieldChange, ...] = ()
    body: BodyChange | None = None
    appended: tuple[tuple[str, int], ...] = ()
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the change as it stands in `data`."""
        return {
            **{name: getattr(self, name) for name in ("kind", "id", "path", "op", "level", "title")},
            "fields": [field.as_json() for field in self.fields],
            "body": None if self.body is None else self.body.as_json(),
            "appended": [{"path": path, "lines": lines} for path, lines in self.appended],
            "problems": list(self.problems),
        }


class Differing(NamedTuple):
    """What two snapshots differ in; `unread` are the findings about sides that could not be read."""

    changes: tuple[Change, ...]
    formatting_only: tuple[str, ...]
    unread: tuple[Problem, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many changes each level has."""
        found = {level: sum(change.level == level for change in self.changes) for level in LEVELS}
        return {**found, "formatting_only": len(self.formatting_only)}


class Sides(NamedTuple):
    """The paths that differ, and both versions of them and of the records that they are part of.

    A file too large to read is its size, what is no regular file `NOT_A_FILE`; None is absent.
    """

    touched: frozenset[str]
    before: Mapping[str, Bytes]
    after: Mapping[str, Bytes]


def main_path(path: str) -> str:
    """Return the path of the record that a path belongs to, itself where it is a record or no part of one."""
    place = places.place_of(path)
    if place is None or place.subject is None:
        return path
    if place.kind == "ledger":
        return f"{places.subject_folder(place.subject)}/{_MAIN_FILES['job']}"
    if place.run is not None and place.kind != "checkpoint":
        return places.run_path(place.subject, place.run)
    return path


def differing(
    sides: Sides, problems: Sequence[Problem] = (), breaches: Iterable[tuple[str, str]] = ()
) -> Differing:
    """Return what two snapshots differ in.

    `problems` are the findings about the newer one, of which those of a few families count;
    `breaches` are pairs of a task and a path outside its scope that a commit for it touched.
    """
    comparison = _Comparison(sides, problems, breaches)
    changes = [change for path in comparison.records() if (change := comparison.change(path)) is not None]
    return Differing(
        tuple(sorted(changes, key=_order)),
        tuple(sorted(comparison.formatting)),
        tuple(sorted(set(comparison.unread))),
    )


def _order(change: Change) -> tuple[int, int, str, str]:
    return LEVELS.index(change.level), KINDS.index(change.kind), change.id, change.path


class _Comparison:
    """One comparison in progress: the parts of each record, and what was found on the way."""

    def __init__(
        self, sides: Sides, problems: Sequence[Problem], breaches: Iterable[tuple[str, str]]
    ) -> None:
        self.sides = sides
        self.parts: dict[str, list[str]] = {}
        for path in sorted(sides.touched):
            self.parts.setdefault(main_path(path), []).append(path)
        self.codes: dict[str, set[str]] = {}
        for problem in problems:
            if problem.severity == "error" and registry()[problem.code]["family"] in VIOLATING_FAMILIES:
                self.codes.setdefault(main_path(problem.path), set()).add(problem.code)
        self.breaches: dict[str, set[str]] = {}
        for task, path in breaches:
            self.breaches.setdefault(places.task_path(task), set()).add(path)
        self.formatting: list[str] = []
        self.unread: list[Problem] = []

    def records(self) -> list[str]:
        return sorted({*self.parts, *self.codes, *self.breaches})

    def change(self, path: str) -> Change | None:
        """Return the change of one record; None where only the writing of its file differs."""
        before, after = self.sides.before.get(path), self.sides.after.get(path)
        was, now = self._read(path, before), self._read(path, after)
        op = CHANGED
        if path in self.parts.get(path, ()):
            op = ADDED if before is None else REMOVED if after is None else CHANGED
        own, outside = _fields(op, was, now), self._outside(path)
        fields = [*own, *outside] if op == CHANGED else outside
        body = _body(was, now) if op == CHANGED else None
        appended = tuple((part, self._lines(part)) for part in self.parts.get(path, ()) if part != path)
        broken = self.codes.get(path, set())
        unclear = {problem.code for problem in self.unread if problem.path == path}
        codes = tuple(sorted(broken | unclear))
        if op == CHANGED and was and now and not (fields or body or appended or codes):
            self.formatting.append(path)
            return None
        level = highest(_levels(path, op, [*own, *outside], now, bool(broken), bool(unclear)))
        title = self._title(path, was, now)
        return Change(*_name(path), path, op, level, title, tuple(fields), body, appended, codes)

    def _read(self, path: str, data: Bytes) -> Document[Any] | None:
        if data is None or not path.endswith(_READ) or places.place_of(path) is None:
            return None
        if isinstance(data, int):
            self.unread.append(_no_text(path, data))
            return None
        parsed = parse(data, path)
        if parsed.document is None:
            self.unread.extend(problem for problem in parsed.problems if problem.severity == "error")
        return parsed.document

    def _outside(self, path: str) -> list[FieldChange]:
        outside = sorted(self.breaches.get(path, ()))
        return [FieldChange("/scope", ADDED, None, found, NEEDS_OPERATOR) for found in outside]

    def _lines(self, path: str) -> int:
        """Return how many lines a part gained; of one that was rewritten, those after what stayed."""
        before, after = self.sides.before.get(path), self.sides.after.get(path)
        if not isinstance(after, bytes):
            return 0
        old = before.splitlines() if isinstance(before, bytes) else []
        new = after.splitlines()
        kept = next((n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
        return len(new) - (min(len(old), len(new)) if kept is None else kept)

    def _title(self, path: str, was: Document[Any] | None, now: Document[Any] | None) -> str:
        document = now or was
        found = document.meta.get(_TITLES.get(_kind(path), "title")) if document else None
        return redacted(str(found or _name(path)[1]))


def _no_text(path: str, size: int) -> Problem:
    if size == NOT_A_FILE:
        fix = "replace it by a regular file, mode 644"
        return Problem(path, 1, 1, "path_mode_invalid", f"{path} is no plain file", fix)
    fix = "split the record, or move long text elsewhere"
    return Problem(path, 1, 1, "text_too_large", f"the file has {size} bytes", fix)


_TITLES: Final = {"checkpoint": "kind", "run": "status"}


def _fields(op: str, was: Document[Any] | None, now: Document[Any] | None) -> list[FieldChange]:
    """Return the fields that differ, each with its level; of a new record all that it says."""
    if now is None or (was is None and op == CHANGED):
        return []
    shape, kind = spec_of(now.path).shape, _kind(now.path)
    before = {} if was is None else with_utc(was.meta, shape)
    found = differences(before, with_utc(now.meta, shape), shape)
    return [
        FieldChange(
            each.pointer,
            each.op,
            _clean(each.before),
            _clean(each.after),
            field_level(kind, each, now.meta),
        )
        for each in found
    ]


def _clean(value: Any) -> Any:
    """Return a value without secrets: a change is shown to people who may not see one."""
    if isinstance(value, Mapping):
        return {redacted(str(key)): _clean(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_clean(member) for member in value]
    return redacted(value) if isinstance(value, str) else value


def _body(was: Document[Any] | None, now: Document[Any] | None) -> BodyChange | None:
    return None if was is None or now is None else body_change(was.body, now.body)


def _levels(
    path: str, op: str, fields: Sequence[FieldChange], now: Document[Any] | None, broken: bool, unread: bool
) -> Iterator[str]:
    yield from (field.level for field in fields)
    if op == ADDED and now is not None:
        yield added_level(_kind(path), now.meta)
    if broken:
        yield VIOLATION
    if unread:
        yield NEEDS_OPERATOR


def _kind(path: str) -> str:
    place = places.place_of(path)
    return "other" if place is None else place.kind


def _name(path: str) -> tuple[str, str]:
    """Return kind and id as a change shows them; a job's run is named with its job."""
    place = places.place_of(path)
    if place is None or place.kind not in KINDS:
        return "other", path.removeprefix(places.STATE) if _kind(path) != "store" else "store"
    if place.kind == "run" and place.subject is not None and place.subject.startswith("job/"):
        return "run", f"{place.subject.removeprefix('job/')}/{place.id}"
    return place.kind, place.id
