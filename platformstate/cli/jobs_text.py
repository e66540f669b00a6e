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
