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
from platformstate.policy import closing
from platformstate.policy.closing import Checked
from platformstate.policy.evidence import Finding, verdict_of

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
) -> Answer:
    """Hand an open criterion over to another open task, which gains an equal one; one commit.

    Raises: task_not_found, id_ambiguous, criterion_not_found, criterion_not_open,
    criterion_target_closed, usage_invalid, claim_held, record_changed, and what a write raises.
    """
    done = store.write(lambda: _move(store, prefix, criterion, to, reason, expect_rev))
    return written(done.change.data, done, (f"platformctl task show {done.change.data['to']['task']}",))


def waive_criterion(
    store: Store, prefix: str, criterion: str, reason: str, *, expect_rev: str | None = None
) -> Answer:
    """Let an open criterion go, by an operator's word, which is recorded as a proof of its own.

    Raises: operator_required, task_not_found, id_ambiguous, criterion_not_found, criterion_not_open,
    record_changed, and what a write raises.
    """
    from platformstate.actions.operators import require_operator

    require_operator(store, "waiving a criterion")
    done = store.write(lambda: _waive(store, prefix, criterion, reason, expect_rev))
    return written(done.change.data, done)


def _move(
    store: Store, prefix: str, criterion: str, to: str, reason: str | None, expect_rev: str | None
) -> Change:
    from platformstate.store.change import Change

    source, target = task_requests.task_id(store, prefix), task_requests.task_id(store, to)
    before, document = _read(store, source, expect_rev)
    data, other = read_task(store, target)
    refuse_claimed(store, source, "moving a criterion")
    found = _criterion(document.meta, criterion)
    left, gained, name = closing.moved(document.meta, found, other.meta, reason)
    trailers = (("Task", source), ("Task", target), ("Actor", store.actor))
    files = (_with_criteria(before, document, left), _with_criteria(data, other, gained))
    answer = {
        "from": {"task": source, "criterion": found["id"]},
        "to": {"task": target, "criterion": name},
        "path": task_path(source),
    }
    return Change(f"task: move-criterion {source}", trailers, files, answer)


def _waive(store: Store, prefix: str, criterion: str, reason: str, expect_rev: str | None) -> Change:
    from platformstate.actions.evidence_proof import operator_item
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import Change

    task = task_requests.task_id(store, prefix)
    before, document = _read(store, task, expect_rev)
    found = _criterion(document.meta, criterion)
    if found["state"] != "open":
        raise closing.not_open(document.meta, found)
    item, proof = operator_item(store, task, found["id"], reason, store.now())
    evidence = [*found.get("evidence", ()), item]
    changes = {"state": "waived", "evidence": evidence, "reason": reason}
    acceptance = closing.changed_criterion(document.meta, found["id"], changes)
    change = _with_criteria(before, document, acceptance)
    meta = {**document.meta, "acceptance": acceptance}
    rev = blob_id(change.after or b"", store.repository.object_format)
    said = verdict_of("operator", reason, Finding(None, f"said by {store.actor}"))
    after = _criterion(meta, found["id"])
    answer = {
        "task": task_requests.task_json(meta, rev),
        "criteria": [Checked(after, (said,)).as_json()],
        "path": document.path,
    }
    trailers = (("Task", task), ("Actor", store.actor))
    return Change(f"task: waive-criterion {task}", trailers, (change, proof), answer)


def _read(store: Store, task: str, expect_rev: str | None) -> tuple[bytes, Document[Any]]:
    from platformstate.gitrepo import blob_id

    before, document = read_task(store, task)
    refuse_other_rev(task, blob_id(before, store.repository.object_format), expect_rev)
    return before, document


def _criterion(meta: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    wanted = criterion_named(meta, name)
    return next(each for each in meta["acceptance"] if each["id"] == wanted)


def _with_criteria(before: bytes, document: Document[Any], acceptance: list[dict[str, Any]]) -> FileChange:
    from platformstate.codec.edit import text_of
    from platformstate.store.change import FileChange

    after = text_of(document.with_changes({"acceptance": acceptance})).encode()
    return FileChange(document.path, before, after)
