"""`task update`: change fields, lists, sections and the status of one task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.task_folder import read_tasks, task_not_found, unreadable
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.places import task_path
from platformstate.cost import COST
from platformstate.entities import task as tasks
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.policy import lifecycle, ready

if TYPE_CHECKING:
    from platformstate.entities.shapes import Task
    from platformstate.store import Store
    from platformstate.store.change import Change

KEPT: Final = (
    "schema",
    "id",
    "title",
    "status",
    "acceptance",
    "created_at",
    "created_by",
    "closed_at",
    "idempotency",
)
_LISTS: Final = {"labels": "label", "refs": "ref", "depends_on": "dep"}


def update_task(
    store: Store,
    task_id: str,
    request: tasks.TaskRequest,
    *,
    expect_rev: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Change a task as asked and say which fields changed; a change of nothing writes nothing.

    A record keeps the key of its creation only, so one given here is refused, never ignored.

    Raises: task_not_found, id_ambiguous, state_invalid, path_symlink, record_changed, task_close_required,
    task_transition_refused, task_has_no_criteria, task_dependency_cycle, usage_invalid, and what
    a write raises.
    """
    if idempotency_key is not None:
        raise StateError(
            "usage_invalid",
            "--idempotency-key makes a creation safe to repeat; an update is guarded by --expect-rev",
            hint=f"platformctl task update {task_id} --expect-rev REV",
        )
    if not request:
        raise StateError(
            "usage_invalid", "task update needs something to change", hint="platformctl task update --help"
        )
    done = store.write(lambda: _decide(store, task_requests.task_id(store, task_id), request, expect_rev))
    meta, rev, changed = done.change.data
    shown_task = task_requests.task_json(meta, rev)
    data = {"task": shown_task, "created": False, "changed": changed, "path": shown_task["path"]}
    return written(data, done)


def _decide(store: Store, task_id: str, request: tasks.TaskRequest, expect_rev: str | None) -> Change:
    from platformstate.codec.edit import text_of
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import Change, FileChange

    path = task_path(task_id)
    before, document = _read(store, task_id)
    format_ = store.repository.object_format
    _refuse_other(task_id, blob_id(before, format_), expect_rev)
    updated = _updated(store, document, request)
    changed = changed_fields(document, updated)
    after = text_of(updated).encode() if changed else before
    trailers = (("Task", task_id), ("Actor", store.actor))
    files = (FileChange(path, before, after),) if changed else ()
    return Change(
        f"task: update {task_id}", trailers, files, (updated.meta, blob_id(after, format_), changed)
    )


def changed_fields(before: Document[Any], after: Document[Any]) -> list[str]:
    """Return the fields in which two versions differ, then the body's sections by their flags."""
    order = [*KINDS["task"].shape.keys, *before.meta, *after.meta]
    fields = [name for name in dict.fromkeys(order) if before.meta.get(name) != after.meta.get(name)]
    if before.body == after.body:
        return fields
    old, new = _sections(before.body), _sections(after.body)
    return fields + [flag for flag, heading in tasks.SECTIONS.items() if old.get(heading) != new.get(heading)]


def _read(store: Store, task_id: str) -> tuple[bytes, Document[Task]]:
    from platformstate.store.reading import judged

    path = task_path(task_id)
    data = WorkTree(store.root).bytes_of(path)
    if data is None:
        raise task_not_found(task_id)
    COST.parsed += 1
    read = judged(data, path)
    if read.document is None:
        raise unreadable(read.problems)
    return data, read.document


def _refuse_other(task_id: str, rev: str, expected: str | None) -> None:
    if expected is not None and expected != rev:
        raise StateError(
            "record_changed",
            f"task {task_id} is at {rev}, not at {shown(expected)}",
            hint=f"platformctl task show {task_id}, then decide again",
            retryable=True,
            data={"rev": rev},
        )


def _updated(store: Store, document: Document[Task], request: tasks.TaskRequest) -> Document[Task]:
    """Return the task as asked. The status comes last, so that it sees criteria added with it."""
    meta: Mapping[str, Any] = document.meta
    changes: dict[str, Any] = dict.fromkeys(_unset(request.get("unset", ())))
    for name in changes:
        if KINDS["task"].shape.keys[name].always:
            changes[name] = []
    changes |= tasks.asked_fields(request)
    if budget := tasks.asked_budget(request):
        changes["budget"] = {**meta.get("budget", {}), **budget}
    if "base" in request:
        changes["base_commit"] = task_requests.base_commit(store.repository, request["base"])
    if "accept" in request:
        changes["acceptance"] = tasks.with_criteria(meta.get("acceptance", ()), request)
    if "plan" in request:
        changes["plan"] = tasks.with_plan(meta.get("plan", ()), request["plan"])
    changes |= _lists(store, meta, request)
    changed = document.with_changes(changes, body=_body(document.body, request))
    return changed.with_changes(_status(changed.meta, request))


def _status(meta: Mapping[str, Any], request: tasks.TaskRequest) -> dict[str, Any]:
    if "status" in request:
        return lifecycle.status_changes(meta, request["status"], request.get("reason"))
    if "reason" in request:
        raise StateError(
            "usage_invalid",
            "--reason says why a status is set; it goes with --status",
            hint="--status parked --reason",
        )
    return {}


def _lists(store: Store, meta: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, list[str]]:
    changes = {}
    for field, flag in _LISTS.items():
        added, removed = list(request.get(f"add_{flag}", ())), list(request.get(f"remove_{flag}", ()))
        if not added and not removed:
            continue
        if flag == "dep":
            added = task_requests.task_ids(store, added)
        before = meta.get(field, [])
        kept = [item for item in before if item not in removed]
        changes[field] = tasks.without_repeats([*kept, *added])
        if flag == "dep" and added:
            known, problems = read_tasks(store.tree(), added)
            if problems:
                raise unreadable(problems)
            ready.refuse_cycle(str(meta["id"]), {**known, str(meta["id"]): {**meta, field: changes[field]}})
    return changes


def _unset(asked: Iterable[str]) -> list[str]:
    fields = KINDS["task"].shape.keys
    names = [name.replace("-", "_") for name in asked]
    for name in names:
        if name not in fields or name in KEPT or fields[name].required:
            able = ", ".join(field for field in fields if field not in KEPT and not fields[field].required)
            raise StateError(
                "usage_invalid",
                f"--unset {shown(name)!r} is not one of: {able}",
                hint="platformctl schema show task",
            )
    return names


def _body(body: str, request: tasks.TaskRequest) -> str:
    from platformstate.codec.section_edit import with_section

    for heading, text in task_requests.asked_sections(request).items():
        body = with_section(body, heading, text, tuple(tasks.SECTIONS.values()))
    return body


def _sections(body: str) -> dict[str, str]:
    from platformstate.codec.sections import sections

    return sections(body)
