"""`task update --evidence`: check evidence, attach it, and call a criterion met that it proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions.evidence_resolve import LIMIT_S, Resolved, refusal, resolve
from platformstate.entities.task import highest_criterion
from platformstate.errors import StateError
from platformstate.policy import closing
from platformstate.policy.evidence import parse_for_criterion
from platformstate.policy.lifecycle import NEEDS_LIVE_PROOF

if TYPE_CHECKING:
    from platformstate.core.document import Document
    from platformstate.store import Store
    from platformstate.store.change import FileChange


class Attached(NamedTuple):
    """Evidence that may be recorded, and the criterion it is for; one that is `added` comes with it."""

    criterion: Mapping[str, Any]
    resolved: Resolved
    added: bool = False


def resolved_for(
    store: Store, meta: Mapping[str, Any], request: Mapping[str, Any], *, limit_s: float = LIMIT_S
) -> list[Attached]:
    """Return each `[AC=]KIND:REF` of a request, checked now; a command in it is executed.

    With a status that needs live proof, one without AC brings a live criterion of its own. Raises:
    evidence_refused, evidence_criterion_missing, criterion_not_found, criterion_not_open,
    operator_required, usage_invalid.
    """
    found: list[Attached] = []
    for text in request.get("evidence", ()):
        added = _added(meta, request, text, len([one for one in found if one.added]))
        if added is None:
            criterion, text = closing.assigned(meta, [text])[0]
        one = resolve(store, text, purpose="update", task=meta, criterion=added or criterion, limit_s=limit_s)
        unrun = store.dry_run and one.verdict.type == "command" and one.item is None
        if not one.may_be_recorded and not (unrun and one.verdict.code == "evidence_unverifiable"):
            raise refusal(one, str((added or criterion)["id"]))
        found.append(Attached(added or criterion, one, added is not None))
    return found


def with_evidence(document: Document[Any], given: Sequence[Attached]) -> Document[Any]:
    """Return a task with evidence attached; its criterion is met when the evidence holds and fits.

    Raises: criterion_not_found, criterion_not_open when the task has changed since it was resolved.
    """
    for one in given:
        if one.resolved.item is None:
            continue
        meta = document.meta
        acceptance = [dict(criterion) for criterion in meta.get("acceptance", ())]
        name = one.criterion["id"]
        if one.added:
            _refuse_taken(meta, name)
            acceptance.append(dict(one.criterion))
        present = closing.assigned({**meta, "acceptance": acceptance}, [f"{name}={one.resolved.text}"])[0][0]
        changes: dict[str, Any] = {"evidence": [*present.get("evidence", ()), one.resolved.item]}
        changes |= {"state": "met"} if one.resolved.verdict.holds else {}
        changed = closing.changed_criterion({"acceptance": acceptance}, name, changes)
        document = document.with_changes({"acceptance": changed})
    return document


def proof_files(given: Sequence[Attached]) -> tuple[FileChange, ...]:
    """Return the proofs that have to be written with the evidence."""
    return tuple(one.resolved.proof for one in given if one.resolved.proof is not None)


def _refuse_taken(meta: Mapping[str, Any], name: str) -> None:
    """Raise record_changed when somebody else has added a criterion of this id meanwhile."""
    if any(criterion["id"] == name for criterion in meta.get("acceptance", ())):
        raise StateError(
            "record_changed",
            f"task {meta['id']} has gained a criterion {name} meanwhile",
            hint="repeat the command",
            retryable=True,
        )


def _added(
    meta: Mapping[str, Any], request: Mapping[str, Any], text: str, before: int
) -> dict[str, Any] | None:
    """Return the criterion that live proof of a later status brings with it."""
    status = request.get("status")
    if status not in NEEDS_LIVE_PROOF or parse_for_criterion(text)[0] is not None:
        return None
    number = highest_criterion(meta.get("acceptance", ())) + 1 + before
    return {"id": f"ac{number}", "text": f"It is {status}", "proof": "live", "state": "open"}
