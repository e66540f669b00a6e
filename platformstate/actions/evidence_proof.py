"""Make the proof files of `state/evidence/`: what a command gave, what an operator said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from platformstate.core import ids
from platformstate.core.instants import stamp
from platformstate.core.places import evidence_path
from platformstate.policy.evidence import Finding

if TYPE_CHECKING:
    from platformstate.actions.evidence_facts import Ground
    from platformstate.entities.shapes import Evidence
    from platformstate.store import Store
    from platformstate.store.change import FileChange

DRY: Final = Finding("evidence_unverifiable", "a dry run runs no command")
_NO_COMMIT: Final = Finding("evidence_not_on_target", "there is no commit yet that it could prove")
_DIRTY: Final = Finding("evidence_dirty_tree", "tracked files outside state/ differ from HEAD")
MAX_TAIL_BYTES: Final = 4096


def proof_file(store: Store, type_: str, at: str, facts: Mapping[str, Any]) -> FileChange:
    """Return a new proof file with these facts; its id says type and second."""
    from platformstate.codec.render import canonical
    from platformstate.core.document import Document
    from platformstate.entities.kinds import EVIDENCE
    from platformstate.store.change import FileChange

    name = f"{type_}-{ids.new_timed_id(stamp(at), store.chance)}"
    meta = {"schema": "evidence/1", "id": name, "type": type_, "at": at, "by": store.actor, **facts}
    path = evidence_path(name)
    return FileChange(path, None, canonical(Document(EVIDENCE, path, cast("Evidence", meta))).encode())


def operator_item(
    store: Store, task: str, criterion: str, note: str, at: str
) -> tuple[dict[str, Any], FileChange]:
    """Return an operator's word about a criterion as an item, and the file that records it."""
    facts = {"task": task, "criterion": criterion, "note": note, "commit": store.repository.head}
    proof = proof_file(store, "operator", at, facts)
    item = {"type": "operator", "ref": note, "note": note, "proof": proof.path, "at": at, "by": store.actor}
    return item, proof


def execute(
    store: Store,
    ground: Ground,
    task: str,
    criterion: str,
    argv: Sequence[str],
    ref: str,
    limit_s: float,
) -> tuple[dict[str, Any] | None, Finding, FileChange | None]:
    """Run a command at the root as it stands in HEAD; return its item, what was found, its proof file.

    Nothing is run on changed files or where HEAD is not in the judged history. A proof is made only
    of a command that passed.
    """
    head = store.repository.head
    if (early := _unfit(store, ground, head)) is not None or head is None:
        return None, early or _NO_COMMIT, None
    from platformstate.runner import run_command

    at, branch = store.now(), store.repository.head_ref()
    ran = run_command(argv, store.root, limit_s=limit_s)
    if ran.is_timed_out:
        return None, Finding("command_timed_out", f"it was stopped after {limit_s:g} s"), None
    if ran.exit_code:
        return None, Finding("command_failed", f"exit {ran.exit_code}: {_last_line(ran.output)}"), None
    if (late := _unfit(store, ground, head) or _moved(store, head, branch)) is not None:
        return None, late, None
    facts = {"argv": list(argv), "exit_code": 0, "commit": head, "output_sha256": ran.output_sha256}
    more = {"started_at": at, "duration_ms": ran.ms, "output_tail": _tail(ran.output)}
    done = store.now()
    proof = proof_file(store, "command", done, {"task": task, "criterion": criterion, **facts, **more})
    item = {"type": "command", "ref": ref, **facts, "proof": proof.path, "at": done, "by": store.actor}
    return item, Finding(None, f"exit 0 at {head[:12]}"), proof


def _unfit(store: Store, ground: Ground, head: str | None) -> Finding | None:
    from platformstate.gitrepo.reach import outside, tracked_changes

    if head is None:
        return _NO_COMMIT
    if outside(store.repository, [head], ground.tips):
        return Finding("evidence_not_on_target", f"HEAD is not in the history of {ground.name}")
    return _DIRTY if tracked_changes(store.repository) else None


def _moved(store: Store, head: str, branch: str | None) -> Finding | None:
    """Return what the command did to HEAD; another's commit of state alone, made meanwhile, is no matter."""
    from platformstate.gitrepo.reach import committed_since

    if store.repository.head_ref() != branch:
        return Finding("evidence_dirty_tree", "another branch was checked out while it ran")
    if committed_since(store.repository, head):
        return Finding("evidence_dirty_tree", f"HEAD has other files than {head[:12]}, at which it began")
    return None


def _tail(output: str) -> str:
    return output.encode()[-MAX_TAIL_BYTES:].decode("utf-8", "ignore")


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1][:200] if lines else "it printed nothing"
