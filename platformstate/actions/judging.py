"""Judge the files of a scope: each file alone, then each beside the others, then against its past.

No check raises or prints; the findings are values, sorted by place.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from platformstate import validation
from platformstate.actions.contents import Scope
from platformstate.actions.judging_part import Part, Reader, Terms, portions
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.entities.statuses import claims_proof
from platformstate.errors import Problem, shown
from platformstate.gitrepo.attributes import Hidden
from platformstate.gitrepo.versions import attributes_of
from platformstate.policy.history import FileHistory, history_problems, needs_versions, run_folder_of
from platformstate.policy.identity import duplicate_problems
from platformstate.policy.references import circle_problems, is_in_a_chain
from platformstate.policy.tree_rules import path_problems

_ATTRIBUTE_WORDS: Final = (b"filter", b"ident", b"working-tree-encoding", b"eol", b"union")


@contextmanager
def _unswept() -> Iterator[None]:
    """Do without the search for garbage: a judgement makes millions of objects, and no circle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Judging:
    """One judgement in progress. `held` is what was read and is still needed: of a whole tree only a part."""

    def __init__(self, scope: Scope, read: Reader = validation.read) -> None:
        self.scope = scope
        self.names = scope.contents.names
        self.selected = frozenset(self.names) if scope.selected is None else scope.selected
        self.terms = Terms(scope, read)
        self.held = Part(self.terms, self.selected)
        self._changed: dict[str, list[str | None]] = {}

    @_unswept()
    def problems(self) -> tuple[Problem, ...]:
        """Return everything that is wrong with the selected files, sorted by path, line, col, code."""
        tree = path_problems(self.scope.contents.entries, self.scope.selected)
        self.terms.misplaced = frozenset(problem.path for problem in tree)
        parts = self._all_problems() if self.scope.selected is None else self._selected_problems()
        found = [*tree, *parts, *self._cross_problems()]
        changes = self._histories()
        found += [
            *history_problems(changes, self._pruned(changes)),
            *self._attribute_problems(),
            *(_ignored(hidden) for hidden in self.scope.hidden),
        ]
        wanted = [each for each in found if each.path in self.selected or each.path == ".gitattributes"]
        if self.scope.selected is None:
            wanted = found
        wanted += self._broken_moves(changes)
        return tuple(sorted(set(wanted), key=lambda each: (each[:4], each.pointer, each.message)))

    @property
    def files(self) -> int:
        """How many files were judged."""
        return len(self.selected & self.names.keys())

    def _selected_problems(self) -> Iterator[Problem]:
        self.held.load(self.selected)
        self.held.load_beside()
        yield from self.held.problems()
        self._changed = self._differing(self.selected, self.held)

    def _all_problems(self) -> Iterator[Problem]:
        """Judge a whole tree portion by portion, and hold of each no more than later rules ask for."""
        for paths in portions(self.selected):
            part = Part(self.terms, paths)
            part.load(paths)
            yield from part.problems()
            changed = self._differing(paths, part)
            self._changed |= changed
            self.held.take(part, changed)
            self.held.take(part, (each.path for each in part.documents() if _is_asked_for(each)))
        self.held.load_proofs()
        vanished = set[str]().union(*(base.blobs for base in self.scope.bases)) - self.names.keys()
        self._changed |= self._differing(vanished, self.held)

    def _cross_problems(self) -> Iterator[Problem]:
        documents = self.held.documents()
        selected = [document for document in documents if document.path in self.selected]
        context = [document for document in documents if document.path not in self.selected]
        yield from circle_problems(selected, context)
        yield from duplicate_problems(self.names, self.scope.selected)
        yield from self._claim_problems(selected)

    def _claim_problems(self, selected: Sequence[Document[Any]]) -> Iterator[Problem]:
        if not any(_claims(each) for each in selected):
            return
        from platformstate.actions.judging_evidence import claim_problems

        yield from claim_problems(self.held, selected)

    def _broken_moves(self, changes: Sequence[FileHistory]) -> Iterator[Problem]:
        """Yield the criteria of other tasks that moved to one which a change made ask for something else, or gave up."""
        if self.scope.selected is None or not any(map(_may_break_moves, changes)):
            return
        from platformstate.actions.judging_evidence import broken_moves

        def load(paths: Iterable[str]) -> list[Document[Any]]:
            self.held.load(wanted := frozenset(paths) - self.selected)
            self.held.load_beside()
            return [document for document in self.held.documents() if document.path in wanted]

        yield from broken_moves(self.held, changes, load)

    def _pruned(self, changes: Sequence[FileHistory]) -> frozenset[str]:
        """Return the folders of jobs' runs that are gone as a whole and that a ledger of their job still names."""
        gone = {run_folder_of(each.path) for each in changes if each.after is None} - {""}
        gone -= {run_folder_of(path) for path in self.names} if gone else set()
        folders = {folder: folder.partition("/runs/") for folder in gone if folder.startswith("state/jobs/")}
        begins = tuple(f"{job}/ledger/" for job, _, _ in folders.values())
        self.held.load(ledgers := [path for path in self.names if path.startswith(begins)] if begins else [])
        texts = {path: data for path in ledgers if isinstance(data := self.held.data.get(path), bytes)}
        return frozenset(
            folder
            for folder, (job, _, run) in folders.items()
            if any(f'"{run}"'.encode() in text for path, text in texts.items() if path.startswith(f"{job}/"))
        )

    def _histories(self) -> list[FileHistory]:
        self.scope.blobs.load(oid for befores in self._changed.values() for oid in befores)
        found = []
        for path, oids in sorted(self._changed.items()):
            if path in self.names and path not in self.held.data:
                continue  # A link or folder in its place is its own finding.
            befores = tuple(self.scope.blobs.get(oid, path) for oid in oids)
            after = self.held.data.get(path)
            if isinstance(after, int) or any(isinstance(before, int) for before in befores):
                continue  # Too large is its own finding, now or when it was written.
            before = tuple(each for each in befores if not isinstance(each, int))
            metas = tuple(self._meta(path, each) for each in before)
            judged = self.held.judged.get(path)
            found.append(FileHistory(path, before, after, metas, judged.document if judged else None))
        return found

    def _differing(self, paths: Iterable[str], part: Part) -> dict[str, list[str | None]]:
        """Return each path that differs from a base, with the blobs it had in every base."""
        found = {}
        for path in filter(needs_versions, paths):
            now = self._blob_now(path, part)
            oids = [base.blobs.get(path, now if base.partial else None) for base in self.scope.bases]
            if any(oid is not None and oid != now for oid in oids):
                found[path] = oids
        return found

    def _blob_now(self, path: str, part: Part) -> str | None:
        if path not in self.names:
            return None
        return self.names[path].oid or self.scope.contents.oid(path, part.data.get(path, 0))

    def _meta(self, path: str, data: bytes | None) -> Any:
        place = places.place_of(path)
        if data is None or place is None or place.kind not in KINDS or KINDS[place.kind].immutable:
            return None
        document = validation.read(data, path).document
        return None if document is None else document.meta

    def _attribute_problems(self) -> Iterator[Problem]:
        text = self.scope.attributes or b""
        if not any(word in text for word in _ATTRIBUTE_WORDS):
            return
        told: set[tuple[str, str]] = set()
        for path, attribute, value in attributes_of(self.scope.repository, text, sorted(self.names)):
            if (attribute, value) not in told:
                told.add((attribute, value))
                yield _unsafe_attribute(text, path, attribute, value)


def _is_asked_for(document: Document[Any]) -> bool:
    """Say whether a rule beyond the subject of a record may ask for it."""
    return document.kind.name == "evidence" or is_in_a_chain(document) or _claims(document)


def _claims(document: Document[Any]) -> bool:
    return document.kind.name == "task" and claims_proof(document.meta)


def _may_break_moves(change: FileHistory) -> bool:
    """Say whether the criteria of a task differ from those of a version before, or it was retired."""
    if change.document is None or change.document.kind.name != "task":
        return False
    meta = change.document.meta
    keys = ("acceptance", "status") if meta["status"] == "retired" else ("acceptance",)
    known = [before for before in change.before_meta if before is not None]
    return any(before.get(key) != meta.get(key) for before in known for key in keys)


def _ignored(hidden: Hidden) -> Problem:
    message = f"{shown(hidden.source)}:{hidden.line} hides this record from git: {shown(hidden.pattern)}"
    fix = f"narrow that rule, or add !/{hidden.path} below it"
    return Problem(hidden.path, 1, 1, "path_ignored", message, fix)


def _unsafe_attribute(text: bytes, path: str, attribute: str, value: str) -> Problem:
    shown = attribute if value == "set" else f"{attribute}={value}"
    lines = text.decode("utf-8", "replace").split("\n")
    holding = [
        number for number, line in enumerate(lines, 1) if attribute in line and not line.startswith("#")
    ]
    message = f"{shown} is in force on {path}; git would change its bytes or corrupt a merge of it"
    fix = f"take {attribute} off state/ in .gitattributes, for example: state/** -{attribute}"
    return Problem(".gitattributes", holding[-1] if holding else 1, 1, "path_attributes_unsafe", message, fix)
