"""Judge what tasks claim to be proven, as of the judged tree; nothing is executed or asked of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.evidence_check import journal_fault, task_claims
from platformstate.actions.evidence_facts import Ground, Held, verdicts
from platformstate.core.document import Document
from platformstate.core.places import STORE_PATH, task_path
from platformstate.entities.statuses import claims_proof
from platformstate.errors import Problem
from platformstate.policy.evidence_rules import evidence_problems, moved_target

if TYPE_CHECKING:
    from platformstate.actions.contents import Scope
    from platformstate.actions.judging import Judging


def evidence_context(document: Document[Any]) -> Iterator[str]:
    """Yield the paths of the records without which a task's claims cannot be judged."""
    for criterion in document.meta.get("acceptance", ()):
        if criterion["state"] == "moved":
            yield task_path(moved_target(criterion)[0])
        for item in criterion.get("evidence", ()):
            if item["type"] in ("command", "operator"):
                yield item["proof"]
            elif item["type"] == "db-verify":
                yield from (item["path"], STORE_PATH)
            elif item["type"] == "receipt":
                yield from (item["path"], _journal_of(item["path"]))


def claim_problems(judging: Judging, documents: Sequence[Document[Any]]) -> Iterator[Problem]:
    """Yield what selected tasks claim without proof; one look at git serves them all."""
    asking = [each for each in documents if each.kind.name == "task" and claims_proof(each.meta)]
    claims = [(document.id, *row) for document in asking for row in task_claims(document.meta)]
    found = verdicts(_ground(judging), [claim for *_, claim in claims]) if claims else []
    by_task: dict[str, dict[tuple[str, int], Any]] = {document.id: {} for document in asking}
    for (task, criterion, index, _), verdict in zip(claims, found, strict=True):
        by_task[task][criterion, index] = verdict
    for document in asking:
        others = {task: _task(judging, task) for task in _moved_to(document)}
        yield from evidence_problems(document, by_task[document.id], others)


def _ground(judging: Judging) -> Ground:
    """Return what the judged tree's evidence is judged by: that commit, else HEAD and what is merged into it."""
    scope = judging.scope
    commits = _commits(scope)
    look = _look(judging)
    fault = journal_fault(look, lambda path: _bytes(judging, path))
    name = "HEAD" if scope.to_commit is None else scope.to_commit[:12]
    return Ground(scope.repository, name, commits, commits, look, None, fault, asks_roots=False)


def _commits(scope: Scope) -> tuple[str, ...]:
    from platformstate.gitrepo.versions import merge_heads

    if scope.to_commit is not None:
        return (scope.to_commit,)
    head = scope.repository.head
    return () if head is None else (head, *merge_heads(scope.repository))


def _look(judging: Judging) -> Any:
    def look(path: str) -> Held | None:
        data = _bytes(judging, path)
        if data is None:
            return None
        read = judging.judged.get(path)
        document = None if read is None else read.document
        blob = judging.names[path].oid or judging.scope.contents.oid(path, data)
        return Held(blob or "", None if document is None else document.meta)

    return look


def _bytes(judging: Judging, path: str) -> bytes | None:
    data = judging.data.get(path)
    return data if isinstance(data, bytes) else None


def _task(judging: Judging, task: str) -> Mapping[str, Any] | None:
    read = judging.judged.get(task_path(task))
    document = None if read is None else read.document
    return None if document is None else document.meta


def _moved_to(document: Document[Any]) -> set[str]:
    criteria = document.meta.get("acceptance", ())
    return {moved_target(each)[0] for each in criteria if each["state"] == "moved"}


def _journal_of(receipt: str) -> str:
    return receipt.removesuffix("run_receipt.json") + "events.jsonl"
