"""`jobs list`, `show`, `status`: look at jobs and how they stand; nothing is started.

All are functions of specs, ledgers and run folders; no index of runs exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.job_claims import claims_of
from platformstate.actions.job_gate import Asked, Gate, gate_of, is_approved
from platformstate.actions.job_ledger import is_about, of_all, read_ledger, told_elsewhere
from platformstate.actions.job_pause import pause_of
from platformstate.actions.job_runs import is_ours, open_sites
from platformstate.actions.job_settle import unsettled
from platformstate.actions.job_specs import JobSpec, job_path, read_spec, resolve_job, working_job
from platformstate.actions.job_stranded import stranded_rows
from platformstate.actions.run_site import read_run
from platformstate.core.instants import instant, moment
from platformstate.entities.kinds import JOB
from platformstate.errors import Problem, StateError
from platformstate.files import WorkTree
from platformstate.policy.due import cursor_of, next_slot, overdue
from platformstate.policy.job_spec import refusal
from platformstate.policy.journal import TERMINAL
from platformstate.policy.ledger import streak
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

Line = Mapping[str, Any]


def list_jobs(store: Store, *, enabled_only: bool = False) -> Answer:
    """List the jobs of the working files; a broken one is listed with the number of its problems."""
    items: list[dict[str, Any]] = []
    broken: list[Problem] = []
    unread: list[StateError] = []
    for name in store.ids(JOB):
        spec = _listed(store, name)
        if not spec.is_valid:
            broken += spec.problems
        row = _row(store, spec, unread)
        if row["enabled"] or not enabled_only:
            items.append(row)
    error = of_all(unread)
    if broken:
        error = refusal([*broken, *(error.problems if error else ())])
        error.code = "job_invalid_spec"
    return Answer({"items": items}, error=error)


def _listed(store: Store, name: str) -> JobSpec:
    """Return a job as the working files have it; one that is no file that could be read is broken."""
    try:
        return working_job(store, name)
    except StateError:
        path = job_path(name)
        message, fix = "the spec is no plain file that can be read", f"platformctl validate {path}"
        return JobSpec(name, path, "", None, (Problem(path, 1, 1, "job_invalid_spec", message, fix),))


def _row(store: Store, spec: JobSpec, unread: list[StateError]) -> dict[str, Any]:
    """Return a job as the list shows it; a ledger that cannot be read is noted, and counts as a problem."""
    now = store.now()
    before = len(unread)
    lines: Sequence[Line] = ()
    try:
        lines = read_ledger(WorkTree(store.root), spec.id)
    except StateError as refused:
        unread.append(refused)
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
        "problems": len(spec.errors) + len(unread) - before,
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
    gate = _gate(store, name)[0]
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


def _gate(store: Store, name: str) -> tuple[Gate | None, StateError | None]:
    """Return the job as it is trusted, None where nothing of it is, and what keeps it from starting."""
    try:
        gate = gate_of(store, name, Asked(at_trusted=True))
    except StateError as refused:
        if refused.code not in ("trust_ref_unset", "job_not_found"):
            raise
        return None, refused
    return gate, next(iter(gate.refusals), None)


def job_status(store: Store, prefix: str | None) -> Answer:
    """Return how each job, or one, stands now; of all, one that cannot be read is an error beside the others.

    Raises: job_not_found, state_invalid.
    """
    rows: list[dict[str, Any]] = []
    unread: list[StateError] = []
    for name in store.ids(JOB) if prefix is None else [resolve_job(store, prefix)]:
        try:
            rows.append(_status(store, name))
        except StateError as refused:
            if prefix is not None or not is_about(name, refused):
                raise
            unread.append(refused)
    return Answer({"jobs": rows}, _nexts(rows), error=of_all(unread))


def _nexts(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    from platformstate.actions.recipes import TRUST

    return (TRUST,) if any(row["refusal"] == "trust_ref_unset" for row in rows) else ()


def _status(store: Store, name: str) -> dict[str, Any]:
    now = store.now()
    lines = read_ledger(WorkTree(store.root), name)
    gate, refused = _gate(store, name)
    whole = None if gate is None else gate.whole or None
    ran = [line for line in lines if line["status"] in TERMINAL]
    last = ran[-1]["status"] if ran else None
    running, waiting = _open_runs(store, name)
    dead = [site.run for site in unsettled(store, name)]
    return {
        "id": name,
        "enabled": _is_enabled(store, name, whole),
        "refusal": None if refused is None else refused.code,
        "paused": pause_of(store, name, lines, now) is not None,
        "approved": gate is not None and gate.target is not None and is_approved(store, name, gate.digest),
        "trusted": gate is not None and _same(store, gate),
        **_next(store, name, whole, lines, now),
        "running": running,
        "waiting": waiting,
        "crashed": [run for run in dead if run not in {row["run"] for row in waiting}],
        "elsewhere": stranded_rows(store, name),
        "last": last_run(lines),
        "streak": {"status": last, "count": streak(lines)},
        "pending_lines": _pending(store, name),
    }


def _is_enabled(store: Store, name: str, whole: Mapping[str, Any] | None) -> bool:
    """Say whether a job is enabled where it is trusted, else as it stands here; one that is broken is not disabled."""
    spec = _listed(store, name) if whole is None else None
    if spec is not None and spec.is_valid:
        whole = spec.whole
    return whole is None or bool(whole["enabled"])


def _same(store: Store, gate: Gate) -> bool:
    here = read_spec(store, store.tree(), gate.name)
    return here is not None and here.blob == gate.spec.blob


def _next(
    store: Store, name: str, whole: Mapping[str, Any] | None, lines: Sequence[Line], now: str
) -> dict[str, Any]:
    """Return when a job fires next, and how many of its slots are due and not handled."""
    if whole is None or whole["trigger"]["kind"] != "cron":
        return {"next_at": None, "overdue": 0}
    files = JobFiles(store.repository.common_dir, name)
    told = [*lines, *told_elsewhere(store, files)]
    cursor = cursor_of(files.cursor(), told, whole["trigger"], moment(now))
    claims = claims_of(store, files, told, cursor.open)
    due = overdue(whole["trigger"], cursor, moment(now), taken=claims.taken, again=claims.again)
    following = next_slot(whole["trigger"], moment(now))
    at = None if following is None else instant(following)
    return {"next_at": at, "overdue": due}


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
