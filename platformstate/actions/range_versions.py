"""The versions that records have in a range of commits, each read once, and what came before each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from platformstate.actions.judging_part import Reader
from platformstate.core.document import Document
from platformstate.cost import COST
from platformstate.gitrepo.blob_reader import BlobReader
from platformstate.gitrepo.objects import look_up
from platformstate.gitrepo.ranges import Step, Versions, met_last
from platformstate.gitrepo.repository import Repository


class RangeVersions:
    """What is known of the files in the commits of a range."""

    def __init__(
        self,
        repository: Repository,
        steps: Sequence[Step],
        blobs: BlobReader,
        read: Reader,
        documents: dict[tuple[str, str | None], Document[Any] | None],
    ) -> None:
        self._repository, self._blobs, self._read = repository, blobs, read
        self._steps = {step.oid: step for step in steps}
        self._documents = documents
        self._bases: dict[tuple[str, int], list[str]] = {}
        self._replaced: dict[tuple[str, str], list[str]] = {}

    def data(self, path: str, oid: str | None) -> bytes | None:
        """Return a version's bytes; of one too large to read its id, so that it equals itself alone."""
        if oid is None:
            return None
        data = self._blobs.get(oid, path)
        return oid.encode("ascii") if isinstance(data, int) else data

    def document(self, path: str, oid: str | None) -> Document[Any] | None:
        """Return a version's record, judged once however often it is met; None when it is none."""
        if oid is None:
            return None
        if (path, oid) not in self._documents:
            data = self._blobs.get(oid, path)
            judged = None if isinstance(data, int) else self._read(data, path)
            COST.parsed += judged is not None
            self._documents[path, oid] = None if judged is None else judged.document
        return self._documents[path, oid]

    def before(self, step: Step, path: str, versions: Versions) -> tuple[Mapping[str, Any], ...]:
        """Return what the record said in each parent; of one that cannot be read, what it said last."""
        found = [each for index in range(len(versions.before)) for each in self.side(step, path, index)]
        return tuple(found)

    def side(self, step: Step, path: str, index: int) -> tuple[Mapping[str, Any], ...]:
        """Return what the record said in one parent: nothing where it is new, or its last readable versions."""
        oid = step.changed[path].before[index]
        if oid is None:
            return ()
        readable = [oid] if self.document(path, oid) else self._last_readable(step.parents[index], path)
        documents = (self.document(path, each) for each in readable)
        return tuple(document.meta for document in documents if document is not None)

    def is_untouched(self, step: Step, path: str, index: int) -> bool:
        """Say whether one side of a merge has the file as it was where the sides met last."""
        oids = self._at_bases(step, path, index)
        return bool(oids) and set(oids) == {step.changed[path].before[index]}

    def began(self, step: Step, path: str, index: int) -> tuple[Mapping[str, Any], ...]:
        """Return what the record said where one side of a merge met the others last; empty where it did not."""
        documents = [self.document(path, oid) for oid in self._at_bases(step, path, index)]
        return tuple({} if document is None else document.meta for document in documents)

    def _last_readable(self, commit: str, path: str) -> list[str]:
        """Return the versions that an unreadable one in a commit of the range replaced, on any side.

        Each commit is asked once, its parents before it: a branch may break a file a thousand times.
        """
        pending = [commit]
        while pending:
            here = pending[-1]
            edges = list(self._edges(here, path))
            before = [parent for oid, parent in edges if not self._is_readable(path, oid)]
            waiting = [parent for parent in before if (parent, path) not in self._replaced]
            pending += waiting
            if not waiting:
                found = [oid for oid, _ in edges if oid is not None and self._is_readable(path, oid)]
                found += [oid for parent in before for oid in self._replaced[parent, path]]
                self._replaced[here, path] = list(dict.fromkeys(found))
                pending.pop()
        return self._replaced[commit, path]

    def _is_readable(self, path: str, oid: str | None) -> bool:
        return oid is not None and self.document(path, oid) is not None

    def _edges(self, commit: str, path: str) -> Iterator[tuple[str | None, str]]:
        """Yield the parents of a commit of the range, each with the file's version where the commit changed it."""
        step = self._steps.get(commit)
        if step is None:
            return
        versions = step.changed.get(path)
        for index, parent in enumerate(step.parents):
            if versions is None or versions.before[index] is not None:
                yield None if versions is None else versions.before[index], parent

    def _at_bases(self, step: Step, path: str, index: int) -> list[str | None]:
        if (step.oid, index) not in self._bases:
            others = [parent for place, parent in enumerate(step.parents) if place != index]
            self._bases[step.oid, index] = met_last(self._repository, step.parents[index], others)
        names = [f"{base}:{path}" for base in self._bases[step.oid, index]]
        return [None if found is None else found.oid for found in look_up(self._repository, names)]
