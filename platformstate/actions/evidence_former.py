"""Which closings were proven on a database that the operator called live before they named another.

A closing stands when the trusted history itself holds it, word for word, in the last commit at which the
proof's database was the live one. So nothing that is closed or written later can borrow a former database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from platformstate.core.places import STORE_PATH, task_path
from platformstate.policy.evidence import Claim
from platformstate.policy.parity import is_of

if TYPE_CHECKING:
    from platformstate.gitrepo import Repository

MAX_VERSIONS: Final = 32
Proofs = Sequence[tuple[Claim, Mapping[str, Any]]]
Closing = tuple[object, ...]


def closing_of(claim: Claim) -> Closing:
    """Return what has to be the same for a closing to be the same one."""
    item = claim.item
    return (claim.task, claim.criterion, claim.proof, claim.closed_at, item["path"], item["blob"])


def closed_before(repository: Repository, trusted: str, proofs: Proofs) -> frozenset[Closing]:
    """Return the closings that stand on a former live database, of claims with their proofs. Three children."""
    from platformstate.gitrepo import read_blobs
    from platformstate.gitrepo.reach import before_changes

    if not proofs:
        return frozenset()
    before = before_changes(repository, trusted, STORE_PATH, MAX_VERSIONS)
    stores = read_blobs(repository, [f"{commit}:{STORE_PATH}" for commit in before])
    lived = list(zip(before, (_live(data) for data in stores), strict=True))
    asked = {
        (commit, claim.task): None
        for claim, proof in proofs
        for commit, live in lived
        if live is not None and is_of(proof, live)
    }
    tasks = read_blobs(repository, [f"{commit}:{task_path(task)}" for commit, task in asked])
    closings = [each for (_, task), data in zip(asked, tasks, strict=True) for each in _closings(task, data)]
    return frozenset(closings)


def _live(data: bytes | None) -> Mapping[str, Any] | None:
    from platformstate.store.reading import judged

    document = None if data is None else judged(data, STORE_PATH).document
    return None if document is None else document.meta.get("live_database")


def _closings(task: str, data: bytes | None) -> list[Closing]:
    from platformstate.actions.evidence_check import task_claims
    from platformstate.store.reading import judged

    document = None if data is None else judged(data, task_path(task)).document
    if document is None or document.meta.get("closed_at") is None:
        return []
    claims = [claim for *_, claim in task_claims(document.meta, states=("met",))]
    return [closing_of(claim) for claim in claims if claim.item["type"] == "db-verify"]
