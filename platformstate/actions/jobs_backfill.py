"""`jobs backfill`: fire the slots of a stretch of time, ascending, with today's trusted spec."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import EXIT_PENDING, SETTLE, Answer
from platformstate.actions.conduct_walk import walk
from platformstate.actions.job_claims import due_of_nothing
from platformstate.actions.job_commit import commit_runs
from platformstate.actions.job_firing import begin, claim, firing_of, left_to_a_tick
from platformstate.actions.job_gate import Asked, Gate, gate_of
from platformstate.actions.job_ledger import read_ledger, remember_ledger, told_elsewhere
from platformstate.actions.job_overlap import Overlap, enter, wait_for_place
from platformstate.actions.job_specs import resolve_job
from platformstate.actions.jobs_tick import MAX_LINES
from platformstate.core.instants import instant, moment, moment_of
from platformstate.errors import StateError, Warned
from platformstate.files import WorkTree
from platformstate.files.locks import locked
from platformstate.policy.due import cursor_of
from platformstate.policy.journal import TERMINAL
from platformstate.policy.ledger import slot_run_id
from platformstate.policy.slots import fires_after
from platformstate.runner import Claim, JobFiles, become_subreaper, listening
from platformstate.runner.forked import Flock, Report

if TYPE_CHECKING:
    from datetime import datetime

    from platformstate.policy.job_receipt import Firing
    from platformstate.store import Store


def backfill_job(
    store: Store,
    prefix: str,
    *,
    start: str,
    end: str,
    limit: int = 100,
    parallel: int = 1,
    rerun_failed: bool = False,
    told: Callable[[str], None] = lambda line: None,
) -> Answer:
    """Fire each slot from `start` to `end`, both included, that has no run yet.

    Raises: job_not_found, usage_invalid, backfill_too_large, and the refusals of a job's boundaries.
    """
    name = resolve_job(store, prefix)
    gate = gate_of(store, name, Asked(at_trusted=True))
    gate.require()
    slots = _slots(gate, start, end, limit)
    rows = _rows(store, name, slots, rerun_failed)
    pending: str | None = None
    if store.dry_run:
        rows = [{**row, "status": None} for row in rows]
    else:
        _run(store, gate, rows, parallel, told)
        pending = _commit(store, name)
    counts = {
        "ran": sum(row["status"] is not None and row["action"] != "skip" for row in rows),
        "skipped": sum(row["action"] == "skip" for row in rows),
        "failed": sum(row["status"] in ("failed", "aborted") and row["action"] != "skip" for row in rows),
    }
    data = {"job": name, "slots": rows, **counts}
    if counts["failed"]:
        message = f"{counts['failed']} of {counts['ran']} runs failed"
        hint = f"platformctl jobs status {name}"
        return Answer(data, error=StateError("job_runs_failed", message, hint=hint, data=data))
    if pending is not None:
        text = f"the ledger is durable and waits for its commit ({pending})"
        return Answer(data, (SETTLE,), (Warned("commit_pending", text),), EXIT_PENDING)
    return Answer(data)


def _commit(store: Store, name: str) -> str | None:
    """Commit the lines and kept runs; return why they wait, None when they are in HEAD."""
    try:
        written = commit_runs(store, [name])
    except StateError as refused:
        return refused.code
    return written.reason if written.pending else None


def _slots(gate: Gate, start: str, end: str, limit: int) -> list[datetime]:
    trigger = gate.whole["trigger"]
    if trigger["kind"] != "cron":
        raise StateError(
            "job_trigger_invalid", f"{gate.name} has no schedule", hint=f"platformctl jobs run {gate.name}"
        )
    first, last = moment_of("--from", start), moment_of("--to", end)
    if last < first:
        message = f"--to {end} lies before --from {start}"
        raise StateError("usage_invalid", message, hint=f"--from {end} --to {start}")
    from datetime import timedelta

    # A slot that has not come yet is its schedule's: nothing fires before its time.
    last = min(last, moment(gate.store.now()))
    found = fires_after(trigger["cron"], trigger["timezone"], first - timedelta(seconds=1), **trigger["dst"])
    slots = list(islice(takewhile(lambda slot: slot <= last, found), limit + 1))
    if len(slots) > limit:
        raise StateError(
            "backfill_too_large",
            f"there are more than {limit} slots from {start} to {end}",
            hint="take a shorter stretch, or say --limit N",
        )
    return slots


def _rows(store: Store, name: str, slots: Iterable[datetime], rerun_failed: bool) -> list[dict[str, Any]]:
    """Return what is done about each slot: one with a run is skipped, a failed one is replayed on request."""
    lines = read_ledger(WorkTree(store.root), name)
    ran = {line["slot"]: line for line in lines if line["status"] in TERMINAL}
    files = JobFiles(store.repository.common_dir, name)
    claimed = frozenset(files.claimed())

    def is_taken(slot: datetime) -> bool:
        run = slot_run_id(slot)
        return run in claimed and instant(slot) not in ran and due_of_nothing(store, files, run) is None

    return [_row(slot, ran.get(instant(slot)), is_taken(slot), rerun_failed) for slot in slots]


def _row(
    slot: datetime, last: Mapping[str, Any] | None, is_taken: bool, rerun_failed: bool
) -> dict[str, Any]:
    run = slot_run_id(slot)
    row = {"slot": instant(slot), "run": run, "action": "run", "status": None, "reason": None}
    if last is None:
        return {**row, "action": "skip", "reason": "claimed"} if is_taken else row
    if rerun_failed and last["status"] != "succeeded":
        return {**row, "run": last["run"], "action": "replay"}
    return {**row, "run": last["run"], "action": "skip", "status": last["status"], "reason": last["reason"]}


def _run(
    store: Store, gate: Gate, rows: list[dict[str, Any]], parallel: int, told: Callable[[str], None]
) -> None:
    flock = Flock(parallel)
    waiting = deque(row for row in rows if row["action"] != "skip")
    by_slot = {row["slot"]: row for row in waiting}
    ended = 0
    while waiting or len(flock):
        while waiting and flock.has_room:
            row = waiting.popleft()
            with suppress(StateError):  # a conductor tells of a ledger that cannot be read
                remember_ledger(WorkTree(store.root), gate.name)
            flock.start(partial(_conduct, store, gate, row), job=row["slot"])
        for report in flock.reports(1.0):
            said = _refused(report["problem"], told) if "problem" in report else report
            by_slot[said["slot"]].update(said)
            told(f"{said['slot']} {said['status']}")
            ended += 1
            if ended % MAX_LINES == 0:
                _commit(store, gate.name)
    flock.close()


def _claim(store: Store, gate: Gate, firing: Firing) -> Claim | None:
    """Claim a slot with the job's lock held, also one whose claim came to nothing; None when another has it."""
    files = JobFiles(store.repository.common_dir, gate.name)
    left = due_of_nothing(store, files, firing.run) if firing.run in files.claimed() else None
    due = bool(left) or _is_due(store, gate, files, str(firing.slot))
    return claim(store, firing, again=left is not None, due=due)


def _is_due(store: Store, gate: Gate, files: JobFiles, slot: str) -> bool:
    """Say whether no tick has come to a slot of the schedule yet."""
    said = files.cursor()
    if said is not None and slot <= str(said.get("slot")):
        return False
    lines = [*read_ledger(WorkTree(store.root), gate.name), *told_elsewhere(store, files)]
    return slot > cursor_of(said, lines, gate.whole["trigger"], moment(store.now())).slot


def _why_not(claimed: Claim | None, overlap: Overlap) -> str:
    if claimed is None:
        return "claimed"
    return overlap.refusal or "signal"


def _refused(problem: dict[str, Any], told: Callable[[str], None]) -> dict[str, Any]:
    """Say why a conductor could not run its slot, or that it was killed; return what that means for the slot."""
    parts = (problem["code"], problem["message"], problem["path"], problem["hint"])
    told(f"{problem['job']} " + "; ".join(str(part) for part in parts if part))
    return {"slot": problem["job"], "status": "failed", "reason": problem["code"]}


def _conduct(store: Store, gate: Gate, row: dict[str, Any], report: Report) -> None:
    """Run one slot in a process of its own, waiting for a place of its overlap group."""
    become_subreaper()
    assert gate.target is not None
    trigger = "replay" if row["action"] == "replay" else "backfill"
    replayed = row["run"] if trigger == "replay" else None
    firing = firing_of(gate, trigger=trigger, slot=row["slot"], replay_of=replayed, root_run=replayed or "")
    said: dict[str, Any] = {"slot": row["slot"], "run": firing.run}
    with listening() as signals:
        with locked(JobFiles(store.repository.common_dir, gate.name).lock):
            waits = {**gate.whole, "overlap": {**gate.whole["overlap"], "policy": "queue", "queue_max": 100}}
            overlap = enter(store, gate.name, waits, run=firing.named)
            claimed = _claim(store, gate, firing)
        try:
            wait_for_place(store, overlap, signals.has_come)
            if claimed is None or overlap.waits or overlap.refusal is not None:
                report({**said, "action": "skip", "status": None, "reason": _why_not(claimed, overlap)})
                if claimed is not None:
                    claimed.fail()
                return
            conduct = begin(store, firing, gate.target.pin, claimed=claimed)
            with left_to_a_tick(conduct):
                conduct.signals = signals
                conduct.commit("RunStarted")
                walk(conduct)
                report({**said, "status": conduct.status, "reason": conduct.state.reason})
        finally:
            overlap.leave()
