"""`evidence verify`: check every recorded item again, and run again the commands that may be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer
from platformstate.actions.evidence_check import (
    commit_ground,
    head_ground,
    target_ground,
    target_of,
    task_claims,
)
from platformstate.actions.evidence_facts import Ground, verdicts
from platformstate.actions.task_folder import not_a_file, read_tasks, task_not_found, unreadable
from platformstate.core.places import place_of, task_path
from platformstate.entities.statuses import DONE_OR_LATER
from platformstate.entities.task import criterion_named
from platformstate.errors import StateError
from platformstate.policy.evidence import BROKEN, HOLDS, VERDICTS, Claim, Verdict

if TYPE_CHECKING:
    from platformstate.core.tree import Tree
    from platformstate.store import Store

Tasks = Mapping[str, Mapping[str, Any]]


class _Row(NamedTuple):
    """One item of one criterion."""

    task: str
    criterion: str
    place: int
    claim: Claim


def verify_evidence(
    store: Store,
    *,
    task: str | None = None,
    all_tasks: bool = False,
    criterion: str | None = None,
    rev: str | None = None,
    strict: bool = False,
    execute: bool = False,
) -> Answer:
    """Check again the evidence of one task or of all; any that is broken makes the answer a no.

    Closed tasks are judged by the target, open ones by HEAD; with `rev` that commit judges, and holds
    the records. With `execute` a command that stands at the trusted ref too is run again, here. Raises:
    task_not_found, id_ambiguous, criterion_not_found, ref_not_found, trust_ref_unset, usage_invalid,
    state_invalid.
    """
    _refuse_vague(task, all_tasks, criterion)
    commit = None if rev is None else task_requests.revision(store.repository, rev)
    tasks = _tasks(store, store.tree(commit), task)
    rows = [row for meta in tasks.values() for row in _rows(meta, criterion)]
    found = _verdicts(store, tasks, rows, commit)
    if execute:
        found = _run_again(store, rows, found)
    judged_by = commit or target_of(store.repository).commit
    results = [_result(row, verdict) for row, verdict in zip(rows, found, strict=True)]
    counts = {name: sum(one.verdict == name for one in found) for name in VERDICTS}
    data = {"rev": judged_by, "results": results, "counts": counts}
    bad = len(found) - counts[HOLDS] if strict else counts[BROKEN]
    return Answer(data, error=_refusal(bad, results, strict) if bad else None)


def _refuse_vague(task: str | None, all_tasks: bool, criterion: str | None) -> None:
    if task is not None and all_tasks:
        raise StateError("usage_invalid", "--task and --all exclude each other", hint="give one of them")
    if criterion is not None and task is None:
        raise StateError("usage_invalid", "--criterion needs --task", hint="--task T --criterion AC")


def _tasks(store: Store, tree: Tree, prefix: str | None) -> Tasks:
    """Return the tasks to check, by id. Raises: task_not_found, id_ambiguous, state_invalid."""
    places = (place_of(entry.path) for entry in tree.entries("state/tasks"))
    known = sorted(place.id for place in places if place is not None and place.kind == "task")
    wanted = known if prefix is None else [task_requests.one_task(prefix, known)]
    found, problems = read_tasks(tree, wanted, follow=False)
    problems += [not_a_file(task_path(name)) for name in wanted if name in known and name not in found]
    if problems:
        raise unreadable(problems)
    if prefix is not None and wanted[0] not in found:
        raise task_not_found(wanted[0])
    return {name: found[name] for name in wanted}


def _rows(meta: Mapping[str, Any], criterion: str | None) -> list[_Row]:
    name = None if criterion is None else criterion_named(meta, criterion)
    return [
        _Row(meta["id"], owner, index, claim)
        for owner, index, claim in task_claims(meta)
        if name in (None, owner)
    ]


def _verdicts(store: Store, tasks: Tasks, rows: list[_Row], commit: str | None) -> list[Verdict]:
    if commit is not None:
        return verdicts(commit_ground(store, commit), [row.claim for row in rows])
    is_closed = [tasks[row.task]["status"] in DONE_OR_LATER for row in rows]
    found: list[Verdict | None] = [None] * len(rows)
    for closed, make in ((True, target_ground), (False, head_ground)):
        chosen = [place for place, done in enumerate(is_closed) if done == closed]
        if chosen:
            judged = verdicts(make(store), [rows[place].claim for place in chosen])
            for place, verdict in zip(chosen, judged, strict=True):
                found[place] = verdict
    return [verdict for verdict in found if verdict is not None]


def _run_again(store: Store, rows: list[_Row], found: list[Verdict]) -> list[Verdict]:
    """Run the commands that hold by their proof and stand at the trusted ref, each once."""
    names = {row.task for row, verdict in zip(rows, found, strict=True) if verdict.type == "command"}
    trusted = _trusted_items(store, names)
    ground = head_ground(store)
    ran: dict[tuple[str, ...], Verdict] = {}
    after = []
    for row, verdict in zip(rows, found, strict=True):
        if verdict.type != "command" or not verdict.holds:
            after.append(verdict)
        elif dict(row.claim.item) not in trusted.get((row.task, row.criterion), []):
            after.append(verdict._replace(detail=f"{verdict.detail}; not run: not at the trusted ref"))
        else:
            argv = tuple(row.claim.item["argv"])
            if argv not in ran:
                ran[argv] = _ran(store, ground, row, verdict)
            after.append(ran[argv]._replace(ref=verdict.ref))
    return after


def _trusted_items(store: Store, tasks: set[str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the items of these tasks that stand at the trusted ref, by task and criterion."""
    from platformstate.gitrepo.trust import trusted_ref

    trusted = trusted_ref(store.repository)
    if trusted is None or trusted.commit is None or not tasks:
        return {}
    metas, _ = read_tasks(store.tree(trusted.commit), sorted(tasks), follow=False)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for meta in metas.values():
        for criterion, _, claim in task_claims(meta):
            found.setdefault((meta["id"], criterion), []).append(dict(claim.item))
    return found


def _ran(store: Store, ground: Ground, row: _Row, before: Verdict) -> Verdict:
    from platformstate.actions.evidence_proof import DRY, execute
    from platformstate.actions.evidence_resolve import LIMIT_S
    from platformstate.policy.evidence import verdict_of

    item = row.claim.item
    if store.dry_run:
        return before._replace(detail=f"{before.detail}; {DRY.detail}")
    _, finding, _ = execute(store, ground, row.task, row.criterion, item["argv"], item["ref"], LIMIT_S)
    told = finding if finding.code else finding._replace(detail=f"{finding.detail}, run again")
    return verdict_of("command", item["ref"], told)


def _result(row: _Row, verdict: Verdict) -> dict[str, Any]:
    said = {key: value for key, value in verdict.as_json().items() if key != "recontacted"}
    return {"task": row.task, "criterion": row.criterion, "index": row.place, **said}


def _refusal(bad: int, results: list[dict[str, Any]], strict: bool) -> StateError:
    wanted = [one for one in results if one["verdict"] == BROKEN or (strict and one["verdict"] != HOLDS)]
    first = wanted[0]
    place = f"{first['task']}#{first['criterion']}"
    return StateError(
        "evidence_broken",
        f"{bad} of {len(results)} items do not hold; {place}: {first['detail']}",
        hint=f"platformctl task show {first['task']}",
    )
