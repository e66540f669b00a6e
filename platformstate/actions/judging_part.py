"""Judge files that are held together: each by itself, then each beside the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from platformstate.actions.contents import MAX_READ_BYTES, Scope
from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.cost import COST
from platformstate.entities.statuses import claims_proof
from platformstate.errors import Problem
from platformstate.policy.identity import identity_problems
from platformstate.policy.present import Present
from platformstate.policy.references import CHAINS, reference_problems, references, target_path
from platformstate.policy.secrets import find_secrets
from platformstate.validation import Judged

Reader = Callable[[bytes, str], Judged]

# Logs, artifacts and files that are not ours are never parsed, so only their size bounds them.
MAX_UNPARSED_BYTES: Final = 5 * 1024 * 1024
# What a run keeps and its journal records the digest of; an agent's checkpoints no journal tells of.
_KEPT: Final = re.compile(
    r"(state/[^/]+/[^/]+/runs/[^/]+(?=/artifacts/)|state/(?:jobs|procedures)/[^/]+/runs/[^/]+(?=/checkpoints/))"
)
_TOLD_BY_A_JOURNAL: Final = ("resolved_steps.json", "run_receipt.json")
# So many files are held together where all of a tree is judged: fewer cost time, more cost memory.
_FILES_TOGETHER: Final = 1000


class Terms:
    """What all parts of a judgement have in common."""

    def __init__(self, scope: Scope, read: Reader) -> None:
        self.scope = scope
        self.read_one = read
        self.misplaced: frozenset[str] = frozenset()
        self.names = scope.contents.names
        self.present = Present(self.names.keys())
        self.allowed = frozenset(scope.repository.config("platformstate.secretAllow"))


class Part:
    """Files of a scope that are judged together, and what was read beside them."""

    def __init__(self, terms: Terms, selected: frozenset[str]) -> None:
        self.terms = terms
        self.scope, self.names = terms.scope, terms.names
        self.selected = selected
        self.data: dict[str, bytes | int] = {}
        self.judged: dict[str, Judged] = {}

    def load(self, paths: Iterable[str]) -> None:
        """Read files and judge each by itself; one whose name or mode is refused stays closed."""
        wanted = (self.names.keys() & frozenset(paths)) - self.data.keys() - self.judged.keys()
        fetched = self.scope.contents.fetch(path for path in wanted if self.names[path].mode == "100644")
        self.data |= fetched
        for path, data in fetched.items():
            if path not in self.terms.misplaced and isinstance(data, bytes):
                self.judged[path] = self.terms.read_one(data, path)
                COST.parsed += 1

    def load_beside(self) -> None:
        """Read the unselected records without which a selected one cannot be judged."""
        self._load_all(self._beside)

    def load_proofs(self) -> None:
        """Read the records that bear out what tasks claim."""
        self._load_all(self._proofs)

    def take(self, other: Part, paths: Iterable[str]) -> None:
        """Hold some of the files that another part holds."""
        for path in paths:
            if path in other.data:
                self.data[path] = other.data[path]
            if path in other.judged:
                self.judged[path] = other.judged[path]

    def documents(self) -> list[Document[Any]]:
        """Return the records that were read and can be."""
        found = (judged.document for judged in self.judged.values())
        return [document for document in found if document is not None and document.kind.name in KINDS]

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with each file by itself, and beside the others."""
        yield from self._file_problems()
        documents = self.documents()
        for document in documents:
            if document.path in self.selected:
                yield from reference_problems(document, self.terms.present)
                yield from identity_problems(document)
                if document.kind.name == "job":
                    yield from _spec_problems(document)
        if any("/runs/" in path for path in self.selected):
            from platformstate.actions.judging_runs import run_problems  # most commits change no run

            yield from run_problems(self, documents)
        if any(_job_of(path) for path in self.selected):
            from platformstate.actions.judging_ledgers import ledgers_problems

            yield from ledgers_problems(self)

    def _load_all(self, wanted: Callable[[], Iterator[str]]) -> None:
        tried: set[str] = set()  # a link or an executable is never loaded
        while missing := {path for path in wanted() if path in self.names} - self.data.keys() - tried:
            self.load(missing)
            tried |= missing

    def _beside(self) -> Iterator[str]:
        for path in self.selected | self.judged.keys():
            folder, _, name = path.rpartition("/")
            if name == "events.jsonl":
                yield from (f"{folder}/resolved_steps.json", f"{folder}/run_receipt.json")
                if path in self.selected:
                    yield from self._recorded_by(path)
            elif name in _TOLD_BY_A_JOURNAL:
                yield f"{folder}/events.jsonl"
            elif path in self.selected and (kept := _KEPT.match(path)):
                yield f"{kept[1]}/events.jsonl"
        if any(_job_of(path) for path in self.selected):
            from platformstate.actions.judging_ledgers import ledgers_context

            yield from ledgers_context(self)
        yield from self._proofs()
        for document in self.documents():
            yield from self._named(document)

    def _recorded_by(self, journal: str) -> Iterator[str]:
        from platformstate.actions.judging_runs import recorded_beside

        yield from (path for path, _ in recorded_beside(self, journal))

    def _named(self, document: Document[Any]) -> Iterator[str]:
        if document.kind.name == "checkpoint":
            yield document.path.rpartition("/checkpoints/")[0] + "/run.md"
        for reference in references(document):
            if reference.pointer.split("/")[1] in CHAINS:
                yield target_path(document, reference, self.terms.present) or ""

    def _proofs(self) -> Iterator[str]:
        for document in self.documents():
            if document.kind.name == "task" and claims_proof(document.meta):
                from platformstate.actions.judging_evidence import evidence_context

                yield from evidence_context(document, selected=document.path in self.selected)

    def _file_problems(self) -> Iterator[Problem]:
        for path in self.selected & self.data.keys():
            data = self.data[path]
            if isinstance(data, int) or _is_too_large(path, len(data)):
                yield _too_large(path, data if isinstance(data, int) else len(data))
                continue
            if path in self.judged:
                yield from self.judged[path].problems
            yield from find_secrets(data.decode("utf-8", "replace"), path, self.terms.allowed)


def portions(paths: Iterable[str]) -> Iterator[frozenset[str]]:
    """Yield all paths, those below one subject's folder together: no rule but a few looks beyond it."""
    gathered: list[str] = []
    for _, below in groupby(sorted(paths), lambda path: path.split("/")[:3]):
        gathered += below
        if len(gathered) >= _FILES_TOGETHER:
            yield frozenset(gathered)
            gathered = []
    yield frozenset(gathered)


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


def _is_too_large(path: str, size: int) -> bool:
    place = places.place_of(path)
    parsed = place is not None and place.kind not in ("log", "artifact", "summary")
    return size > (MAX_READ_BYTES if parsed else MAX_UNPARSED_BYTES)


def _too_large(path: str, size: int) -> Problem:
    fix = "keep it outside of git, and name it by its sha256"
    return Problem(path, 1, 1, "text_too_large", f"the file has {size} bytes", fix)
