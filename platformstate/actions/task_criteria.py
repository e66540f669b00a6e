"""`task move-criterion` and `task waive-criterion`: what becomes of a criterion that is not proven here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.fencing import refuse_claimed
from platformstate.actions.task_change import read_task, refuse_other_rev
from platformstate.core.places import task_path
from platformstate.entities.task import criterion_named
from platformstate.errors import StateError
from platformstate.policy import closing
from platformstate.policy.closing import Checked
from platformstate.policy.evidence import Finding, verdict_of
from platformstate.policy.repeats import is_repeat, mark_of, with_mark

if TYPE_CHECKING:
    from platformstate.core.document import Document
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange


def move_criterion(
    store: Store,
    prefix: str,
    criterion: str,
    to: str,
    *,
    reason: str | None = None,
    expect_rev: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Hand an open criterion over to another open task, which gains an equal one; one commit.

    Raises: task_not_found, id_ambiguous, criterion_not_found, criterion_not_open,
    criterion_target_closed, usage_invalid, claim_held, record_changed, idempotency_conflict, and what
    a write raises.
    """
    source, target = task_requests.task_id(store, prefix), task_requests.task_id(store, to)
    wanted = {"criterion": criterion, "to": target, "reason": reason}
    mark = mark_of(idempotency_key, "task.move-criterion", task=source, **wanted)
    done = store.write(lambda: _move(store, source, criterion, target, reason, expect_rev, mark))
    return written(done.change.data, done, (f"platformctl task show {done.change.data['to']['task']}",))


def waive_criterion(
    store: Store,
    prefix: str,
    criterion: str,
    reason: str,
    *,
    expect_rev: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Let an open criterion go, by an operator's word, which is recorded as a proof of its own.

    Raises: operator_required, task_not_found, id_ambiguous, criterion_not_found, criterion_not_open,
    record_changed, idempotency_conflict, and what a write raises.
    """
    from platformstate.actions.operators import require_operator

    require_operator(store, "waiving a criterion")
    task = task_requests.task_id(store, prefix)
    wanted = {"criterion": criterion, "reason": reason}
    mark = mark_of(idempotency_key, "task.waive-criterion", task=task, **wanted)
    done = store.write(lambda: _waive(store, task, criterion, reason, expect_rev, mark))
    return written(done.change.data, done)


def _move(
    store: Store,
    source: str,
    criterion: str,
    target: str,
    reason: str | None,
    expect_rev: str | None,
    mark: str | None,
) -> Change:
    from platformstate.store.change import Change

    before, document = read_task(store, source)
    if is_repeat(mark, document.meta.get("idempotency")):
        found = _criterion(document.meta, criterion)
        _refuse_undone(document.meta, found, "moved")
        name = str(found["moved_to"]).partition("#")[2]
        return Change(f"task: move-criterion {source}", (), (), _moved(source, found, target, name))
    _refuse_other_rev(store, source, before, expect_rev)
    data, other = read_task(store, target)
    refuse_claimed(store, source, "moving a criterion")
    found = _criterion(document.meta, criterion)
    left, gained, name = closing.moved(document.meta, found, other.meta, reason)
    trailers = (("Task", source), ("Task", target), ("Actor", store.actor))
    files = (_with_criteria(before, document, left, mark), _with_criteria(data, other, gained))
    answer = _moved(source, found, target, name)
    return Change(f"task: move-criterion {source}", trailers, files, answer)


def _moved(source: str, found: Mapping[str, Any], target: str, name: str) -> dict[str, Any]:
    return {
        "from": {"task": source, "criterion": found["id"]},
        "to": {"task": target, "criterion": name},
        "path": task_path(source),
    }


def _waive(
    store: Store, task: str, criterion: str, reason: str, expect_rev: str | None, mark: str | None
) -> Change:
    from platformstate.actions.evidence_proof import operator_item
    from platformstate.store.change import Change

    before, document = read_task(store, task)
    found = _criterion(document.meta, criterion)
    if is_repeat(mark, document.meta.get("idempotency")):
        _refuse_undone(document.meta, found, "waived")
        answer = _waived(store, document, found, before, reason)
        return Change(f"task: waive-criterion {task}", (), (), answer)
    _refuse_other_rev(store, task, before, expect_rev)
    if found["state"] != "open":
        raise closing.not_open(document.meta, found)
    item, proof = operator_item(store, task, found["id"], reason, store.now())
    evidence = [*found.get("evidence", ()), item]
    changes = {"state": "waived", "evidence": evidence, "reason": reason}
    acceptance = closing.changed_criterion(document.meta, found["id"], changes)
    change = _with_criteria(before, document, acceptance, mark)
    waived = document.with_changes(
        {"acceptance": acceptance, **with_mark(mark, document.meta.get("idempotency"))}
    )
    after = _criterion(waived.meta, found["id"])
    answer = _waived(store, waived, after, change.after or b"", reason)
    trailers = (("Task", task), ("Actor", store.actor))
    return Change(f"task: waive-criterion {task}", trailers, (change, proof), answer)


def _waived(
    store: Store, document: Document[Any], found: Mapping[str, Any], data: bytes, reason: str
) -> dict[str, Any]:
    from platformstate.gitrepo import blob_id

    rev = blob_id(data, store.repository.object_format)
    said = verdict_of("operator", reason, Finding(None, f"said by {store.actor}"))
    return {
        "task": task_requests.task_json(document.meta, rev),
        "criteria": [Checked(found, (said,)).as_json()],
        "path": document.path,
    }


def _refuse_undone(meta: Mapping[str, Any], found: Mapping[str, Any], state: str) -> None:
    """Refuse to answer again what was undone since: the answer would say of it that it holds."""
    if found["state"] != state:
        raise StateError(
            "idempotency_conflict",
            f"this key is of a request that holds no more: criterion {found['id']} of {meta['id']} "
            f"is {found['state']}",
            hint="use a new key to ask for it again",
        )


def _refuse_other_rev(store: Store, task: str, before: bytes, expect_rev: str | None) -> None:
    from platformstate.gitrepo import blob_id

    refuse_other_rev(task, blob_id(before, store.repository.object_format), expect_rev)


def _criterion(meta: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    wanted = criterion_named(meta, name)
    return next(each for each in meta["acceptance"] if each["id"] == wanted)


def _with_criteria(
    before: bytes, document: Document[Any], acceptance: list[dict[str, Any]], mark: str | None = None
) -> FileChange:
    from platformstate.codec.edit import text_of
    from platformstate.store.change import FileChange

    changes = {"acceptance": acceptance, **with_mark(mark, document.meta.get("idempotency"))}
    after = text_of(document.with_changes(changes)).encode()
    return FileChange(document.path, before, after)
