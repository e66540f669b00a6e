"""What the jobs commands print for people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
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
    took = "" if run["duration_ms"] is None else f" after {_duration(run['duration_ms'])}"
    lines = [f"{run['job_id']}/{run['run_id']} {run['status']}{took}{code}"]
    lines += [f"  slot: {run['slot']}"] if run["slot"] else []
    lines += [f"  reason: {run['reason']}"] if run["reason"] else []
    lines += [_attempt_line(attempt) for attempt in run["attempts"]]
    lines += [f"  artifact {row['path']}, {row['bytes']} bytes" for row in run["artifacts"]]
    return "\n".join([*lines, f"  receipt: {run['files']['receipt']}"])


def _attempt_line(attempt: Mapping[str, Any]) -> str:
    waited = f", {_duration(attempt['backoff_ms'])} after the one before" if attempt["backoff_ms"] else ""
    return f"  {attempt['key']} attempt {attempt['attempt']}: {attempt['outcome']}{waited}"


def _duration(ms: int) -> str:
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _plan_text(data: Mapping[str, Any]) -> str:
    plan = data["plan"]
    lines = ["would run:" if data["would_run"] else f"would not run: {', '.join(data['reasons'])}"]
    lines += [
        f"  {step['index']} {step['key']}: {shlex.join(step.get('argv', ()))}" for step in plan["steps"]
    ]
    lines += [f"  next: {at}" for at in data["next"]]
    return "\n".join(lines)


def approval_text(data: Mapping[str, Any]) -> str:
    """Return what was approved: the digest and the commands that it lets run."""
    state = "approved" if data["approved"] else "not approved"
    lines = [f"{data['job']} {state}: digest {data['digest'][:12]}, spec blob {data['blob'][:12]}"]
    lines += [f"  {shlex.join(argv)}" for argv in data["argv"] if argv]
    if data["cwd"] not in (None, "."):
        lines.append(f"  in {data['cwd']}")
    if data["env"]:
        lines.append(f"  with {', '.join(data['env'])}")
    acts = [f"  {act['at']} {act['act']} {act['digest'][:12]} by {act['by']}" for act in data.get("acts", ())]
    return "\n".join([*lines, *acts])


def tick_text(data: Mapping[str, Any]) -> str:
    """Return what a tick did, one thing a line."""
    lines = [_started_text(run) for run in data["started"]]
    lines += [
        f"{run['job']}/{run['run']} settled: {run['status']} (by {run['by']})" for run in data["reconciled"]
    ]
    lines += [_range_text(row) for row in data["recorded"]]
    lines += [f"{run['job']}/{run['run']} waits: {run['reason']}" for run in data["waiting"]]
    lines += [_problem_text(row) for row in data["problems"]]
    return "\n".join(lines or ["nothing is due"])


def _problem_text(row: Mapping[str, Any]) -> str:
    """Return a problem with its place and the next command, on one line."""
    line = f":{row['line']}" if row["line"] else ""
    where = f" ({row['path']}{line})" if row["path"] else ""
    todo = f"; {row['hint']}" if row["hint"] else ""
    return f"{row['job']}: {row['code']} {row['message']}{where}{todo}"


def _started_text(run: Mapping[str, Any]) -> str:
    why = f" ({run['reason']})" if run["reason"] else ""
    return f"{run['job']}/{run['run']} {run['status'] or 'is due'}{why}"


def _range_text(row: Mapping[str, Any]) -> str:
    why = f" ({row['reason']})" if row["reason"] else ""
    slots = row["slot"] if row["count"] == 1 else f"{row['slot']} to {row['to']}"
    return f"{row['job']}: {_counted(row['count'], 'slot')} {row['status']}{why}, {slots}"


def jobs_text(data: Mapping[str, Any]) -> str:
    """Return the jobs, one a line: its schedule, when it fires next, how it ended last, what stops it."""
    return _columns([_job_row(item) for item in data["items"]]) or "no jobs"


def _job_row(item: Mapping[str, Any]) -> list[str]:
    when = f"{item['cron']} {item['timezone']}" if item["cron"] else str(item["trigger"] or "broken")
    last = item["last"]
    marks = [word for word, is_so in (("paused", item["paused"]), ("disabled", not item["enabled"])) if is_so]
    marks += [_counted(item["problems"], "problem")] if item["problems"] else []
    ended = f"{last['status']} {last['ended_at']}" if last else "never ran"
    return [item["id"], when, f"next {item['next_at']}" if item["next_at"] else "", ended, ", ".join(marks)]


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with their columns one below the other; a column that is empty in all is left out."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True) if width) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def job_text(data: Mapping[str, Any]) -> str:
    """Return one job: its target, its schedule, and what keeps it from running."""
    job = data["job"]
    if job is None:
        faults = [
            f"  {row['line']}:{row['col']}: {row['code']} {row['message']}\n    fix: {row['fix']}"
            for row in data["problems"]
        ]
        return "\n".join([f"{data['path']} is no job:", *faults])
    state = "approved" if data["approved"] else "not approved in this clone"
    trusted = (
        "trusted as it stands" if data["blob"] == data["trusted_blob"] else "not what the trusted ref has"
    )
    lines = [f"{job['id']}: {job['title']}", f"  {data['path']}, {trusted}, {state}"]
    lines += [
        f"  {word}" for word, is_so in (("paused", data["paused"]), ("disabled", not job["enabled"])) if is_so
    ]
    lines += [f"  target: {_target(job['target'])}", f"  trigger: {_when(job['trigger'])}"]
    shown = ("bindings", "misfire", "overlap", "runtime", "retry", "policy", "output", "retention")
    return "\n".join([*lines, *(f"  {key}: {_flat(job[key])}" for key in shown if job[key])])


def _target(target: Mapping[str, Any]) -> str:
    if target["kind"] == "command":
        return shlex.join(target["argv"])
    return f"{target['kind']} {target.get('procedure') or target.get('entry')}"


def _when(trigger: Mapping[str, Any]) -> str:
    if trigger["kind"] == "manual":
        return "by hand"
    dst = trigger["dst"]
    return f"{trigger['cron']} {trigger['timezone']}, a skipped time {dst['skipped']}, a repeated one {dst['repeated']}"


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items() if inner not in ([], {}))
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def status_text(data: Mapping[str, Any]) -> str:
    """Return how the jobs stand, a few words for each."""
    return _columns([_status_row(job) for job in data["jobs"]]) or "no jobs"


def _status_row(job: Mapping[str, Any]) -> list[str]:
    marks = [word for word in ("paused",) if job[word]]
    marks += _refusals(job)
    marks += [_overdue(job["overdue"])] if job["overdue"] else []
    marks += [f"{row['run']} runs since {row['since']}" for row in job["running"]]
    marks += [f"{row['run']} waits: {row['reason']}" for row in job["waiting"]]
    marks += [f"{run} crashed" for run in job["crashed"]]
    marks += [f"{row['run']} {_stranded(row['worktree'])}" for row in job["elsewhere"]]
    marks += [f"{_counted(job['pending_lines'], 'line')} to commit"] if job["pending_lines"] else []
    last, streak = job["last"], job["streak"]
    ended = f"{last['status']} {last['ended_at']}" if last else "never ran"
    ended += f" ({streak['count']} in a row)" if streak["count"] > 1 else ""
    return [job["id"], f"next {job['next_at']}" if job["next_at"] else "", ended, ", ".join(marks)]


_UNTRUSTED: Final = {"trust_ref_unset": "no trusted ref", "job_not_found": "not landed at the trusted ref"}
_SAID: Final = ("job_disabled", "job_approval_required")


def _refusals(job: Mapping[str, Any]) -> list[str]:
    """Return what keeps a job from starting by its schedule."""
    code = job["refusal"]
    words = ("enabled",) if code in _UNTRUSTED else ("enabled", "trusted", "approved")
    marks = [f"not {word}" for word in words if not job[word]]
    return marks if code is None or code in _SAID else [*marks, _UNTRUSTED.get(code, code)]


def _overdue(count: int) -> str:
    from platformstate.policy.due import MAX_OVERDUE

    return f"{count} or more overdue" if count >= MAX_OVERDUE else f"{count} overdue"


def _stranded(worktree: str | None) -> str:
    if worktree is None:
        return "waits for its branch to be checked out"
    return f"crashed in another worktree: platformctl -C {shlex.quote(worktree)} jobs tick"


def history_text(data: Mapping[str, Any]) -> str:
    """Return a ledger's lines, newest first."""
    shown = _columns([_history_row(line) for line in data["items"]])
    return "\n".join([shown, *(["more: --limit N"] if data["truncated"] else [])]) or "nothing happened yet"


def _history_row(line: Mapping[str, Any]) -> list[str]:
    why = f" ({line['reason']})" if line["reason"] else ""
    if line["status"] == "pruned":
        return [line["at"], "", f"{_counted(line['count'], 'run')} pruned, {line['from']} to {line['to']}"]
    if line.get("count"):
        slots = line["slot"] if line["count"] == 1 else f"{line['slot']} to {line['to']}"
        going_on = ", goes on" if line.get("open") else ""
        return [line["at"], "", f"{_counted(line['count'], 'slot')} {line['status']}{why}: {slots}{going_on}"]
    until = f" until {line['until']}" if line.get("until") else ""
    return [line["at"], line["run"] or "", f"{line['status']}{until}{why}{_ran(line)}"]


def _ran(line: Mapping[str, Any]) -> str:
    """Return how a run went beside its status; nothing of a line that is of no run."""
    if line["run"] is None:
        return ""
    words = [f", {line['trigger']}"]
    words += [f", exit code {line['exit_code']}"] if line["exit_code"] else []
    words += [f", {line['attempts']} attempts"] if line["attempts"] > 1 else []
    return "".join([*words, ", kept"] if line["kept"] else words)


def switched_text(data: Mapping[str, Any]) -> str:
    """Return what a job's schedule may do now."""
    state = "is disabled" if not data["enabled"] else "is paused" if data.get("paused") else "may fire"
    return f"{data['job']} {state}" + ("" if data.get("changed", True) else " (it was so already)")


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
        f"{row['slot']}  {row['action']}  {' '.join(word for word in (row['status'], row['reason']) if word)}".rstrip()
        for row in data["slots"]
    ]
    return "\n".join([*lines, f"{data['ran']} ran, {data['skipped']} skipped, {data['failed']} failed"])


def keep_text(data: Mapping[str, Any]) -> str:
    """Return whether a run is kept now."""
    return f"{data['run']} is {'kept' if data['kept'] else 'no longer kept'}"


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['job']}/{row['run']}" if row["run"] else str(row["job"])


def prune_text(data: Mapping[str, Any]) -> str:
    """Return what was removed, and what stays though it is old."""
    lines = [f"{_named(row)} stays: {row['reason']}" for row in data["skipped"]]
    lines += [f"{row['job']}/{row['run']} goes" for row in data["removed"]]
    return "\n".join([*lines, f"{_counted(len(data['removed']), 'run')}, {data['bytes']:,} bytes"])
