"""`task update`: change fields, lists, sections and the status of one task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer
from platformstate.actions.task_change import change_task, read_task
from platformstate.actions.task_folder import read_tasks, unreadable
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.places import place_of
from platformstate.entities import task as tasks
from platformstate.errors import StateError, shown
from platformstate.policy import lifecycle, ready
from platformstate.policy.repeats import is_repeat, mark_of

if TYPE_CHECKING:
    from platformstate.entities.shapes import Task
    from platformstate.store import Store

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

    Raises: task_not_found, id_ambiguous, state_invalid, path_symlink, record_changed, claim_held,
    claim_fenced, task_close_required, task_transition_refused, task_has_no_criteria,
    task_dependency_cycle, usage_invalid, idempotency_conflict,
    evidence_refused, evidence_criterion_missing, criterion_not_open, operator_required, and what a
    write raises.
    """
    if not request:
        raise StateError(
            "usage_invalid", "task update needs something to change", hint="platformctl task update --help"
        )
    if "evidence" in request:
        return _update_with_evidence(store, task_id, request, expect_rev, idempotency_key)
    return change_task(
        store,
        task_id,
        "update",
        lambda document: _updated(store, document, request),
        expect_rev=expect_rev,
        key=idempotency_key,
        asked=request,
    )


def _update_with_evidence(
    store: Store, task_id: str, request: tasks.TaskRequest, expect_rev: str | None, key: str | None
) -> Answer:
    """Check the evidence first, since a command in it may take its time; then change the task."""
    from platformstate.actions.task_evidence import proof_files, resolved_for, with_evidence

    name = task_requests.task_id(store, task_id)
    meta = read_task(store, name)[1].meta
    repeated = is_repeat(mark_of(key, "task.update", task=name, **request), meta.get("idempotency"))
    given = [] if repeated else resolved_for(store, meta, request)
    return change_task(
        store,
        name,
        "update",
        lambda document: _updated(store, with_evidence(document, given), request),
        expect_rev=expect_rev,
        proofs=proof_files(given),
        key=key,
        asked=request,
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
    return changed.with_changes(_status(store, changed.meta, request))


def _status(store: Store, meta: Mapping[str, Any], request: tasks.TaskRequest) -> dict[str, Any]:
    if "status" in request:
        if request["status"] == "retired":
            _refuse_given_up(store, meta)
        return lifecycle.status_changes(meta, request["status"], request.get("reason"))
    if "reason" in request:
        raise StateError(
            "usage_invalid",
            "--reason says why a status is set; it goes with --status",
            hint="--status parked --reason",
        )
    return {}


def _refuse_given_up(store: Store, meta: Mapping[str, Any]) -> None:
    """Refuse to retire a task with an open criterion that another task handed to it: nobody would prove it."""
    from platformstate.gitrepo.versions import paths_naming
    from platformstate.policy.evidence_rules import is_dropped

    task = str(meta["id"])
    mine = {f"{task}#{each['id']}" for each in meta.get("acceptance", ()) if each["state"] == "open"}
    paths = paths_naming(store.repository, [f"{task}#"]) if mine else []
    places = (place_of(path) for path in paths)
    known, _ = read_tasks(store.tree(), [each.id for each in places if each and each.kind == "task"])
    for name, other in known.items():
        for criterion in () if is_dropped(other) else other.get("acceptance", ()):
            if criterion.get("moved_to") in mine:
                open_one = criterion["moved_to"].partition("#")[2]
                raise StateError(
                    "task_transition_refused",
                    f"criterion {open_one} came from {name}, and nobody has proven it",
                    hint=f"platformctl task move-criterion {task} {open_one} --to TASK, "
                    f"or an operator: platformctl task waive-criterion {task} {open_one} --reason R",
                )


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
