"""Which status `task update` may set, and what each status asks for.

The schema's lifecycle holds all ways between statuses; this table holds those that need no more
than an update. Starting, blocking, proving and reopening work have verbs of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from platformstate.entities.task import OPEN
from platformstate.errors import StateError

UPDATE: Final[Mapping[str, tuple[str, ...]]] = {
    "intake": ("refining", "ready", "parked", "retired"),
    "refining": ("ready", "parked", "retired"),
    "ready": ("refining", "parked"),
    "implementation": ("review", "parked"),
    "review": ("implementation", "parked"),
    "blocked": ("parked",),
    "parked": ("refining", "ready", "retired"),
    "done": ("deployed", "retired"),
    "deployed": ("observed", "retired"),
    "observed": ("maintained", "retired"),
    "maintained": ("retired",),
    "retired": (),
}
AT_CREATION: Final = ("intake", "refining", "ready")
STARTS_WORK: Final = ("ready", "implementation", "review")
NEEDS_REASON: Final = ("parked", "retired")
NEEDS_LIVE_PROOF: Final = ("deployed", "observed")


def status_at_creation(asked: str | None, acceptance: list[Any]) -> str:
    """Return the status of a new task. Raises: task_has_no_criteria, task_transition_refused."""
    if asked is None:
        return "ready" if acceptance else "intake"
    if asked not in AT_CREATION:
        raise StateError(
            "task_transition_refused",
            f"a task begins as {', '.join(AT_CREATION)}, not as {asked}",
            hint="leave --status out, or choose one of these",
        )
    if asked == "ready" and not acceptance:
        raise no_criteria("the task", '--accept "what must hold::test"')
    return asked


def status_changes(meta: Mapping[str, Any], target: str, reason: str | None) -> dict[str, Any]:
    """Return the fields that change when an update sets a status; None removes a field.

    `meta` is the task as it will stand otherwise, so that a criterion added by the same update
    counts. Raises: task_close_required, task_transition_refused, task_has_no_criteria,
    usage_invalid.
    """
    status = str(meta["status"])
    if target == status:
        return {} if reason is None else {"status_reason": reason}
    _refuse_way(str(meta["id"]), status, target)
    if target in NEEDS_REASON and reason is None:
        raise StateError(
            "usage_invalid",
            f"--status {target} needs --reason",
            hint=f'platformctl task update {meta["id"]} --status {target} --reason "why"',
        )
    if target == "ready" and not meta.get("acceptance"):
        raise no_criteria(f"task {meta['id']}", ready_command(str(meta["id"])))
    if target in NEEDS_LIVE_PROOF and not _proven_live(meta):
        raise StateError(
            "task_transition_refused",
            f"task {meta['id']} cannot become {target}: no criterion of proof live is met",
            hint=f"platformctl task show {meta['id']}",
        )
    return {"status": target, "status_reason": reason}


def refuse_block(meta: Mapping[str, Any]) -> None:
    """Raise task_transition_refused unless a task is open, so that it can wait."""
    if meta["status"] not in OPEN:
        raise StateError(
            "task_transition_refused",
            f"task {meta['id']} is {meta['status']}; blocked are only tasks that are {', '.join(OPEN)}",
            hint=f"platformctl task show {meta['id']}",
        )


def unblocked(meta: Mapping[str, Any], *, held: bool) -> str:
    """Return the status of a task that waits no more. Raises: task_transition_refused, task_has_no_criteria."""
    if meta["status"] != "blocked":
        raise StateError(
            "task_transition_refused",
            f"task {meta['id']} is {meta['status']}; unblock is for one that is blocked",
            hint=f"platformctl task show {meta['id']}",
        )
    if not held and not meta.get("acceptance"):
        command = f'platformctl task update {meta["id"]} --accept "TEXT::PROOF"'
        raise no_criteria(f"task {meta['id']}", command)
    return "implementation" if held else "ready"


def no_criteria(subject: str, hint: str) -> StateError:
    """Return the refusal of `ready` for a task that says nothing to prove."""
    return StateError(
        "task_has_no_criteria",
        f"{subject} has no acceptance criterion, so it cannot be ready",
        hint=hint,
    )


def ready_command(task: str) -> str:
    """Return the command that takes a task without criteria to ready."""
    return f'platformctl task update {task} --accept "TEXT::PROOF" --status ready'


def refuse_start(meta: Mapping[str, Any]) -> None:
    """Raise task_not_ready unless a run may be opened at the task in its status."""
    if meta["status"] in STARTS_WORK:
        return
    hints = {"intake": ready_command(str(meta["id"]))}
    hints |= dict.fromkeys(("refining", "parked"), f"platformctl task update {meta['id']} --status ready")
    raise StateError(
        "task_not_ready",
        f"task {meta['id']} is {meta['status']}; work starts from {', '.join(STARTS_WORK)}",
        hint=hints.get(str(meta["status"]), f"platformctl task show {meta['id']}"),
    )


def _refuse_way(task: str, status: str, target: str) -> None:
    allowed = UPDATE[status]
    if target in allowed:
        return
    listed = ", ".join(allowed) or "none"
    if target == "done":
        raise StateError(
            "task_close_required",
            f"task {task} becomes done only by being closed with evidence; update may set: {listed}",
            hint=f"platformctl task show {task}",
        )
    raise StateError(
        "task_transition_refused",
        f"task {task} is {status}; an update may make it: {listed}",
        hint=f"platformctl task show {task}",
    )


def _proven_live(meta: Mapping[str, Any]) -> bool:
    return any(item["proof"] == "live" and item["state"] == "met" for item in meta.get("acceptance", ()))
