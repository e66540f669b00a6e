"""Change one task's file: read it, revise it, write what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

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
from platformstate.policy.repeats import is_repeat, mark_of, with_mark

if TYPE_CHECKING:
    from platformstate.entities.shapes import Task
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
Revise = Callable[[Document[Any]], Document[Any]]


def change_task(
    store: Store,
    task_id: str,
    verb: str,
    revise: Revise,
    *,
    expect_rev: str | None = None,
    proofs: Sequence[FileChange] = (),
    key: str | None = None,
    asked: Mapping[str, Any] = NOTHING,
) -> Answer:
    """Write a task as `revise` wants it and say which fields changed; no difference writes nothing.

    `proofs` are new files of evidence that the change refers to; they are written with it. With
    an idempotency `key` a task that has seen what was `asked` with it is answered as it stands.
    Raises: task_not_found, id_ambiguous, state_invalid, path_symlink, record_changed,
    idempotency_conflict, and what `revise` and a write raise.
    """

    def decide() -> Change:
        name = task_requests.task_id(store, task_id)
        mark = mark_of(key, f"task.{verb}", task=name, **asked)
        change = _changed(store, name, verb, revise, expect_rev, mark)
        return change._replace(files=(*change.files, *proofs)) if change.files else change

    done = store.write(decide)
    meta, rev, changed = done.change.data
    shown_task = task_requests.task_json(meta, rev)
    data = {"task": shown_task, "created": False, "changed": changed, "path": shown_task["path"]}
    return written(data, done)


def _changed(
    store: Store, task_id: str, verb: str, revise: Revise, expect_rev: str | None, mark: str | None
) -> Change:
    """Return the change of a task's file; its data are the new front matter, its rev, the changed fields."""
    from platformstate.codec.edit import text_of
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import Change, FileChange

    path = task_path(task_id)
    before, document = read_task(store, task_id)
    rev, subject = blob_id(before, store.repository.object_format), f"task: {verb} {task_id}"
    seen = document.meta.get("idempotency")
    if is_repeat(mark, seen):
        return Change(subject, (), (), (document.meta, rev, []))
    refuse_claimed(store, task_id, f"task {verb}")
    refuse_other_rev(task_id, rev, expect_rev)
    revised = revise(document)
    changed = changed_fields(document, revised)
    if not changed:
        return Change(subject, (), (), (document.meta, rev, []))
    revised = revised.with_changes(with_mark(mark, seen))
    after = text_of(revised).encode()
    trailers = (("Task", task_id), ("Actor", store.actor))
    data = (revised.meta, blob_id(after, store.repository.object_format), changed)
    return Change(subject, trailers, (FileChange(path, before, after),), data)


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
