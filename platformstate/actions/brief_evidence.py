"""Check again, for a reader, the evidence that checkpoints and criteria point to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.errors import StateError
from platformstate.policy.chain import CheckpointFacts
from platformstate.policy.ground_truth import MAX_EVIDENCE, Verdicts

if TYPE_CHECKING:
    from platformstate.policy.evidence import Claim
    from platformstate.store import Store


def checkpoint_verdicts(
    store: Store,
    said: Sequence[CheckpointFacts],
    task: str,
    at: str | None = None,
    *,
    limit: int | None = MAX_EVIDENCE,
) -> Verdicts:
    """Return a verdict for each of the first items of these checkpoints, by checkpoint and place.

    They are judged by any branch here, or by the commit `at` alone.
    """
    listed = [(c.id, number, item) for c in said for number, item in enumerate(c.meta.get("evidence", ()))]
    wanted = listed[:limit]
    if not wanted:
        return {}
    from platformstate.actions.evidence_check import branch_ground, commit_ground
    from platformstate.actions.evidence_facts import verdicts
    from platformstate.policy.evidence import Claim

    ground = branch_ground(store) if at is None else commit_ground(store, at)
    found = verdicts(ground, [Claim(item, task) for _, _, item in wanted])
    return {
        (name, number): verdict.as_json() for (name, number, _), verdict in zip(wanted, found, strict=True)
    }


def criterion_verdicts(store: Store, task: Mapping[str, Any], at: str | None = None) -> Verdicts:
    """Return a verdict for each item of a task's criteria.

    They are judged by HEAD while it is open, by the target once it is done, or by a commit alone.
    """
    if not any(criterion.get("evidence") for criterion in task.get("acceptance", ())):
        return {}
    from platformstate.actions.evidence_check import commit_ground, standing_ground, task_claims
    from platformstate.actions.evidence_facts import verdicts

    listed = list(task_claims(task))
    try:
        ground = standing_ground(store, task) if at is None else commit_ground(store, at)
    except StateError as unset:  # a trusted ref that is not here: nothing can be judged by it
        return {(name, number): _unjudged(claim, unset.message) for name, number, claim in listed}
    found = verdicts(ground, [claim for _, _, claim in listed])
    return {
        (name, number): verdict.as_json() for (name, number, _), verdict in zip(listed, found, strict=True)
    }


def _unjudged(claim: Claim, reason: str) -> dict[str, Any]:
    item = claim.item
    return {"type": item["type"], "ref": item["ref"], "verdict": "unverifiable", "detail": reason}
