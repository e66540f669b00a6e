"""Job specs: as the working files have them, for looking at, and at the trusted ref, where they may run."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.codec import record
from platformstate.codec.json_text import canonical_json
from platformstate.core.document import Document
from platformstate.core.places import STATE, place_of
from platformstate.core.tree import Tree
from platformstate.entities.job import executed, with_defaults
from platformstate.entities.kinds import JOB
from platformstate.errors import Problem, StateError, shown
from platformstate.gitrepo import blob_id
from platformstate.policy.job_spec import refusal, spec_problems

if TYPE_CHECKING:
    from platformstate.store import Store


class JobSpec(NamedTuple):
    """A job's spec as it stands somewhere; `document` is None when it breaks its schema.

    `said` are its keys as they are written, right or wrong.
    """

    id: str
    path: str
    blob: str
    document: Document[Any] | None
    problems: tuple[Problem, ...]
    said: Mapping[str, Any] = MappingProxyType({})

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps the spec from being one."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with the spec by itself."""
        return not self.errors

    @property
    def whole(self) -> dict[str, Any]:
        """The spec with its defaults written out. Raises: the error that a faulty spec is."""
        if self.document is None or not self.is_valid:
            raise refusal(self.problems)
        return with_defaults(self.document.meta)


def job_path(name: str) -> str:
    """Return the path of a job's record."""
    return f"{STATE}jobs/{name}/job.md"


def resolve_job(store: Store, prefix: str) -> str:
    """Return the job of the working files that a prefix stands for. Raises: job_not_found, id_ambiguous."""
    return store.resolve(JOB, prefix)


def resolve_trusted(store: Store, prefix: str) -> str:
    """Return the job at the trusted ref that a prefix stands for. Raises: trust_ref_unset, job_not_found, id_ambiguous."""
    from platformstate.actions.recipes import require_trusted
    from platformstate.core.ids import matches

    entries = store.tree(require_trusted(store).commit).entries(f"{STATE}jobs")
    places = (place_of(entry.path) for entry in entries)
    found = matches(prefix, {place.id for place in places if place is not None and place.kind == "job"})
    if len(found) == 1:
        return found[0]
    if not found:
        raise StateError("job_not_found", f"no job is called {shown(prefix)}", hint="platformctl jobs list")
    message = f"{shown(prefix)} fits {len(found)} jobs at the trusted ref: {', '.join(found[:5])}"
    raise StateError("id_ambiguous", message, hint="give more characters", data={"candidates": found})


def working_job(store: Store, name: str) -> JobSpec:
    """Return a job's spec as the working files have it. Raises: job_not_found."""
    return _require(read_spec(store, store.tree(), name), name, "the working files")


def trusted_job(store: Store, name: str, commit: str) -> JobSpec:
    """Return a job's spec as a commit has it. Raises: job_not_found."""
    return _require(read_spec(store, store.tree(commit), name), name, f"commit {commit[:12]}")


def read_spec(store: Store, tree: Tree, name: str) -> JobSpec | None:
    """Return a job's spec as a tree has it, None where it has none."""
    path = job_path(name)
    data = next((data for _, data in tree.read([path])), None)
    return None if data is None else spec_of(store, name, path, data)


def spec_of(store: Store, name: str, path: str, data: bytes) -> JobSpec:
    """Return the spec that a text is, with everything that is wrong with it by itself."""
    from platformstate.store.reading import judged

    found = judged(data, path)
    problems = found.problems
    if found.document is not None:
        problems = (*problems, *spec_problems(found.document), *_misplaced(found.document, name))
    blob = blob_id(data, store.repository.object_format)
    parsed = found.document or record.parse(data, path).document
    return JobSpec(name, path, blob, found.document, tuple(problems), parsed.meta if parsed else {})


def execution_digest(whole: Mapping[str, Any], resolved: Mapping[str, str]) -> str:
    """Return what an approval is about: the executed part of a spec and the blobs that it resolves to.

    `resolved` maps the path of each procedure and schema file to its blob id.
    """
    return sha256(
        canonical_json({"resolved": dict(sorted(resolved.items())), "spec": executed(whole)})
    ).hexdigest()


def _require(spec: JobSpec | None, name: str, where: str) -> JobSpec:
    if spec is None:
        raise StateError("job_not_found", f"{shown(name)} is no job of {where}", hint="platformctl jobs list")
    return spec


def _misplaced(document: Document[Any], name: str) -> tuple[Problem, ...]:
    if document.id == name:
        return ()
    message = f"the id {shown(document.id)} is not the folder's, {name}"
    fix = f"platformctl jobs show {name}, then write id: {name}"
    return (Problem(document.path, 1, 1, "job_invalid_spec", message, fix, "/id"),)
