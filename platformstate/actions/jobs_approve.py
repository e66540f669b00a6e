"""`jobs approve`: let the spec that stands at the trusted ref run in this clone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.job_gate import Asked, Gate, gate_of, is_approved
from platformstate.actions.job_specs import resolve_job
from platformstate.actions.operators import require_operator
from platformstate.errors import StateError
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store


def approve_job(store: Store, prefix: str, *, revoke: bool = False) -> Answer:
    """Record that an operator lets a job's trusted spec run here, or no longer.

    Raises: operator_required, job_not_found, job_invalid_spec and the other errors of a spec.
    """
    require_operator(store, "jobs approve")
    gate = _readable(store, resolve_job(store, prefix))
    files = JobFiles(store.repository.common_dir, gate.name)
    act = _last(files, gate)
    if is_approved(store, gate.name, gate.digest) is revoke:
        act = {
            "act": "revoke" if revoke else "approve",
            "digest": gate.digest,
            "blob": gate.spec.blob,
            "by": store.actor,
            "at": store.now(),
        }
        if not store.dry_run:
            files.add_approval(act)
    nexts = () if revoke else (f"platformctl jobs run {gate.name}",)
    return Answer(_shown(gate, act, approved=not revoke), nexts)


def _last(files: JobFiles, gate: Gate) -> Mapping[str, Any] | None:
    """Return the newest act about what the trusted spec executes, None when there is none."""
    return next((act for act in reversed(files.approvals()) if act.get("digest") == gate.digest), None)


def list_approvals(store: Store, prefix: str) -> Answer:
    """Return the acts of this clone about a job, oldest first, with what is trusted now."""
    gate = _readable(store, resolve_job(store, prefix))
    files = JobFiles(store.repository.common_dir, gate.name)
    data = _shown(gate, _last(files, gate), approved=is_approved(store, gate.name, gate.digest))
    return Answer({**data, "acts": files.approvals()})


def _readable(store: Store, name: str) -> Gate:
    """Return a job whose trusted spec resolves; what else would keep it from running does not matter here."""
    gate = gate_of(store, name, Asked(at_trusted=True, needs_enabled=False))
    if gate.target is None:
        gate.require()
        raise StateError("job_target_unresolved", f"{name} resolves to nothing")
    return gate


def _shown(gate: Gate, act: Mapping[str, Any] | None, *, approved: bool) -> dict[str, Any]:
    """Return what the act is about; `by` and `at` are those of the act that holds."""
    assert gate.target is not None
    runtime, env = gate.whole["runtime"], gate.whole["runtime"].get("env", {})
    steps = gate.target.pin.steps
    return {
        "job": gate.name,
        "digest": gate.digest,
        "blob": gate.spec.blob,
        "approved": approved,
        "argv": [list(getattr(step, "argv", ())) for step in steps],
        "env": sorted({*env.get("pass", ()), *env.get("set", {})}),
        "cwd": runtime["cwd"],
        "by": None if act is None else act.get("by"),
        "at": None if act is None else act.get("at"),
    }
