"""`jobs approve`: let the spec that stands at the trusted ref run in this clone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.job_gate import Asked, Gate, acts_of, gate_of, is_approved
from platformstate.actions.job_specs import resolve_job
from platformstate.actions.operators import require_operator
from platformstate.core import ids
from platformstate.errors import StateError
from platformstate.policy.approvals import approving_act
from platformstate.runner import JobFiles, approved_jobs

if TYPE_CHECKING:
    from platformstate.store import Store


def approve_job(store: Store, prefix: str, *, revoke: bool = False) -> Answer:
    """Record that an operator lets a job's trusted spec run here, or no longer.

    Where that spec is gone or broken, every approval of the job is revoked.
    Raises: operator_required, job_not_found, job_invalid_spec and the other errors of a spec.
    """
    require_operator(store, "jobs approve")
    found = _found(store, prefix) if revoke else _readable(store, resolve_job(store, prefix))
    return _revoked(store, found) if isinstance(found, str) else _acted(store, found, revoke)


def _acted(store: Store, gate: Gate, revoke: bool) -> Answer:
    """Approve or revoke what the trusted spec executes."""
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


def _found(store: Store, prefix: str) -> Gate | str:
    """Return a job that is trusted, else the name of one that has acts in this clone. Raises: job_not_found."""
    name = _known(store, prefix)
    try:
        return _readable(store, name)
    except StateError:
        if not acts_of(store, name):
            raise
        return name


def _known(store: Store, prefix: str) -> str:
    """Return the job that a prefix stands for, also one that is not here and was approved in this clone."""
    approved = approved_jobs(store.repository.common_dir)
    if prefix in approved:
        return prefix  # the whole name of one that is gone may begin that of another
    try:
        return resolve_job(store, prefix)
    except StateError as refused:
        known = ids.matches(prefix, approved)
        if refused.code != "job_not_found" or len(known) != 1:
            raise
        return known[0]


def _revoked(store: Store, name: str) -> Answer:
    """Revoke all that was approved of a job."""
    files = JobFiles(store.repository.common_dir, name)
    acts = acts_of(store, name)
    standing = {act["digest"]: act["blob"] for act in acts if approving_act(acts, act["digest"])}
    by = {"by": store.actor, "at": store.now()}
    made = [{"act": "revoke", "digest": digest, "blob": blob, **by} for digest, blob in standing.items()]
    for act in () if store.dry_run else made:
        files.add_approval(act)
    return Answer({**_gone(name, [*acts, *made]), "acts": made})


def _gone(name: str, acts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is known of a job of which nothing is trusted: its newest act."""
    approved = any(approving_act(acts, act["digest"]) for act in acts)
    told = {key: acts[-1][key] for key in ("digest", "blob", "by", "at")}
    return {"job": name, "approved": approved, "argv": [], "env": [], "cwd": None, **told}


def _last(files: JobFiles, gate: Gate) -> Mapping[str, Any] | None:
    """Return the newest act about what the trusted spec executes, None when there is none."""
    return next((act for act in reversed(files.approvals()) if act.get("digest") == gate.digest), None)


def list_approvals(store: Store, prefix: str) -> Answer:
    """Return the acts of this clone about a job, oldest first, with what is trusted now."""
    gate = _found(store, prefix)
    if isinstance(gate, str):
        acts = acts_of(store, gate)
        return Answer({**_gone(gate, acts), "acts": acts})
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
