"""Which jobs a tick has to look at: a job rests while nothing of it is due, open, unfinished or uncommitted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.recipes import require_trusted
from platformstate.core.instants import instant, moment
from platformstate.core.places import STATE, place_of
from platformstate.errors import StateError
from platformstate.gitrepo import CommitTree, look_up
from platformstate.runner import Resting, RestingFile

if TYPE_CHECKING:
    from platformstate.actions.job_specs import JobSpec
    from platformstate.store import Store

NEVER: Final = "9999-12-31T23:59:59Z"


class Watch:
    """The jobs at the trusted ref as one pass meets them: those that it looks at, and those that rest.

    Raises: trust_ref_unset.
    """

    def __init__(self, store: Store, *, every: bool = False) -> None:
        self._store = store
        self._file = RestingFile(store.repository.common_dir)
        commit = str(require_trusted(store).commit)
        found = look_up(store.repository, [f"{commit}:{STATE}jobs"])[0]
        self._tree_id = "" if found is None else found.oid
        note = None if every else self._file.read()
        tree = CommitTree(store.repository, commit)
        now = store.now()
        if note is None or note.tree != self._tree_id:
            places = {entry.path: place_of(entry.path) for entry in tree.entries(f"{STATE}jobs")}
            names = {place.id for place in places.values() if place is not None and place.kind == "job"}
            self._resting: dict[str, Sequence[str]] = {}
        else:
            self._resting = {
                job: rest
                for job, rest in note.resting.items()
                if now < rest[0] and self._file.mark(job) == rest[1]
            }
            names = {*note.resting, *note.others} - self._resting.keys()
        self._note = note
        self.specs = _specs(store, tree, sorted(names))
        self._marks = {spec.id: self._file.mark(spec.id) for spec in self.specs}

    def chosen(self, prefixes: Sequence[str]) -> list[JobSpec]:
        """Return the jobs that are named, or all that are looked at. Raises: job_not_found, id_ambiguous."""
        if not prefixes:
            return self.specs
        from platformstate.actions.job_specs import resolve_trusted

        wanted = {resolve_trusted(self._store, prefix) for prefix in prefixes}
        return [spec for spec in self.specs if spec.id in wanted]

    def next_slot(self, now: datetime) -> datetime | None:
        """Return the next instant at which any job fires."""
        resting = [moment(rest[0]) for rest in self._resting.values() if rest[0] != NEVER]
        looked_at = (_next(spec, now) for spec in self.specs)
        return min((*resting, *(slot for slot in looked_at if slot is not None)), default=None)

    def rest(self, idle: Collection[str], now: datetime) -> None:
        """Note which of the jobs that were looked at rest from now on; without the note all are looked at."""
        resting: dict[str, Any] = dict(self._resting)
        for spec in self.specs:
            if spec.id in idle and self._marks[spec.id]:
                slot = _next(spec, now)
                resting[spec.id] = [NEVER if slot is None else instant(slot), self._marks[spec.id]]
        others = sorted(spec.id for spec in self.specs if spec.id not in resting)
        note = Resting(self._tree_id, resting, others)
        if note != self._note:
            with suppress(StateError):  # what the pass did is told all the same
                self._file.write(note)


def _next(spec: JobSpec, now: datetime) -> datetime | None:
    from platformstate.policy.due import next_slot

    return next_slot(spec.whole["trigger"], now) if spec.is_valid else None


def _specs(store: Store, tree: CommitTree, names: Sequence[str]) -> list[JobSpec]:
    if not names:
        return []
    from platformstate.actions.job_specs import job_path, spec_of

    paths: Mapping[str, str] = {job_path(name): name for name in names}
    found = {path: spec_of(store, paths[path], path, data) for path, data in tree.read(list(paths))}
    return [found[path] for path in paths if path in found]
