"""`memory checkpoint list` and `show`: what was recorded, as it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer
from platformstate.actions.brief_evidence import checkpoint_verdicts
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.core import ids
from platformstate.core.places import place_of
from platformstate.entities import checkpoint as checkpoints
from platformstate.errors import StateError, shown
from platformstate.policy.chain import CheckpointFacts, superseded_by

if TYPE_CHECKING:
    from platformstate.store import Store


def list_checkpoints(
    store: Store,
    task: str,
    *,
    run: str | None = None,
    kind: Sequence[str] = (),
    limit: int | None = None,
) -> Answer:
    """List a task's checkpoints, oldest first; `limit` keeps the newest, `total` counts all that fit.

    Records that cannot be read make the answer partial, with error state_invalid. Raises:
    task_not_found, run_not_found, id_ambiguous.
    """
    folder = read_task_folder(store.tree(), task_requests.task_id(store, task))
    wanted = None
    if run is not None:
        wanted = task_requests.one_of("run", run, _run_ids(folder), folder.task_id)
    corrected = superseded_by(folder.checkpoints)
    rows = [
        checkpoints.row(said.meta, said.body, said.path, corrected.get(said.id))
        for said in folder.checkpoints
        if (wanted is None or said.meta["run"] == wanted) and (not kind or said.meta["kind"] in kind)
    ]
    first = 0 if limit is None else max(len(rows) - limit, 0)
    data = {"checkpoints": rows[first:], "total": len(rows)}
    return Answer(data, error=folder.unreadable() if folder.problems else None)


def show_checkpoint(store: Store, checkpoint: str, *, task: str | None = None) -> Answer:
    """Show one checkpoint, found by a prefix of its id in a task or in the whole store.

    Each item of its evidence is checked again. Raises: checkpoint_not_found, task_not_found,
    id_ambiguous, state_invalid.
    """
    owner = None if task is None else task_requests.task_id(store, task)
    name, owner = _found(store, checkpoint, owner)
    folder = read_task_folder(store.tree(), owner)
    said = next((said for said in folder.checkpoints if said.id == name), None)
    if said is None:
        raise folder.unreadable() if folder.problems else _not_found(checkpoint)
    corrected = superseded_by(folder.checkpoints).get(name)
    checked = list(checkpoint_verdicts(store, [said], owner, limit=None).values())
    return Answer(
        {"checkpoint": checkpoint_json(said), "superseded_by": corrected, "evidence": checked},
        error=folder.unreadable() if folder.problems else None,
    )


def checkpoint_json(said: CheckpointFacts) -> dict[str, Any]:
    """Return a checkpoint as `--json` shows it: its front matter, in schema order, and its body."""
    from platformstate.core.catalog import KINDS

    known = [key for key in KINDS["checkpoint"].shape.keys if key in said.meta]
    others = [key for key in said.meta if key not in known]
    body = {key: list(said.body[key]) for key in checkpoints.SECTIONS}
    return {**{key: said.meta[key] for key in [*known, *others]}, "body": body}


def _run_ids(folder: TaskFolder) -> list[str]:
    return list({run.id for run in folder.runs} | {str(said.meta["run"]) for said in folder.checkpoints})


def _found(store: Store, prefix: str, task: str | None) -> tuple[str, str]:
    """Return the id of the checkpoint that a prefix stands for, and the task it belongs to."""
    under = "state/tasks" if task is None else f"state/tasks/{task}"
    places = [place_of(entry.path) for entry in store.tree().entries(under)]
    known = {
        place.id: str(place.subject).partition("/")[2]
        for place in places
        if place and place.kind == "checkpoint"
    }
    found = ids.matches(prefix, known)
    if len(found) == 1:
        return found[0], known[found[0]]
    if not found:
        raise _not_found(prefix)
    raise StateError(
        "id_ambiguous",
        f"{shown(prefix)} fits {len(found)} checkpoints: {', '.join(found[:5])}",
        hint="give more characters, or --task",
        data={"candidates": found},
    )


def _not_found(prefix: str) -> StateError:
    return StateError(
        "checkpoint_not_found",
        f"no checkpoint is called {shown(prefix)}",
        hint="platformctl memory checkpoint list --task TASK",
    )
