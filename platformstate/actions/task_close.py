"""`task close` and `task reopen`: a task is done when everything that proves it holds just now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.claim_remote import give_back
from platformstate.actions.evidence_check import claim_of, target_ground
from platformstate.actions.evidence_facts import verdicts
from platformstate.actions.evidence_resolve import LIMIT_S, Resolved, resolve
from platformstate.actions.task_change import change_task, read_task, refuse_other_rev
from platformstate.actions.task_folder import read_task_folder, read_tasks, unreadable
from platformstate.core.document import Document
from platformstate.core.places import task_path
from platformstate.entities.statuses import DONE_OR_LATER
from platformstate.errors import StateError, shown
from platformstate.policy import closing
from platformstate.policy.closing import Checked
from platformstate.policy.repeats import is_repeat, mark_of, with_mark

if TYPE_CHECKING:
    from platformstate.actions.evidence_recontact import Asked
    from platformstate.policy.chain import RunFacts
    from platformstate.policy.claims import Lease
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange

Given = list[tuple[str, Resolved]]


class _Wish(NamedTuple):
    """What a close was asked, with the evidence that was resolved for it before the lock."""

    task: str
    given: Given
    docs_only: bool
    expect_rev: str | None
    run: RunFacts | None
    asked: Asked
    mark: str | None = None


def close_task(
    store: Store,
    prefix: str,
    *,
    evidence: Sequence[str] = (),
    docs_only: bool = False,
    limit_s: float = LIMIT_S,
    expect_rev: str | None = None,
    inside_run: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Close a task when each criterion is proven now, moved or waived; else refuse and say why.

    `evidence` is `[AC=]KIND:REF`; a command in it is executed, except in a dry run. With the closing
    the task's lease is given back and the closer's own run ends as succeeded, in one commit. With a
    key, a task that the same request closed before is the answer.
    Raises: close_refused (problems, `data.criteria`), task_transition_refused, criterion_not_found,
    criterion_not_open, evidence_criterion_missing, operator_required, claim_held, claim_fenced,
    record_changed, trust_ref_unset, idempotency_conflict, and what a write raises.
    """
    task = task_requests.task_id(store, prefix)
    mark = mark_of(idempotency_key, "task.close", task=task, evidence=list(evidence), docs_only=docs_only)
    _, document = read_task(store, task)
    if is_repeat(mark, document.meta.get("idempotency")):
        done = store.write(lambda: _again(store, task))
        return written(
            {**done.change.data, "path": task_path(task)}, done, (f"platformctl task show {task}",)
        )
    closing.refuse_close(document.meta)
    run = _own_run(store, task, inside_run)
    given = _resolved(store, document, evidence, limit_s)
    wish = _Wish(task, given, docs_only, expect_rev, run, _asked(store, document, given), mark)
    with _held(store, task, run):
        done = store.write(lambda: _decide(store, wish))
    data = {**done.change.data, "path": task_path(task)}
    lease = done.change.lease
    warnings = () if lease is None else give_back(store, lease)
    return written(data, done, (f"platformctl task show {task}",), warnings)


def reopen_task(
    store: Store,
    prefix: str,
    reason: str,
    *,
    criteria: Sequence[str] = (),
    expect_rev: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Take a done task back to ready; criteria named, and those that no longer hold, are open again.

    Raises: task_transition_refused, criterion_not_found, criterion_not_open, record_changed,
    idempotency_conflict, and what a write raises.
    """

    def revise(document: Document[Any]) -> Document[Any]:
        meta = document.meta
        if meta["status"] != "done":
            raise StateError(
                "task_transition_refused",
                f"task {meta['id']} is {meta['status']}; only a done one is reopened",
                hint=f"platformctl task show {meta['id']}",
            )
        lost = [
            one.criterion["id"]
            for one in checked_criteria(store, meta, [])
            if one.criterion["state"] == "met" and not one.is_proven
        ]
        acceptance = closing.reopened(meta, criteria, lost)
        changes = {"status": "ready", "status_reason": reason, "acceptance": acceptance, "closed_at": None}
        return document.with_changes(changes)

    asked = {"reason": reason, "criteria": list(criteria)}
    return change_task(
        store, prefix, "reopen", revise, expect_rev=expect_rev, key=idempotency_key, asked=asked
    )


def checked_criteria(store: Store, meta: Any, given: Given) -> list[Checked]:
    """Return each criterion with the verdicts on its items, judged by the target."""
    claims = [
        (criterion["id"], claim_of(meta, criterion, item))
        for criterion in meta.get("acceptance", ())
        if criterion["state"] not in closing.SETTLED
        for item in criterion.get("evidence", ())
    ]
    found = verdicts(target_ground(store), [claim._replace(closed_at=None) for _, claim in claims])
    return [
        Checked(
            criterion,
            tuple(v for (name, _), v in zip(claims, found, strict=True) if name == criterion["id"]),
            tuple(one.verdict for name, one in given if name == criterion["id"]),
        )
        for criterion in meta.get("acceptance", ())
    ]


def _asked(store: Store, document: Document[Any], given: Given) -> Asked:
    """Ask the database about proofs of parity, before the lock: it may take its time to answer."""
    items = [
        item for criterion in document.meta.get("acceptance", ()) for item in criterion.get("evidence", ())
    ]
    items += [one.item for _, one in given if one.item is not None]
    refs = sorted({item["ref"] for item in items if item["type"] == "db-verify"})
    if not refs:
        return {}
    from platformstate.actions.evidence_recontact import ask_again

    return ask_again(store.root, refs)


def _confirmed(checked: list[Checked], asked: Asked) -> list[Checked]:
    if not asked:
        return checked
    from platformstate.actions.evidence_recontact import with_answer

    return [
        one._replace(
            recorded=tuple(with_answer(verdict, asked) for verdict in one.recorded),
            given=tuple(with_answer(verdict, asked) for verdict in one.given),
        )
        for one in checked
    ]


def _resolved(store: Store, document: Document[Any], texts: Sequence[str], limit_s: float) -> Given:
    asked = closing.assigned(document.meta, texts)
    return [
        (
            criterion["id"],
            resolve(
                store,
                text,
                purpose="close",
                task=document.meta,
                criterion=criterion,
                limit_s=limit_s,
            ),
        )
        for criterion, text in asked
    ]


def _decide(store: Store, wish: _Wish) -> Change:
    from platformstate.actions.fencing import refuse_claimed, refuse_fenced
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import Change

    folder = read_task_folder(store.tree(), wish.task)
    before, document = folder.data, folder.document
    if is_repeat(wish.mark, document.meta.get("idempotency")):
        return _again(store, wish.task)
    refuse_other_rev(wish.task, blob_id(before, store.repository.object_format), wish.expect_rev)
    refuse_fenced(store, folder, wish.run)
    refuse_claimed(store, wish.task, "closing")
    closing.refuse_close(document.meta)
    checked = _confirmed(checked_criteria(store, document.meta, wish.given), wish.asked)
    _refuse_unproven(store, document, checked, wish)
    at = store.now()
    closed = _closed(document, wish, at)
    files, lease = _ending(store, wish, at)
    proofs = [file for _, one in wish.given for file in one.files]
    change, rev = _file_change(store, before, closed)
    said = [
        one._replace(criterion=after) for one, after in zip(checked, closed.meta["acceptance"], strict=True)
    ]
    data = {
        "task": task_requests.task_json(closed.meta, rev),
        "criteria": [one.as_json() for one in said],
    }
    trailers = (("Task", wish.task), ("Actor", store.actor))
    return Change(f"task: close {wish.task}", trailers, (change, *proofs, *files), data, lease=lease)


def _again(store: Store, task: str) -> Change:
    """Return the change of nothing that answers a close which was made before, as the task stands now.

    Raises: idempotency_conflict when it does not stand closed: that answer would say done of what is not.
    """
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import Change

    before, document = read_task(store, task)
    if document.meta["status"] not in (*DONE_OR_LATER, "retired"):
        raise StateError(
            "idempotency_conflict",
            f"this key is of a close that does not stand any more: task {task} is {document.meta['status']}",
            hint="use a new key to close it again",
        )
    rev = blob_id(before, store.repository.object_format)
    data = {
        "task": task_requests.task_json(document.meta, rev),
        "criteria": [one.as_json() for one in checked_criteria(store, document.meta, [])],
    }
    return Change(f"task: close {task}", (), (), data)


def _refuse_unproven(store: Store, document: Document[Any], checked: list[Checked], wish: _Wish) -> None:
    """Raise close_refused with every finding; what a dry run did not execute is none."""
    assumed = [_without_unrun(store, one) for one in checked]
    names = document.meta.get("depends_on", ())
    known, broken = read_tasks(store.tree(), names, follow=False)
    if broken:
        raise unreadable(broken)
    needed = {name: str(known[name]["status"]) if name in known else None for name in names}
    problems = closing.close_problems(document, assumed, needed, docs_only=wish.docs_only)
    if not problems:
        return
    raise StateError(
        "close_refused",
        problems[0].message if len(problems) == 1 else f"{problems[0].message}; and {len(problems) - 1} more",
        hint=problems[0].fix,
        path=document.path,
        problems=problems,
        data={"criteria": [one.as_json() for one in checked]},
    )


def _without_unrun(store: Store, one: Checked) -> Checked:
    if not store.dry_run:
        return one
    given = tuple(
        verdict._replace(verdict="holds", code=None)
        if verdict.type == "command" and verdict.code == "evidence_unverifiable"
        else verdict
        for verdict in one.given
    )
    return one._replace(given=given)


def _closed(document: Document[Any], wish: _Wish, at: str) -> Document[Any]:
    items: dict[str, list[Any]] = {}
    for name, one in wish.given:
        if one.item is not None:
            items.setdefault(name, []).append(one.item)
    acceptance = closing.proven(document.meta["acceptance"], items)
    changes = {"status": "done", "status_reason": None, "acceptance": acceptance, "closed_at": at}
    return document.with_changes({**changes, **with_mark(wish.mark, document.meta.get("idempotency"))})


def _file_change(store: Store, before: bytes, document: Document[Any]) -> tuple[FileChange, str]:
    from platformstate.codec.edit import text_of
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import FileChange

    after = text_of(document).encode()
    return FileChange(document.path, before, after), blob_id(after, store.repository.object_format)


def _own_run(store: Store, task: str, inside_run: str | None) -> RunFacts | None:
    """Return the closer's run at the task: the wrapper's, or its own open one in this worktree."""
    from platformstate.entities import run as runs
    from platformstate.entities.run import OPEN
    from platformstate.store.place import place_of_work

    folder = read_task_folder(store.tree(), task)
    if inside_run is not None:
        named = [run for run in folder.runs if run.id == inside_run]
        if named and named[0].header["actor"] != store.actor:
            raise StateError(
                "actor_mismatch",
                f"this command runs inside a run of {named[0].header['actor']}, not of {shown(store.actor)}",
                hint=f"--actor {named[0].header['actor']}",
            )
        return next((run for run in named if run.header["status"] in OPEN), None)
    place = place_of_work(store.repository)
    own = [run for run in folder.runs if runs.works_here(run.header, store.actor, place)]
    return own[-1] if own else None


def _held(store: Store, task: str, run: RunFacts | None) -> AbstractContextManager[None]:
    from platformstate.actions.checkpoint_step import journal_held

    return nullcontext() if run is None else journal_held(store, task, run.id)


def _ending(store: Store, wish: _Wish, at: str) -> tuple[tuple[FileChange, ...], Lease | None]:
    """Return what ends the closer's run, and the task's lease given back."""
    from platformstate.actions.run_ending import ended
    from platformstate.policy.claims import released

    lease = store.session.claims.of(wish.task)
    standing = lease if lease is not None and lease.released_at is None else None
    if wish.run is None:
        return (), None if standing is None else released(standing, at)
    folder = read_task_folder(store.tree(), wish.task)
    run = next(run for run in folder.runs if run.id == wish.run.id)
    done = ended(store, folder, run, "succeeded", at, lease=standing)
    return done.files, done.lease
