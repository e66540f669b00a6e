"""Read everything that stands in a task's folder: the record, its runs, their checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.core.places import Place, place_of, subject_folder, task_path
from platformstate.cost import COST
from platformstate.entities.checkpoint import SECTIONS
from platformstate.entities.run import OPEN
from platformstate.errors import Problem, StateError
from platformstate.policy.chain import CheckpointFacts, RunFacts

if TYPE_CHECKING:
    from platformstate.core.document import Document
    from platformstate.core.tree import Entry, Tree
    from platformstate.entities.shapes import Task
    from platformstate.validation import Judged

_PARTS: Final = ("task", "run", "event", "resolved_steps", "checkpoint")
_FREE: Final = ("artifacts", "logs")
_KEPT: Final = 4096


class TaskFolder(NamedTuple):
    """A task with all that was recorded at it, as far as it can be read.

    `problems` are the errors of those files that cannot; `files` holds the bytes of each file read.
    """

    task_id: str
    task: Document[Task] | None
    runs: tuple[RunFacts, ...]
    checkpoints: tuple[CheckpointFacts, ...]
    problems: tuple[Problem, ...]
    files: Mapping[str, bytes]

    @property
    def document(self) -> Document[Task]:
        """The task's record. Raises: task_not_found, state_invalid."""
        if self.task is None:
            raise self._refusal()
        return self.task

    @property
    def data(self) -> bytes:
        """The bytes of the task's record."""
        return self.files[task_path(self.task_id)]

    def checked(self) -> TaskFolder:
        """Return the folder when every record in it is readable, for a command that will write there.

        Raises: task_not_found, state_invalid, path_symlink.
        """
        linked = next((found for found in self.problems if found.code == "path_mode_invalid"), None)
        if linked is not None:
            raise StateError("path_symlink", linked.message, hint=linked.fix, path=linked.path)
        if self.problems or self.task is None:
            raise self._refusal()
        return self

    def _refusal(self) -> StateError:
        return self.unreadable() if self.problems else task_not_found(self.task_id)

    def unreadable(self) -> StateError:
        """Return the error that names what cannot be read."""
        return unreadable(self.problems)


def read_task_folder(tree: Tree, task_id: str) -> TaskFolder:
    """Return what a tree holds of a task; never raises for what the files contain."""
    folder = subject_folder(f"task/{task_id}")
    entries = tree.entries(folder)
    places = {entry.path: place_of(entry.path) for entry in entries}
    wanted = [path for path, place in places.items() if place is not None and place.kind in _PARTS]
    files = dict(tree.read(wanted))
    judged = {path: _judged(path, data) for path, data in files.items()}
    of_kind = {kind: {p: at for p in judged if (at := places[p]) and at.kind == kind} for kind in _PARTS}
    problems = [problem for read in judged.values() for problem in errors_of(read.problems)]
    runs, faults = _runs(of_kind["event"].values(), of_kind["run"].values(), files)
    faults += [not_a_file(entry.path) for entry in entries if _hides_records(entry)]
    found = judged.get(task_path(task_id))
    return TaskFolder(
        task_id=task_id,
        task=None if found is None else found.document,
        runs=tuple(sorted(runs, key=lambda run: (run.header.get("attempt", 1), run.id))),
        checkpoints=_in_order(_said(path, files[path]) for path in of_kind["checkpoint"]),
        problems=(*problems, *faults),
        files=files,
    )


def merged(folders: Sequence[TaskFolder]) -> TaskFolder:
    """Return the union of one task's folder as several trees hold it.

    Records are immutable, so a union by id is safe. The task's own record is the first tree's that
    has one; of two versions of a run the ended one counts, else the one that goes further.
    """
    first = next((folder for folder in folders if folder.task is not None), folders[0])
    runs: dict[str, RunFacts] = {}
    for run in (run for folder in folders for run in folder.runs):
        runs[run.id] = max(runs.get(run.id, run), run, key=_progress)
    said = {(c.meta["run"], c.id): c for folder in reversed(folders) for c in folder.checkpoints}
    return TaskFolder(
        task_id=first.task_id,
        task=first.task,
        runs=tuple(sorted(runs.values(), key=lambda run: (run.header.get("attempt", 1), run.id))),
        checkpoints=tuple(sorted(said.values(), key=lambda c: (c.id, str(c.meta["run"])))),
        problems=tuple(problem for folder in folders for problem in folder.problems),
        files=first.files,
    )


def _progress(run: RunFacts) -> tuple[bool, str]:
    return run.header["status"] not in OPEN, run.last_event_at or ""


def read_tasks(
    tree: Tree, task_ids: Iterable[str], *, follow: bool = True
) -> tuple[dict[str, Mapping[str, Any]], list[Problem]]:
    """Return the front matter of tasks, of all that they depend on, and what cannot be read.

    Without `follow` only of the tasks themselves.
    """
    tasks: dict[str, Mapping[str, Any]] = {}
    problems: list[Problem] = []
    wanted = list(task_ids)
    seen: set[str] = set()
    while wanted:
        seen.update(wanted)
        read = {path: _judged(path, data) for path, data in tree.read([task_path(task) for task in wanted])}
        problems += [problem for one in read.values() for problem in errors_of(one.problems)]
        found = [one.document for one in read.values() if one.document is not None]
        tasks |= {document.id: document.meta for document in found}
        needed = {task for document in found for task in document.meta.get("depends_on", ())}
        wanted = sorted(needed - seen) if follow else []
    return tasks, problems


def task_not_found(task_id: str) -> StateError:
    """Return the error for a task that is not there."""
    return StateError("task_not_found", f"there is no task {task_id}", hint="platformctl task list")


def unreadable(problems: Iterable[Problem]) -> StateError:
    """Return the error of a command that met files which it cannot read."""
    found = tuple(problems)
    first = found[0]
    return StateError(
        "state_invalid",
        first.message if len(found) == 1 else f"{first.message}; and {len(found) - 1} more",
        hint=first.fix,
        path=first.path,
        line=first.line,
        col=first.col,
        problems=found,
    )


def not_a_file(path: str) -> Problem:
    """Return the problem of a path where a record should stand and a link or something else does."""
    text = f"{path} is a link or no plain file, so nothing of it is read"
    return Problem(path, 1, 1, "path_mode_invalid", text, "replace it by a regular file, mode 644")


def _hides_records(entry: Entry) -> bool:
    """Say whether an entry is no plain file, and stands where records of the task would."""
    return not entry.mode.startswith("100") and not any(f"/{name}/" in entry.path for name in _FREE)


def errors_of(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that are errors."""
    return [problem for problem in problems if problem.severity == "error"]


@lru_cache(maxsize=_KEPT)
def _judged(path: str, data: bytes) -> Judged:
    """Judge a record; in one process that writes many, those of the same bytes once."""
    from platformstate.store.reading import judged

    COST.parsed += 1
    return judged(data, path)


def _runs(
    journals: Iterable[Place], headers: Iterable[Place], files: Mapping[str, bytes]
) -> tuple[list[RunFacts], list[Problem]]:
    """Fold each journal; a header without one is a run that nobody can vouch for."""
    from platformstate.actions.run_reading import pin_path
    from platformstate.core.places import journal_path
    from platformstate.policy.journal import journal_problem

    runs: list[RunFacts] = []
    problems: list[Problem] = []
    told = set()
    for place in journals:
        told.add(place.id)
        journal, steps = journal_path(str(place.subject), place.id), pin_path(str(place.subject), place.id)
        run, faults = _told(place, (journal, files[journal]), (steps, files.get(steps)))
        problems += faults
        runs += [run] if run is not None else []
    for place in headers:
        if place.id not in told:
            path = journal_path(str(place.subject), place.id)
            problems.append(journal_problem(path, 1, "the run has a header but no journal"))
    return runs, problems


@lru_cache(maxsize=_KEPT)
def _told(
    place: Place, journal: tuple[str, bytes], steps: tuple[str, bytes | None]
) -> tuple[RunFacts | None, tuple[Problem, ...]]:
    """Return the run that a journal and a pin tell of; kept like a judgement."""
    from platformstate.actions.run_reading import run_of

    files = {path: data for path, data in (journal, steps) if data is not None}
    return run_of(place, {path: _judged(path, data) for path, data in files.items()}, files)


@lru_cache(maxsize=_KEPT)
def _said(path: str, data: bytes) -> CheckpointFacts | None:
    """Return what a checkpoint says, None for one that cannot be read; kept like a judgement."""
    from platformstate.codec.sections import items, sections

    document = _judged(path, data).document
    if document is None:
        return None
    texts = sections(document.body)
    body = {key: items(texts.get(heading, "")) for key, heading in SECTIONS.items()}
    return CheckpointFacts(document.meta, body, document.path)


def _in_order(said: Iterable[CheckpointFacts | None]) -> tuple[CheckpointFacts, ...]:
    found = (one for one in said if one is not None)
    return tuple(sorted(found, key=lambda checkpoint: (checkpoint.id, str(checkpoint.meta["run"]))))
