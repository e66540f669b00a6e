"""`jobs backfill`: fire the slots of a stretch of time, ascending, with today's trusted spec."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.conduct_walk import walk
from platformstate.actions.job_commit import commit_runs
from platformstate.actions.job_firing import begin, claim, firing_of
from platformstate.actions.job_gate import Asked, Gate, gate_of
from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.job_overlap import enter, wait_for_place
from platformstate.actions.job_specs import resolve_job
from platformstate.core.instants import instant, moment, moment_of
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.files.locks import locked
from platformstate.policy.journal import TERMINAL
from platformstate.policy.ledger import slot_run_id
from platformstate.policy.slots import fires_after
from platformstate.runner import JobFiles, become_subreaper, listening
from platformstate.runner.forked import Flock, Places, Report, fork

if TYPE_CHECKING:
    from datetime import datetime

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
    rows = [_row(store, name, slot, rerun_failed) for slot in slots]
    if store.dry_run:
        rows = [{**row, "status": None} for row in rows]
    else:
        _run(store, gate, rows, parallel, told)
        commit_runs(store, [name])
    counts = {
        "ran": sum(row["status"] is not None and row["action"] != "skip" for row in rows),
        "skipped": sum(row["action"] == "skip" for row in rows),
        "failed": sum(row["status"] in ("failed", "aborted") and row["action"] != "skip" for row in rows),
    }
    data = {"job": name, "slots": rows, **counts}
    if counts["failed"]:
        message = f"{counts['failed']} of {counts['ran']} runs failed"
        return Answer(data, error=StateError("job_runs_failed", message, data=data))
    return Answer(data)


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


def _row(store: Store, name: str, slot: datetime, rerun_failed: bool) -> dict[str, Any]:
    """Return what is done about a slot: one with a run is skipped, a failed one is replayed on request."""
    at, run = instant(slot), slot_run_id(slot)
    ran = [
        line
        for line in read_ledger(WorkTree(store.root), name)
        if line["status"] in TERMINAL and line["slot"] == at
    ]
    row = {"slot": at, "run": run, "action": "run", "status": None, "reason": None}
    if ran:
        again = rerun_failed and ran[-1]["status"] != "succeeded"
        action = "replay" if again else "skip"
        said = (
            {"status": None, "reason": None}
            if again
            else {name: ran[-1][name] for name in ("status", "reason")}
        )
        return {**row, "run": ran[-1]["run"], "action": action, **said}
    if run in JobFiles(store.repository.common_dir, name).claimed():
        return {**row, "action": "skip", "reason": "claimed"}
    return row


def _run(
    store: Store, gate: Gate, rows: list[dict[str, Any]], parallel: int, told: Callable[[str], None]
) -> None:
    flock, places = Flock(), Places(parallel)
    waiting = [row for row in rows if row["action"] != "skip"]
    by_slot = {row["slot"]: row for row in waiting}
    while waiting or len(flock):
        while waiting and len(flock) < parallel:
            row = waiting.pop(0)
            flock.add(fork(partial(_conduct, store, gate, row), job=row["slot"], places=places))
        for report in flock.reports(1.0):
            said = _refused(report["problem"]) if "problem" in report else report
            by_slot[said["slot"]].update(said)
            told(f"{said['slot']} {said['status']}")
    places.close()


def _refused(problem: dict[str, Any]) -> dict[str, Any]:
    """Return what a conductor that could not run its slot, or that was killed, means for the slot."""
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
            claimed = claim(store, firing)
        try:
            wait_for_place(store, overlap)
            if claimed is None or overlap.refusal is not None:
                report({**said, "action": "skip", "status": None, "reason": overlap.refusal or "claimed"})
                if claimed is not None:
                    claimed.give_up()
                return
            with begin(store, firing, gate.target.pin, claimed=claimed) as conduct:
                conduct.signals = signals
                conduct.commit("RunStarted")
                walk(conduct)
                report({**said, "status": conduct.status, "reason": conduct.state.reason})
        finally:
            overlap.leave()
