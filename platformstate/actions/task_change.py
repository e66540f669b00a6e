"""Change one task's file: read it, revise it, write what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.fencing import refuse_claimed
from platformstate.actions.task_folder import task_not_found, unreadable
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.places import task_path
from platformstate.cost import COST
from platformstate.entities import task as tasks
from platformstate.errors import StateError, shown

if TYPE_CHECKING:
    from platformstate.entities.shapes import Task
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange

Revise = Callable[[Document[Any]], Document[Any]]


def change_task(
    store: Store,
    task_id: str,
    verb: str,
    revise: Revise,
    *,
    expect_rev: str | None = None,
    proofs: Sequence[FileChange] = (),
) -> Answer:
    """Write a task as `revise` wants it and say which fields changed; no difference writes nothing.

    `proofs` are new files of evidence that the change refers to; they are written with it.
    Raises: task_not_found, id_ambiguous, state_invalid, path_symlink, record_changed, and what
    `revise` and a write raise.
    """

    def decide() -> Change:
        change = changed_task(store, task_requests.task_id(store, task_id), verb, revise, expect_rev)
        return change._replace(files=(*change.files, *proofs))

    done = store.write(decide)
    meta, rev, changed = done.change.data
    shown_task = task_requests.task_json(meta, rev)
    data = {"task": shown_task, "created": False, "changed": changed, "path": shown_task["path"]}
    return written(data, done)


def changed_task(
    store: Store, task_id: str, verb: str, revise: Revise, expect_rev: str | None = None
) -> Change:
    """Return the change of a task's file; its data are the new front matter, its rev, the changed fields."""
    from platformstate.codec.edit import text_of
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import Change, FileChange

    refuse_claimed(store, task_id, f"task {verb}")
    path = task_path(task_id)
    before, document = read_task(store, task_id)
    format_ = store.repository.object_format
    refuse_other_rev(task_id, blob_id(before, format_), expect_rev)
    revised = revise(document)
    changed = changed_fields(document, revised)
    after = text_of(revised).encode() if changed else before
    trailers = (("Task", task_id), ("Actor", store.actor))
    files = (FileChange(path, before, after),) if changed else ()
    return Change(
        f"task: {verb} {task_id}", trailers, files, (revised.meta, blob_id(after, format_), changed)
    )


def changed_fields(before: Document[Any], after: Document[Any]) -> list[str]:
    """Return the fields in which two versions differ, then the body's sections by their flags."""
    order = [*KINDS["task"].shape.keys, *before.meta, *after.meta]
    fields = [name for name in dict.fromkeys(order) if before.meta.get(name) != after.meta.get(name)]
    if before.body == after.body:
        return fields
    old, new = _sections(before.body), _sections(after.body)
    return fields + [flag for flag, heading in tasks.SECTIONS.items() if old.get(heading) != new.get(heading)]


def read_task(store: Store, task_id: str) -> tuple[bytes, Document[Task]]:
    """Return a task's bytes and its record. Raises: task_not_found, state_invalid, path_symlink."""
    from platformstate.store.reading import judged

    path = task_path(task_id)
    data = store.file_at(path)
    if data is None:
        raise task_not_found(task_id)
    COST.parsed += 1
    read = judged(data, path)
    if read.document is None:
        raise unreadable(read.problems)
    return data, read.document


def refuse_other_rev(task_id: str, rev: str, expected: str | None) -> None:
    """Raise record_changed when a record is at another revision than the caller saw."""
    if expected is not None and expected != rev:
        raise StateError(
            "record_changed",
            f"task {task_id} is at {rev}, not at {shown(expected)}",
            hint=f"platformctl task show {task_id}, then decide again",
            retryable=True,
            data={"rev": rev},
        )


def _sections(body: str) -> dict[str, str]:
    from platformstate.codec.sections import sections

    return sections(body)
