"""Turn `KIND:REF` as typed into an item of evidence, checked now; a command is executed for it.

    resolve(store, text, purpose=, task=, criterion=) -> Resolved(item, verdict, proof)
    refusal(resolved) -> StateError     evidence_refused, with the finding in `problems`

`purpose` says what the item is judged by: `checkpoint` any branch, `update` HEAD, `close` the target.
Without an item nothing could be recorded; an item whose verdict does not hold is not to be recorded
either, except an address, which is a pointer and never more. `proof` is the file that has to be
written with the item, in the same change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from platformstate.actions.evidence_check import branch_ground, head_ground, target_ground
from platformstate.actions.evidence_facts import Ground, verdicts
from platformstate.core.places import place_of, task_path
from platformstate.errors import Problem, StateError, shown
from platformstate.policy.closing import item_row
from platformstate.policy.evidence import (
    Claim,
    Finding,
    Verdict,
    absent_file,
    file_fault,
    parse,
    verdict_of,
)

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import FileChange

Purpose = Literal["checkpoint", "update", "close"]
LIMIT_S: Final = 600.0
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?P<place>[^/?#]*)", re.IGNORECASE)
_GROUNDS: Final[Mapping[str, Callable[[Store], Ground]]] = {
    "checkpoint": branch_ground,
    "update": head_ground,
    "close": target_ground,
}


class Resolved(NamedTuple):
    """What became of one `KIND:REF`; `path` is its task's record."""

    text: str
    item: dict[str, Any] | None
    verdict: Verdict
    proof: FileChange | None = None
    path: str = ""

    @property
    def may_be_recorded(self) -> bool:
        """Whether the item holds, or is a mere pointer."""
        return self.item is not None and (self.verdict.holds or self.verdict.type == "url")


class _Asked(NamedTuple):
    """One request: the store, what judges it, the task and criterion that it is for."""

    store: Store
    ground: Ground
    task: Mapping[str, Any]
    criterion: Mapping[str, Any] | None
    ref: str
    limit_s: float
    at: str

    def said(self, type_: str) -> dict[str, Any]:
        return {"type": type_, "ref": self.ref}

    def by(self) -> dict[str, str]:
        return {"at": self.at, "by": self.store.actor}


def resolve(
    store: Store,
    text: str,
    *,
    purpose: Purpose,
    task: Mapping[str, Any],
    criterion: Mapping[str, Any] | None = None,
    limit_s: float = LIMIT_S,
) -> Resolved:
    """Return an item of evidence for a task (its front matter), with the verdict on it.

    A command is executed, unless in a dry run. Raises: usage_invalid, operator_required,
    run_not_found, id_ambiguous, trust_ref_unset.
    """
    kind, ref = parse(text)
    asked = _Asked(store, _GROUNDS[purpose](store), task, criterion, ref, limit_s, store.now())
    return _BY_KIND[kind](asked)._replace(text=text, path=task_path(task["id"]))


def refusal(resolved: Resolved, criterion: str | None = None) -> StateError:
    """Return the error for evidence that does not hold or does not fit."""
    code, message, fix = item_row(resolved.verdict)
    return StateError(
        "evidence_refused",
        f"{shown(resolved.text)}: {resolved.verdict.detail}",
        hint=fix,
        problems=(Problem(resolved.path, 1, 1, code, message, fix, criterion=criterion),),
    )


def _checked(asked: _Asked, item: dict[str, Any]) -> Resolved:
    whole = {**item, **asked.by()}
    return Resolved("", whole, verdicts(asked.ground, [_claim(asked, whole)])[0])


def _claim(asked: _Asked, item: Mapping[str, Any]) -> Claim:
    name = proof = None
    if asked.criterion is not None:
        name, proof = asked.criterion["id"], asked.criterion["proof"]
    return Claim(item, asked.task["id"], name, proof, asked.task.get("base_commit"))


def _lost(asked: _Asked, type_: str, finding: Finding) -> Resolved:
    return Resolved("", None, verdict_of(type_, asked.ref, finding))


def _commit(asked: _Asked) -> Resolved:
    from platformstate.gitrepo import resolve_commit

    oid = resolve_commit(asked.store.repository, asked.ref)
    if oid is None:
        return _lost(asked, "commit", Finding("evidence_broken", "it names no commit here"))
    return _checked(asked, {**asked.said("commit"), "commit": oid})


def _file(asked: _Asked) -> Resolved:
    from platformstate.gitrepo.reach import entries_at
    from platformstate.policy.evidence import FileFacts
    from platformstate.validation.formats import is_repository_path

    path = asked.ref.removeprefix("./")
    if not is_repository_path(path):
        raise StateError(
            "usage_invalid",
            f"--evidence file:{shown(path)} is no path inside the repository, from its root",
            hint="--evidence file:docs/contract.md",
        )
    for head in asked.ground.heads:
        entry = entries_at(asked.store.repository, head, [path]).get(path)
        if entry is not None and entry.oid is not None:
            fault = file_fault(FileFacts(entry.mode, entry.oid, 1), path, asked.task["id"])
            if fault is not None:
                return _lost(asked, "file", fault)
            return _checked(asked, {**asked.said("file"), "path": path, "blob": entry.oid, "commit": head})
    own = file_fault(FileFacts("100644", "", 1), path, asked.task["id"])
    return _lost(asked, "file", own or absent_file(path, asked.ground.name))


def _url(asked: _Asked) -> Resolved:
    found = _ADDRESS.match(asked.ref)
    if found is None or "@" in found["place"]:
        reason = "is no address with its scheme" if found is None else "holds a user or password"
        raise StateError(
            "usage_invalid", f"--evidence url:… {reason}", hint="--evidence url:https://example.org/page"
        )
    return _checked(asked, {**asked.said("url"), "url": asked.ref})


def _receipt(asked: _Asked) -> Resolved:
    from platformstate.actions.run_site import find_run

    site = find_run(asked.store, asked.ref)
    if site.subject.startswith("task/"):
        text = "a run at a task is what the task's own worker says"
        return _lost(asked, "receipt", Finding("evidence_self_report", text))
    held = asked.ground.look(site.receipt)
    if held is None:
        return _lost(asked, "receipt", Finding("evidence_broken", "the run has left no receipt"))
    item = {**asked.said("receipt"), "path": site.receipt, "run": site.named, "blob": held.blob}
    return _checked(asked, item)


def _db_verify(asked: _Asked) -> Resolved:
    path = asked.ref.removeprefix("./")
    place = place_of(path)
    held = asked.ground.look(path) if place is not None and place.kind == "evidence" else None
    if held is None:
        return _lost(asked, "db-verify", Finding("evidence_broken", "(a) there is no such proof file"))
    return _checked(asked, {**asked.said("db-verify"), "path": path, "blob": held.blob})


def _operator(asked: _Asked) -> Resolved:
    from platformstate.actions.evidence_proof import operator_item
    from platformstate.actions.operators import require_operator

    require_operator(asked.store, "evidence of type operator")
    criterion = _criterion(asked, "operator")
    item, proof = operator_item(asked.store, asked.task["id"], criterion["id"], asked.ref, asked.at)
    finding = Finding(None, f"said by {asked.store.actor}")
    return _fitting(asked, item, finding, proof)


def _command(asked: _Asked) -> Resolved:
    from platformstate.actions.evidence_proof import DRY, execute
    from platformstate.entities.checkpoint import command_words

    criterion = _criterion(asked, "command")
    argv = command_words("--evidence command:", asked.ref)
    if asked.store.dry_run:
        return _fitting(asked, None, DRY, None)
    item, finding, proof = execute(
        asked.store, asked.ground, asked.task["id"], criterion["id"], argv, asked.ref, asked.limit_s
    )
    return _fitting(asked, item, finding, proof)


def _fitting(
    asked: _Asked, item: dict[str, Any] | None, finding: Finding, proof: FileChange | None
) -> Resolved:
    """Return what was recorded just now, unless its type cannot prove the criterion."""
    from platformstate.policy.evidence import fit_finding

    assert asked.criterion is not None
    kind = "operator" if item is not None and item["type"] == "operator" else "command"
    wrong = fit_finding(asked.criterion["proof"], kind)
    return Resolved("", item, verdict_of(kind, asked.ref, wrong or finding), None if wrong else proof)


def _criterion(asked: _Asked, type_: str) -> Mapping[str, Any]:
    if asked.criterion is not None:
        return asked.criterion
    raise StateError(
        "usage_invalid",
        f"evidence of type {type_} is recorded for one criterion, and none is named here",
        hint=f"platformctl task update {asked.task['id']} --evidence AC={type_}:…",
    )


_BY_KIND: Final[Mapping[str, Callable[[_Asked], Resolved]]] = {
    "commit": _commit,
    "file": _file,
    "command": _command,
    "receipt": _receipt,
    "db-verify": _db_verify,
    "operator": _operator,
    "url": _url,
}
