"""`jobs list`, `show`, `status`, `history`: look at jobs and what became of their slots; nothing is started.

All are functions of specs, ledgers and run folders; no index of runs exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.job_gate import Asked, Gate, gate_of, is_approved
from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.job_pause import pause_of
from platformstate.actions.job_runs import is_ours, open_sites
from platformstate.actions.job_settle import unsettled
from platformstate.actions.job_specs import JobSpec, read_spec, resolve_job, working_job
from platformstate.actions.run_site import read_run
from platformstate.core.instants import instant, moment
from platformstate.entities.kinds import JOB
from platformstate.errors import Problem, StateError, shown
from platformstate.files import WorkTree
from platformstate.policy.due import cursor_of, next_slot
from platformstate.policy.job_spec import refusal
from platformstate.policy.journal import TERMINAL
from platformstate.policy.ledger import range_line, streak
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

Line = Mapping[str, Any]


def list_jobs(store: Store, *, enabled_only: bool = False) -> Answer:
    """List the jobs of the working files; a broken spec is listed with the number of its problems."""
    items: list[dict[str, Any]] = []
    broken: list[Problem] = []
    for name in store.ids(JOB):
        spec = working_job(store, name)
        if not spec.is_valid:
            broken += spec.problems
        row = _row(store, spec)
        if row["enabled"] or not enabled_only:
            items.append(row)
    error = None
    if broken:
        error = refusal(broken)
        error.code = "job_invalid_spec"
    return Answer({"items": items}, error=error)


def _row(store: Store, spec: JobSpec) -> dict[str, Any]:
    now = store.now()
    lines = read_ledger(WorkTree(store.root), spec.id)
    meta: Mapping[str, Any] = {} if spec.document is None else spec.document.meta
    whole = spec.whole if spec.is_valid else None
    trigger = {} if whole is None else whole["trigger"]
    following = None if whole is None else next_slot(trigger, moment(now))
    return {
        "id": spec.id,
        "title": meta.get("title"),
        "enabled": whole is None or whole["enabled"],
        "paused": pause_of(store, spec.id, lines, now) is not None,
        "trigger": trigger.get("kind"),
        "cron": trigger.get("cron"),
        "timezone": trigger.get("timezone"),
        "target": None if whole is None else whole["target"]["kind"],
        "next_at": None if following is None else instant(following),
        "last": last_run(lines),
        "problems": sum(problem.severity == "error" for problem in spec.problems),
    }


def last_run(lines: Sequence[Line]) -> dict[str, Any] | None:
    """Return the newest finished run of a ledger, None when there is none."""
    ran = [line for line in lines if line["status"] in TERMINAL]
    if not ran:
        return None
    return {"run": ran[-1]["run"], "status": ran[-1]["status"], "ended_at": ran[-1]["ended_at"]}


def show_job(store: Store, prefix: str) -> Answer:
    """Return one job with its defaults, what is trusted of it, and whether it may run.

    Raises: job_not_found, id_ambiguous, and the errors of a faulty spec.
    """
    name = resolve_job(store, prefix)
    spec = working_job(store, name)
    gate = _gate(store, name)
    lines = read_ledger(WorkTree(store.root), name)
    digest = None if gate is None or gate.target is None else gate.digest
    data = {
        "job": spec.whole if spec.is_valid else None,
        "path": spec.path,
        "blob": spec.blob,
        "trusted_blob": None if gate is None else gate.spec.blob,
        "digest": digest,
        "approved": digest is not None and is_approved(store, name, digest),
        "paused": pause_of(store, name, lines, store.now()) is not None,
        "problems": [problem.as_json() for problem in spec.problems],
    }
    return Answer(data, error=None if spec.is_valid else refusal(spec.problems))


def _gate(store: Store, name: str) -> Gate | None:
    """Return the job as it is trusted, None where nothing of it is."""
    try:
        return gate_of(store, name, Asked(at_trusted=True, needs_enabled=False))
    except StateError as refused:
        if refused.code not in ("trust_ref_unset", "job_not_found"):
            raise
        return None


def job_status(store: Store, prefix: str | None) -> Answer:
    """Return how each job, or one, stands now. Raises: job_not_found."""
    names = store.ids(JOB) if prefix is None else [resolve_job(store, prefix)]
    return Answer({"jobs": [_status(store, name) for name in names]})


def _status(store: Store, name: str) -> dict[str, Any]:
    now = store.now()
    lines = read_ledger(WorkTree(store.root), name)
    gate = _gate(store, name)
    whole = None if gate is None else gate.whole or None
    ran = [line for line in lines if line["status"] in TERMINAL]
    last = ran[-1]["status"] if ran else None
    running, waiting = _open_runs(store, name)
    dead = [site.run for site in unsettled(store, name)]
    return {
        "id": name,
        "enabled": whole is not None and whole["enabled"],
        "paused": pause_of(store, name, lines, now) is not None,
        "approved": gate is not None and gate.target is not None and is_approved(store, name, gate.digest),
        "trusted": gate is not None and _same(store, gate),
        **_next(store, name, whole, lines, now),
        "running": running,
        "waiting": waiting,
        "crashed": [run for run in dead if run not in {row["run"] for row in waiting}],
        "last": last_run(lines),
        "streak": {"status": last, "count": streak(lines)},
        "pending_lines": _pending(store, name),
    }


def _same(store: Store, gate: Gate) -> bool:
    here = read_spec(store, store.tree(), gate.name)
    return here is not None and here.blob == gate.spec.blob


def _next(
    store: Store, name: str, whole: Mapping[str, Any] | None, lines: Sequence[Line], now: str
) -> dict[str, Any]:
    """Return when a job fires next, and how many of its slots are due and not handled."""
    if whole is None or whole["trigger"]["kind"] != "cron":
        return {"next_at": None, "overdue": 0}
    from platformstate.policy.due import due_slots

    said = JobFiles(store.repository.common_dir, name).cursor()
    cursor = cursor_of(said, lines, whole["trigger"], moment(now))
    following = next_slot(whole["trigger"], moment(now))
    overdue = sum(1 for _ in due_slots(whole["trigger"], cursor, moment(now)))
    return {"next_at": None if following is None else instant(following), "overdue": overdue}


def _open_runs(store: Store, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the runs of a job that a process holds, and those that wait for a person."""
    running, waiting = [], []
    for site in open_sites(store, name):
        if not is_ours(store, site):
            continue
        state = read_run(site).state
        if state.status == "suspended":
            waiting.append({"run": site.run, "reason": state.reason})
        elif site.lease.is_held():
            running.append({"run": site.run, "since": state.header.get("started_at")})
    return running, waiting


def _pending(store: Store, name: str) -> int:
    from platformstate.actions.job_commit import pending_lines

    return len(pending_lines(store, [name]))


def job_history(
    store: Store,
    prefix: str,
    *,
    limit: int = 20,
    since: str | None = None,
    until: str | None = None,
    status: str | None = None,
    runs_only: bool = False,
) -> Answer:
    """Return what became of a job's slots, newest first; a range that goes on has `open: true`.

    Raises: job_not_found, usage_invalid.
    """
    name = resolve_job(store, prefix)
    for bound in (since, until):
        _refuse_no_instant(bound)
    lines = [*read_ledger(WorkTree(store.root), name), *_open_range(store, name)]
    wanted = [
        line
        for line in reversed(lines)
        if (since is None or line["at"] >= since)
        and (until is None or line["at"] < until)
        and status in (None, line["status"])
        and (not runs_only or line["status"] in TERMINAL)
    ]
    return Answer({"job": name, "items": wanted[:limit], "truncated": len(wanted) > limit})


def _refuse_no_instant(text: str | None) -> None:
    try:
        if text is not None:
            moment(text)
    except ValueError as wrong:
        message = f"{shown(text)} is no instant such as 2026-11-20T10:11:30Z"
        raise StateError("usage_invalid", message) from wrong


def _open_range(store: Store, name: str) -> list[dict[str, Any]]:
    """Return the range of slots that do not run and that goes on, as the line that it would be now."""
    cursor = JobFiles(store.repository.common_dir, name).cursor() or {}
    said = cursor.get("open")
    if not isinstance(said, dict):
        return []
    line = range_line(
        name,
        str(said.get("status")),
        said.get("reason"),
        (str(said.get("slot")), str(said.get("to")), int(said.get("slot_count", 0))),
        at=store.now(),
        actor=store.actor,
        schedule=str(said.get("schedule") or cursor.get("schedule")),
    )
    return [{**line, "open": True}]
