"""Judge what tasks claim to be proven, as of the judged tree; nothing is executed or asked of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.evidence_check import journal_fault, task_claims
from platformstate.actions.evidence_facts import Ground, Held, verdicts
from platformstate.core.document import Document
from platformstate.core.places import STORE_PATH, task_path
from platformstate.entities.statuses import claims_proof
from platformstate.errors import Problem
from platformstate.gitrepo.versions import paths_naming
from platformstate.policy.evidence_rules import breaks_moves, evidence_problems, moved_target
from platformstate.policy.history import FileHistory

if TYPE_CHECKING:
    from platformstate.actions.contents import Scope
    from platformstate.actions.judging_part import Part


def evidence_context(document: Document[Any], *, selected: bool) -> Iterator[str]:
    """Yield the paths of the records without which a task's claims cannot be judged.

    Of a task that is not selected only where its criteria moved on to.
    """
    for criterion in document.meta.get("acceptance", ()):
        if criterion["state"] == "moved":
            yield task_path(moved_target(criterion)[0])
        for item in criterion.get("evidence", ()) if selected else ():
            if item["type"] in ("command", "operator"):
                yield item["proof"]
            elif item["type"] == "db-verify":
                yield from (item["path"], STORE_PATH)
            elif item["type"] == "receipt":
                yield from (item["path"], _journal_of(item["path"]))


def claim_problems(part: Part, documents: Sequence[Document[Any]]) -> Iterator[Problem]:
    """Yield what selected tasks claim without proof; one look at git serves them all."""
    asking = [each for each in documents if each.kind.name == "task" and claims_proof(each.meta)]
    claims = [(document.id, *row) for document in asking for row in task_claims(document.meta)]
    found = verdicts(_ground(part), [claim for *_, claim in claims]) if claims else []
    by_task: dict[str, dict[tuple[str, int], Any]] = {document.id: {} for document in asking}
    for (task, criterion, index, _), verdict in zip(claims, found, strict=True):
        by_task[task][criterion, index] = verdict
    for document in asking:
        others = _moved_on(part, document)
        yield from evidence_problems(document, by_task[document.id], others)


def broken_moves(
    part: Part,
    changes: Sequence[FileHistory],
    load: Callable[[Iterable[str]], Sequence[Document[Any]]],
) -> Iterator[Problem]:
    """Yield the criteria that moved to one which the changes made ask for something else, or gave up."""
    names = [f"{each.document.id}#" for each in changes if each.document and may_break_moves(each)]
    paths = paths_naming(part.scope.repository, sorted(names), part.scope.to_commit)
    found = claim_problems(part, load(paths)) if paths else ()
    yield from (each for each in found if each.code == "criterion_move_broken")


def may_break_moves(change: FileHistory) -> bool:
    """Say whether a criterion of a task asks for something else than in a version before, or was given up."""
    if change.document is None or change.document.kind.name != "task":
        return False
    meta = change.document.meta
    return any(before is not None and breaks_moves(before, meta) for before in change.before_meta)


def _ground(part: Part) -> Ground:
    """Return what the judged tree's evidence is judged by: that commit, else HEAD and what is merged into it."""
    scope = part.scope
    commits = _commits(scope)
    look = _look(part)
    fault = journal_fault(look, lambda path: _bytes(part, path))
    name = "HEAD" if scope.to_commit is None else scope.to_commit[:12]
    return Ground(scope.repository, name, commits, commits, look, None, fault, asks_roots=False)


def _commits(scope: Scope) -> tuple[str, ...]:
    from platformstate.gitrepo.versions import merge_heads

    if scope.to_commit is not None:
        return (scope.to_commit,)
    head = scope.repository.head
    return () if head is None else (head, *merge_heads(scope.repository))


def _look(part: Part) -> Any:
    def look(path: str) -> Held | None:
        data = _bytes(part, path)
        if data is None:
            return None
        read = part.judged.get(path)
        document = None if read is None else read.document
        blob = part.names[path].oid or part.scope.contents.oid(path, data)
        return Held(blob or "", None if document is None else document.meta)

    return look


def _bytes(part: Part, path: str) -> bytes | None:
    data = part.data.get(path)
    return data if isinstance(data, bytes) else None


def _task(part: Part, task: str) -> Mapping[str, Any] | None:
    read = part.judged.get(task_path(task))
    document = None if read is None else read.document
    return None if document is None else document.meta


def _moved_on(part: Part, document: Document[Any]) -> dict[str, Mapping[str, Any] | None]:
    """Return the tasks to which criteria of a task moved, and those to which they moved on from there."""
    found: dict[str, Mapping[str, Any] | None] = {}
    queue = [document.meta]
    for meta in queue:
        for task in _moved_to(meta) - found.keys():
            found[task] = _task(part, task)
            queue.append(found[task] or {})
    return found


def _moved_to(meta: Mapping[str, Any]) -> set[str]:
    return {moved_target(each)[0] for each in meta.get("acceptance", ()) if each["state"] == "moved"}


def _journal_of(receipt: str) -> str:
    return receipt.removesuffix("run_receipt.json") + "events.jsonl"
