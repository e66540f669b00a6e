"""A checkpoint step: the run says by itself where it stands. Written again it is no change."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from platformstate.core import ids
from platformstate.core.document import Document
from platformstate.core.instants import instant, moment, stamp
from platformstate.core.places import checkpoint_path
from platformstate.entities.kinds import CHECKPOINT
from platformstate.entities.step import CheckpointStep
from platformstate.files import WorkTree

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.entities.shapes import Checkpoint

_SUFFIXES: Final = len(ids.ALPHABET) ** 6
_RUN_STAMP: Final = 16


def record_checkpoint(conduct: Conduct, step: CheckpointStep) -> None:
    """Write a step's checkpoint, unless it is there already, and record it."""
    from platformstate.actions.run_files import put

    name = checkpoint_id(conduct.site.lease.local, conduct.site.run, step.index)
    path = checkpoint_path(conduct.site.subject, conduct.site.run, name)
    conduct.executed.append(step.index)
    tree = WorkTree(conduct.store.root)
    data = tree.bytes_of(path)
    if data is None:
        data = _text(conduct, step, name, path)
        put(conduct, f"checkpoints/{name}.md", data)
    digest = sha256(data).hexdigest()
    conduct.append(
        conduct.event("CheckpointRecorded", checkpoint=name, sha256=digest, step_index=step.index),
        torn_at=step.index,
    )
    conduct.reach("outcome", step.index)


def checkpoint_id(local: str, run: str, index: int) -> str:
    """Return the id of a step's checkpoint: it sorts by the step's place and is the same every time."""
    digest = int(sha256(f"{local}:{index}".encode()).hexdigest(), 16)
    began = run[:_RUN_STAMP]
    text = f"{began[:4]}-{began[4:6]}-{began[6:8]}T{began[9:11]}:{began[11:13]}:{began[13:15]}Z"
    placed = stamp(instant(moment(text) + timedelta(seconds=index)))
    return f"{placed}-{ids.base32(digest % _SUFFIXES, 6)}"


def _text(conduct: Conduct, step: CheckpointStep, name: str, path: str) -> bytes:
    from platformstate.actions.git_facts import branch_text
    from platformstate.codec.render import canonical
    from platformstate.codec.sections import body_of, item_text
    from platformstate.gitrepo.facts import work_facts

    header, facts = conduct.state.header, work_facts(conduct.store.repository)
    meta: dict[str, Any] = {
        "schema": "checkpoint/1",
        "id": name,
        "task": header.get("task"),
        "run": conduct.site.run,
        "kind": step.checkpoint_kind,
        "at": conduct.store.now(),
        "author": header["actor"],
        "basis": "self_report",
        "confidence": "claimed",
        "git": {
            "commit": facts.commit,
            "branch": branch_text(facts.branch),
            "dirty": facts.dirty,
            "ahead": facts.ahead,
        },
        "step": {"step_index": step.index, "key": step.key, "attempt": 1, "outcome": "succeeded"},
        "next_action": step.next_action,
    }
    kept = cast("Checkpoint", {key: value for key, value in meta.items() if value is not None})
    body = body_of({"Done": item_text(step.summary)}) if step.summary else ""
    return canonical(Document(CHECKPOINT, path, kept, body)).encode()
