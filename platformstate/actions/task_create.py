"""`task create`: a new record from flags, from a packet, or from both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.task_folder import read_tasks, task_not_found, unreadable
from platformstate.core import ids
from platformstate.core.document import Document
from platformstate.core.places import task_path
from platformstate.entities import task as tasks
from platformstate.entities.kinds import TASK
from platformstate.errors import Problem, StateError, shown
from platformstate.policy import lifecycle, ready
from platformstate.policy.repeats import is_repeat, repeat_mark

if TYPE_CHECKING:
    from platformstate.actions.packet import Packet
    from platformstate.store import Store
    from platformstate.store.change import Change


def create_task(
    store: Store,
    request: tasks.TaskRequest,
    *,
    packet: Packet | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Create a task; with criteria it is ready, without it is in intake.

    Raises: usage_invalid without a title, task_exists, task_not_found, task_dependency_cycle,
    task_has_no_criteria, accept_proof_unknown, idempotency_conflict, and what a write raises.
    """
    mark = None
    if idempotency_key is not None:
        asked = {"op": "task.create", **request, **({} if packet is None else {"from": packet.as_json()})}
        mark = repeat_mark(idempotency_key, asked)
    done = store.write(lambda: _decide(store, request, packet, mark))
    meta, rev, created = done.change.data
    shown = task_requests.task_json(meta, rev)
    data = {"task": shown, "created": created, "changed": [], "path": shown["path"]}
    return written(data, done, next=_next(meta) if created else ())


def _decide(store: Store, request: tasks.TaskRequest, packet: Packet | None, mark: str | None) -> Change:
    from platformstate.codec.render import canonical
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import Change, FileChange

    format_ = store.repository.object_format
    earlier = None if mark is None else _earlier(store, mark)
    if earlier is not None:
        document, data = earlier
        subject = f"task: create {document.id}"
        return Change(subject, (), (), (document.meta, blob_id(data, format_), False))
    meta, body = _record(store, request, packet)
    if mark is not None:
        meta["idempotency"] = mark
    path = task_path(meta["id"])
    if any(entry.path == path for entry in store.tree().entries(path)):  # not a link on the way
        raise StateError(
            "task_exists", f"there is a task {meta['id']} already", hint=f"platformctl task show {meta['id']}"
        )
    data = canonical(Document(TASK, path, meta, body)).encode()
    trailers = (("Task", meta["id"]), ("Actor", store.actor))
    result = (meta, blob_id(data, format_), True)
    return Change(f"task: create {meta['id']}", trailers, (FileChange(path, None, data),), result)


def _record(store: Store, request: tasks.TaskRequest, packet: Packet | None) -> tuple[Any, str]:
    """Return front matter and body of the new task: what the packet says, flags over it."""
    fields: dict[str, Any] = dict(packet.fields) if packet is not None else {}
    fields |= tasks.asked_fields(request)
    if fields.get("title", "") in ("", tasks.PLACEHOLDER_TITLE):
        raise StateError(
            "usage_invalid", "a task needs --title, or --from with one", hint='--title "what is wanted"'
        )
    accepted = [] if "accept" in request else fields.get("acceptance", [])
    fields["acceptance"] = tasks.with_criteria(accepted, request)
    _add_lookups(store, fields, request, packet)
    if "plan" in request:
        fields["plan"] = tasks.with_plan((), request["plan"])
    if budget := tasks.asked_budget(request):
        fields["budget"] = {**fields.get("budget", {}), **budget}
    meta = {
        "schema": "task/1",
        "id": _id(store, request, str(fields["title"])),
        "labels": [],
        **fields,
        "status": lifecycle.status_at_creation(request.get("status"), fields["acceptance"]),
        "created_at": store.now(),
        "created_by": store.actor,
    }
    _refuse_dependencies(store, meta)
    return meta, _body(request, packet)


def _add_lookups(
    store: Store, fields: dict[str, Any], request: tasks.TaskRequest, packet: Packet | None
) -> None:
    if packet is not None and "approval" in request:
        listed = [*packet.fields.get("approvals_needed", ()), *request["approval"]]
        fields["approvals_needed"] = tasks.without_repeats(listed)
    if "spec_ref" in request:
        fields["spec_refs"] = task_requests.spec_refs(store, request["spec_ref"])
    if "depends_on" in request:
        _refuse_itself(request)
        fields["depends_on"] = task_requests.task_ids(store, request["depends_on"])
    fields.setdefault("depends_on", [])
    base = task_requests.base_commit(store.repository, request.get("base"), fields.pop("base_commit", None))
    if base is not None:
        fields["base_commit"] = base


def _refuse_itself(request: tasks.TaskRequest) -> None:
    """Name the cycle before the new task is looked up among those that exist."""
    own = request.get("id", "")
    if own in request["depends_on"]:
        ready.refuse_cycle(own, {own: {"depends_on": [own]}}, hint=f"leave out --depends-on {own}")


def _id(store: Store, request: tasks.TaskRequest, title: str) -> str:
    given = request.get("id", tasks.PLACEHOLDER_ID)
    if given == tasks.PLACEHOLDER_ID:
        return ids.new_task_id(title, store.chance)
    if not ids.is_id(given):
        raise _bad_id(given)
    return given


def _bad_id(given: str) -> StateError:
    message = (
        f"{shown(given)!r} is no id: lower-case letters, digits, single dashes, at most {ids.MAX_LENGTH}"
    )
    fix = f"--id {ids.slug(given)[: ids.MAX_LENGTH].strip('-') or 'gh-460'}"
    problem = Problem("state/tasks", 1, 1, "id_invalid", message, fix, "/id")
    return StateError("record_invalid", message, hint=fix, problems=(problem,))


def _refuse_dependencies(store: Store, meta: dict[str, Any]) -> None:
    if not meta["depends_on"]:
        return
    known, problems = read_tasks(store.tree(), meta["depends_on"])
    if problems:
        raise unreadable(problems)
    missing = [name for name in meta["depends_on"] if name not in known and name != meta["id"]]
    if missing:
        raise task_not_found(missing[0])
    ready.refuse_cycle(meta["id"], {**known, meta["id"]: meta})


def _body(request: tasks.TaskRequest, packet: Packet | None) -> str:
    from platformstate.codec.section_edit import with_section
    from platformstate.codec.sections import body_of

    asked = task_requests.asked_sections(request)
    if packet is None:
        return body_of({heading: text for heading, text in asked.items() if text})
    body = packet.body
    for heading, text in asked.items():
        body = with_section(body, heading, text, tuple(tasks.SECTIONS.values()))
    return body


def _earlier(store: Store, mark: str) -> tuple[Document[Any], bytes] | None:
    """Return the task that the same request made before, and its bytes. Raises: idempotency_conflict."""
    from platformstate.validation import read

    tree = store.tree()
    key = mark.partition(".")[0].encode()
    for path, data in tree.read(task_path(name) for name in store.ids(TASK)):
        if key in data:
            document = read(data, path).document
            if document is not None and is_repeat(mark, document.meta.get("idempotency")):
                return document, data
    return None


def _next(meta: dict[str, Any]) -> tuple[str, ...]:
    if not meta["acceptance"]:
        return (lifecycle.ready_command(meta["id"]),)
    if meta["status"] != "ready":
        return (f"platformctl task update {meta['id']} --status ready",)
    start = (
        f'platformctl memory checkpoint create --task {meta["id"]} --kind start --summary "what is planned"'
    )
    return (start, f"platformctl memory brief --task {meta['id']}")
