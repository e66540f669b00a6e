"""Judge the files of a scope: each file alone, then each beside the others, then against its past.

No check raises or prints; the findings are values, sorted by place.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from platformstate import validation
from platformstate.actions.contents import MAX_READ_BYTES, Base, Scope
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.cost import COST
from platformstate.entities.statuses import claims_proof
from platformstate.errors import Problem, shown
from platformstate.gitrepo.attributes import Hidden
from platformstate.gitrepo.versions import attributes_of
from platformstate.policy.history import FileHistory, history_problems, needs_versions, run_folder_of
from platformstate.policy.identity import (
    duplicate_problems,
    identity_problems,
)
from platformstate.policy.references import CHAINS, cross_problems, references, target_path
from platformstate.policy.secrets import find_secrets
from platformstate.policy.tree_rules import path_problems
from platformstate.validation import Judged

Reader = Callable[[bytes, str], Judged]

# Logs, artifacts and files that are not ours are never parsed, so only their size bounds them.
MAX_UNPARSED_BYTES: Final = 5 * 1024 * 1024
_TOLD_BY_A_JOURNAL: Final = ("resolved_steps.json", "run_receipt.json")
_ATTRIBUTE_WORDS: Final = (b"filter", b"ident", b"working-tree-encoding", b"eol", b"union")


@contextmanager
def _unswept() -> Iterator[None]:
    """Do without the search for garbage: a judgement makes millions of objects, keeps them all, and no circle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Judging:
    """One judgement in progress: what was read so far and what was found."""

    def __init__(self, scope: Scope, read: Reader = validation.read) -> None:
        self.scope = scope
        self.names = scope.contents.names
        self.selected = frozenset(self.names) if scope.selected is None else scope.selected
        self.read_one = read
        self.data: dict[str, bytes | int] = {}
        self.judged: dict[str, Judged] = {}
        self.allowed = frozenset(scope.repository.config("platformstate.secretAllow"))
        self.misplaced: frozenset[str] = frozenset()

    @_unswept()
    def problems(self) -> tuple[Problem, ...]:
        """Return everything that is wrong with the selected files, sorted by path, line, col, code."""
        tree = path_problems(self.scope.contents.entries, self.scope.selected)
        self.misplaced = frozenset(problem.path for problem in tree)
        self._load(self.selected)
        self._load_context()
        changes = self._histories()
        found = [
            *tree,
            *self._file_problems(),
            *self._cross_problems(),
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

    def _load(self, paths: Iterable[str]) -> None:
        """Read files and judge each by itself; one whose name or mode is refused stays closed."""
        wanted = (self.names.keys() & frozenset(paths)) - self.data.keys() - self.judged.keys()
        fetched = self.scope.contents.fetch(path for path in wanted if self.names[path].mode == "100644")
        self.data |= fetched
        for path, data in fetched.items():
            if path not in self.misplaced and isinstance(data, bytes):
                self.judged[path] = self.read_one(data, path)
                COST.parsed += 1

    def _load_context(self) -> None:
        """Read the unselected records without which a selected one cannot be judged."""
        if self.scope.selected is None:
            return
        tried: set[str] = set()  # a link or an executable is never loaded
        while missing := {path for path in self._context() if path in self.names} - self.data.keys() - tried:
            self._load(missing)
            tried |= missing

    def _context(self) -> Iterator[str]:
        for path in self.selected | self.judged.keys():
            folder, _, name = path.rpartition("/")
            if name == "events.jsonl":
                yield from (f"{folder}/resolved_steps.json", f"{folder}/run_receipt.json")
            elif name in _TOLD_BY_A_JOURNAL:
                yield f"{folder}/events.jsonl"
        if any(_job_of(path) for path in self.selected):
            from platformstate.actions.judging_ledgers import ledgers_context

            yield from ledgers_context(self)
        for document in self._documents():
            yield from self._beside(document)

    def _beside(self, document: Document[Any]) -> Iterator[str]:
        if document.kind.name == "checkpoint":
            yield document.path.rpartition("/checkpoints/")[0] + "/run.md"
        elif document.kind.name == "task":
            yield from _evidence_context(document, selected=document.path in self.selected)
        for reference in references(document):
            if reference.pointer.split("/")[1] in CHAINS:
                yield target_path(document, reference, self.names) or ""

    def _documents(self) -> list[Document[Any]]:
        found = (judged.document for judged in self.judged.values())
        return [document for document in found if document is not None and document.kind.name in KINDS]

    def _file_problems(self) -> Iterator[Problem]:
        for path in self.selected & self.data.keys():
            data = self.data[path]
            if isinstance(data, int) or _is_too_large(path, len(data)):
                yield _too_large(path, data if isinstance(data, int) else len(data))
                continue
            if path in self.judged:
                yield from self.judged[path].problems
            yield from find_secrets(data.decode("utf-8", "replace"), path, self.allowed)

    def _cross_problems(self) -> Iterator[Problem]:
        documents = self._documents()
        selected = [document for document in documents if document.path in self.selected]
        context = [document for document in documents if document.path not in self.selected]
        yield from cross_problems(selected, self.names.keys(), context)
        yield from duplicate_problems(self.names, self.scope.selected)
        for document in selected:
            yield from identity_problems(document)
            if document.kind.name == "job":
                yield from _spec_problems(document)
        yield from self._claim_problems(selected)
        yield from self._run_problems(documents)
        if any(_job_of(path) for path in self.selected):
            from platformstate.actions.judging_ledgers import ledgers_problems

            yield from ledgers_problems(self)

    def _claim_problems(self, selected: Sequence[Document[Any]]) -> Iterator[Problem]:
        if not any(each.kind.name == "task" and claims_proof(each.meta) for each in selected):
            return
        from platformstate.actions.judging_evidence import claim_problems

        yield from claim_problems(self, selected)

    def _run_problems(self, documents: Sequence[Document[Any]]) -> Iterator[Problem]:
        if any("/runs/" in path for path in self.selected):
            from platformstate.actions.judging_runs import run_problems  # most commits change no run

            yield from run_problems(self, documents)

    def _broken_moves(self, changes: Sequence[FileHistory]) -> Iterator[Problem]:
        """Yield the criteria of other tasks that moved to one which a change made ask for something else."""
        if self.scope.selected is None or not any(map(_asks_otherwise, changes)):
            return
        from platformstate.actions.judging_evidence import broken_moves

        def load(paths: Iterable[str]) -> list[Document[Any]]:
            self._load(wanted := frozenset(paths) - self.selected)
            self._load_context()
            return [document for document in self._documents() if document.path in wanted]

        yield from broken_moves(self, changes, load)

    def _pruned(self, changes: Sequence[FileHistory]) -> frozenset[str]:
        """Return the folders of jobs' runs that are gone as a whole and that a ledger of their job still names."""
        gone = {run_folder_of(each.path) for each in changes if each.after is None} - {""}
        gone -= {run_folder_of(path) for path in self.names} if gone else set()
        folders = {folder: folder.partition("/runs/") for folder in gone if folder.startswith("state/jobs/")}
        begins = tuple(f"{job}/ledger/" for job, _, _ in folders.values())
        self._load(ledgers := [path for path in self.names if path.startswith(begins)] if begins else [])
        texts = {path: data for path in ledgers if isinstance(data := self.data.get(path), bytes)}
        return frozenset(
            folder
            for folder, (job, _, run) in folders.items()
            if any(f'"{run}"'.encode() in text for path, text in texts.items() if path.startswith(f"{job}/"))
        )

    def _histories(self) -> list[FileHistory]:
        changed = self._changed()
        self.scope.blobs.load(oid for _, befores in changed for oid in befores)
        found = []
        for path, oids in changed:
            if path in self.names and path not in self.data:
                continue  # A link or folder in its place is its own finding.
            befores = tuple(self.scope.blobs.get(oid, path) for oid in oids)
            after = self.data.get(path)
            if isinstance(after, int) or any(isinstance(before, int) for before in befores):
                continue  # Too large is its own finding, now or when it was written.
            before = tuple(each for each in befores if not isinstance(each, int))
            metas = tuple(self._meta(path, each) for each in before)
            document = self.judged[path].document if path in self.judged else None
            found.append(FileHistory(path, before, after, metas, document))
        return found

    def _changed(self) -> list[tuple[str, list[str | None]]]:
        """Return each selected path that differs from a base, with the blobs it had in every base."""
        found = []
        for path in sorted(self.selected.union(*(base.blobs for base in self.scope.bases))):
            if not needs_versions(path) or (self.scope.selected is not None and path not in self.selected):
                continue
            oids = [self._blob_in(base, path) for base in self.scope.bases]
            now = self._blob_now(path)
            if any(oid is not None and oid != now for oid in oids):
                found.append((path, oids))
        return found

    def _blob_in(self, base: Base, path: str) -> str | None:
        if path in base.blobs or not base.partial:
            return base.blobs.get(path)
        return self._blob_now(path)

    def _blob_now(self, path: str) -> str | None:
        if path not in self.names:
            return None
        return self.names[path].oid or self.scope.contents.oid(path, self.data.get(path, 0))

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


def _asks_otherwise(change: FileHistory) -> bool:
    """Say whether the criteria of a task differ from those of a version before."""
    if change.document is None or change.document.kind.name != "task":
        return False
    now = change.document.meta.get("acceptance")
    return any(before is not None and before.get("acceptance") != now for before in change.before_meta)


def _job_of(path: str) -> str | None:
    """Return the job whose ledgers have to do with a path: one of them, or the receipt of a run."""
    if not path.startswith("state/jobs/"):
        return None
    place = places.place_of(path)
    is_theirs = place is not None and place.kind in ("ledger", "receipt")
    return path.split("/")[2] if is_theirs else None


def _spec_problems(document: Document[Any]) -> tuple[Problem, ...]:
    from platformstate.policy.job_spec import spec_problems  # few stores have jobs

    return spec_problems(document)


def _evidence_context(document: Document[Any], *, selected: bool) -> Iterator[str]:
    if claims_proof(document.meta):
        from platformstate.actions.judging_evidence import evidence_context

        yield from evidence_context(document, selected=selected)


def _ignored(hidden: Hidden) -> Problem:
    message = f"{shown(hidden.source)}:{hidden.line} hides this record from git: {shown(hidden.pattern)}"
    fix = f"narrow that rule, or add !/{hidden.path} below it"
    return Problem(hidden.path, 1, 1, "path_ignored", message, fix)


def _is_too_large(path: str, size: int) -> bool:
    place = places.place_of(path)
    parsed = place is not None and place.kind not in ("log", "artifact", "summary")
    return size > (MAX_READ_BYTES if parsed else MAX_UNPARSED_BYTES)


def _too_large(path: str, size: int) -> Problem:
    fix = "keep it outside of git, and name it by its sha256"
    return Problem(path, 1, 1, "text_too_large", f"the file has {size} bytes", fix)


def _unsafe_attribute(text: bytes, path: str, attribute: str, value: str) -> Problem:
    shown = attribute if value == "set" else f"{attribute}={value}"
    lines = text.decode("utf-8", "replace").split("\n")
    holding = [
        number for number, line in enumerate(lines, 1) if attribute in line and not line.startswith("#")
    ]
    message = f"{shown} is in force on {path}; git would change its bytes or corrupt a merge of it"
    fix = f"take {attribute} off state/ in .gitattributes, for example: state/** -{attribute}"
    return Problem(".gitattributes", holding[-1] if holding else 1, 1, "path_attributes_unsafe", message, fix)
