"""What the jobs commands print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NOTES: Final = {
    "after_gap": "first instant after a gap",
    "first_pass": "first pass of a repeated hour",
    "second_pass": "second pass of a repeated hour",
}


def fires_text(data: Mapping[str, Any]) -> str:
    """Return the next instants of a schedule, one a line: UTC, local, note."""
    head = f"{data['expr']} in {data['zone']} ({data['kind']}, tzdata {data['tzdata']})"
    rows = [
        f"  {fire['at']}  {fire['local']}" + (f"  {_NOTES[fire['note']]}" if fire["note"] else "")
        for fire in data["fires"]
    ]
    return "\n".join([head, *rows])


def run_text(data: Mapping[str, Any]) -> str:
    """Return a run in a few lines, or what a run would do."""
    if "plan" in data:
        return _plan_text(data)
    run = data["run"]
    code = "" if run["exit_code"] is None else f", exit code {run['exit_code']}"
    lines = [f"{run['job_id']}/{run['run_id']} {run['status']}{code}"]
    lines += [f"  reason: {run['reason']}"] if run["reason"] else []
    lines += [
        f"  {attempt['key']} attempt {attempt['attempt']}: {attempt['outcome']}"
        for attempt in run["attempts"]
    ]
    lines += [f"  artifact {row['path']}, {row['bytes']} bytes" for row in run["artifacts"]]
    return "\n".join([*lines, f"  receipt: {run['files']['receipt']}"])


def _plan_text(data: Mapping[str, Any]) -> str:
    plan = data["plan"]
    lines = ["would run:" if data["would_run"] else f"would not run: {', '.join(data['reasons'])}"]
    lines += [f"  {step['index']} {step['key']}: {' '.join(step.get('argv', ()))}" for step in plan["steps"]]
    lines += [f"  next: {at}" for at in data["next"]]
    return "\n".join(lines)


def approval_text(data: Mapping[str, Any]) -> str:
    """Return what was approved: the digest and the commands that it lets run."""
    state = "approved" if data["approved"] else "not approved"
    lines = [f"{data['job']} {state}: digest {data['digest'][:12]}, spec blob {data['blob'][:12]}"]
    lines += [f"  {' '.join(argv)}" for argv in data["argv"] if argv]
    return "\n".join([*lines, f"  in {data['cwd']}, with {', '.join(data['env'])}"])


def tick_text(data: Mapping[str, Any]) -> str:
    """Return what a tick did, one thing a line."""
    lines = [f"{run['job']}/{run['run']} {run['status'] or 'due'}" for run in data["started"]]
    lines += [
        f"{run['job']}/{run['run']} settled: {run['status']} (by {run['by']})" for run in data["reconciled"]
    ]
    lines += [_range_text(row) for row in data["recorded"]]
    lines += [f"{run['job']}/{run['run']} waits: {run['reason']}" for run in data["waiting"]]
    lines += [f"{row['job']}: {row['code']} {row['message']}" for row in data["problems"]]
    return "\n".join(lines or ["nothing is due"])


def _range_text(row: Mapping[str, Any]) -> str:
    why = f" ({row['reason']})" if row["reason"] else ""
    return f"{row['job']} {row['count']} {row['status']}{why}, {row['slot']} to {row['to']}"


def jobs_text(data: Mapping[str, Any]) -> str:
    """Return the jobs, one a line."""
    return "\n".join(_job_line(item) for item in data["items"]) or "no jobs"


def _job_line(item: Mapping[str, Any]) -> str:
    when = f"{item['cron']} {item['timezone']}" if item["cron"] else str(item["trigger"] or "broken")
    last = item["last"]
    marks = [word for word, is_so in (("paused", item["paused"]), ("disabled", not item["enabled"])) if is_so]
    marks += [f"{item['problems']} problems"] if item["problems"] else []
    words = [item["id"], when, f"last {last['status']} {last['ended_at']}" if last else "never ran", *marks]
    return "  ".join(words)


def job_text(data: Mapping[str, Any]) -> str:
    """Return one job: its target, its schedule, and what keeps it from running."""
    job = data["job"]
    if job is None:
        return f"{data['path']} cannot be read as a job"
    state = "approved" if data["approved"] else "not approved in this clone"
    trusted = (
        "trusted as it stands" if data["blob"] == data["trusted_blob"] else "not what the trusted ref has"
    )
    lines = [f"{job['id']}: {job['title']}", f"  {data['path']}, {trusted}, {state}"]
    lines += [
        f"  {key}: {_flat(job[key])}"
        for key in ("target", "trigger", "runtime", "retry", "overlap", "misfire")
    ]
    return "\n".join([*lines, *([f"  paused: {data['paused']['reason']}"] if data["paused"] else [])])


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def status_text(data: Mapping[str, Any]) -> str:
    """Return how the jobs stand, a few words for each."""
    return "\n".join(_status_line(job) for job in data["jobs"]) or "no jobs"


def _status_line(job: Mapping[str, Any]) -> str:
    words = [job["id"]]
    words += [word for word in ("paused",) if job[word]]
    words += [f"not {word}" for word in ("enabled", "trusted", "approved") if not job[word]]
    words += [f"next {job['next_at']}"] if job["next_at"] else []
    words += [f"{job['overdue']} overdue"] if job["overdue"] else []
    words += [f"running {row['run']}" for row in job["running"]]
    words += [f"{row['run']} waits: {row['reason']}" for row in job["waiting"]]
    words += [f"crashed {run}" for run in job["crashed"]]
    words += [f"{job['streak']['count']} {job['streak']['status']} in a row"] if job["last"] else []
    return "  ".join(words)


def history_text(data: Mapping[str, Any]) -> str:
    """Return a ledger's lines, newest first."""
    lines = [_history_line(line) for line in data["items"]]
    return "\n".join([*lines, *(["more: --limit N"] if data["truncated"] else [])]) or "nothing happened yet"


def _history_line(line: Mapping[str, Any]) -> str:
    if line.get("count"):
        going_on = ", goes on" if line.get("open") else ""
        return f"{line['at']}  {line['count']} {line['status']}, {line['slot']} to {line['to']}{going_on}"
    why = f" ({line['reason']})" if line["reason"] else ""
    return f"{line['at']}  {line['run'] or ''}  {line['status']}{why}"


def switched_text(data: Mapping[str, Any]) -> str:
    """Return what a job's schedule may do now."""
    paused = data["paused"]
    state = "disabled" if not data["enabled"] else "paused" if paused else "may fire"
    until = f" until {paused['until']}" if paused and paused["until"] else ""
    return f"{data['job']} {state}{until}" + ("" if data["changed"] else " (it was so already)")


def tail_text(row: Mapping[str, Any]) -> str:
    """Return an event, or a line of output, in a line."""
    from platformstate.cli.run_text import event_text

    return f"  {row['log']}" if "log" in row else event_text(row)


def replay_text(data: Mapping[str, Any]) -> str:
    """Return a replay: its run, and what differs from the run that it repeats."""
    lines = [f"{row['pointer']}: {row['old']} -> {row['new']}" for row in data["diff"]]
    run = [] if data["run"] is None else [run_text(data)]
    return "\n".join([*run, *lines]) or "the same spec and values"


def backfill_text(data: Mapping[str, Any]) -> str:
    """Return the slots of a backfill, one a line, and their counts."""
    lines = [
        f"{row['slot']}  {row['action']}  {row['status'] or row['reason'] or ''}".rstrip()
        for row in data["slots"]
    ]
    return "\n".join([*lines, f"{data['ran']} ran, {data['skipped']} skipped, {data['failed']} failed"])


def keep_text(data: Mapping[str, Any]) -> str:
    """Return whether a run is kept now."""
    return f"{data['run']} is {'kept' if data['kept'] else 'no longer kept'}"


def prune_text(data: Mapping[str, Any]) -> str:
    """Return what was removed, and what stays though it is old."""
    lines = [f"{row['job']}/{row['run']} stays: {row['reason']}" for row in data["skipped"]]
    return "\n".join([*lines, f"{len(data['removed'])} runs, {data['bytes']} bytes"])
