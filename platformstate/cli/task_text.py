"""Tasks as people read them: aligned, calm, one fact a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Data = Mapping[str, Any]
_FACTS: Final = ("priority", "kind", "tier", "owner", "agent", "branch", "base_commit")
_LISTS: Final = ("labels", "depends_on", "refs", "verify", "stop_conditions", "approvals_needed")
_MAX_TITLE: Final = 72


def changed_text(data: dict[str, Any]) -> str:
    """Return what a create or an update did."""
    task = data["task"]
    planned = data["write"]["state"] == "planned"
    if data["created"]:
        done = f"{'would create' if planned else 'created'} {task['id']} ({task['status']})"
    elif data["changed"]:
        done = f"{'would update' if planned else 'updated'} {task['id']}: {', '.join(data['changed'])}"
    else:
        done = f"unchanged {task['id']} ({task['status']})"
    return f"{done}\n{written_text(data)}"


def written_text(data: Data) -> str:
    """Return where a write went: path, commit or why there is none."""
    states = {
        "committed": f"commit {data['commit'] or ''}"[:19],
        "pending": "durable, its commit is pending",
        "files_only": "written, not committed",
        "unchanged": "nothing to write",
        "planned": "dry run, nothing written",
    }
    return f"{data['path']}  {states[data['write']['state']]}"


def list_text(data: dict[str, Any]) -> str:
    """Return a table of tasks."""
    rows = [
        (
            task["id"],
            task["status"],
            task["priority"],
            task["agent"] or task["owner"] or "-",
            _criteria(task),
            task["title"],
        )
        for task in data["tasks"]
    ]
    if not rows:
        return "no tasks"
    shown = table([("id", "status", "pri", "who", "met", "title"), *rows])
    return shown if len(rows) == data["total"] else f"{shown}\n{len(rows)} of {data['total']} tasks"


def show_text(data: dict[str, Any]) -> str:
    """Return one task in full."""
    task = data["task"]
    reason = f": {task['status_reason']}" if "status_reason" in task else ""
    facts = [
        ("status", task["status"] + reason),
        ("ready", _ready(data)),
        ("claim", claim_text(data["claim"])),
    ]
    facts += [(name.replace("_", " "), str(task[name])) for name in _FACTS if name in task]
    facts += [(name.replace("_", " "), ", ".join(task[name])) for name in _LISTS if task.get(name)]
    facts += [("created", f"{task['created_at']} by {task['created_by']}"), ("rev", task["rev"])]
    parts = [f"{task['id']}  {task['title']}", table(facts, indent=2)]
    parts += _section("acceptance", [_criterion(item) for item in task.get("acceptance", ())])
    parts += _section(
        "plan", [(item["key"], item["text"], item.get("verify", "")) for item in task.get("plan", ())]
    )
    parts += _section("runs", [_run(run) for run in data["runs"]])
    parts += [f"{heading}\n{_indented(text)}" for heading, text in data["body"].items() if text.strip()]
    return "\n\n".join(parts)


def claim_text(claim: Data | None) -> str:
    """Return a claim in one line."""
    if claim is None:
        return "none"
    until = {"released": ""}.get(claim["state"], f" until {claim['expires_at']}")
    remote = f", at {claim['remote']['name']}" if claim["remote"] else ""
    who = f"{claim['actor']} in run {claim['run']}, fence {claim['fence']}"
    return f"{claim['state']}: {who}{until}{remote}"


def closed_text(data: dict[str, Any]) -> str:
    """Return what became of a task that was closed, or of a criterion that was waived."""
    task = data["task"]
    planned = "would be " if data["write"]["state"] == "planned" else ""
    rows = [(one["id"], one["state"], one["proof"], _verdicts(one["evidence"])) for one in data["criteria"]]
    return f"{task['id']} {planned}{task['status']}\n{table(rows, indent=2)}\n{written_text(data)}"


def moved_text(data: dict[str, Any]) -> str:
    """Return which criterion went where."""
    left, gained = data["from"], data["to"]
    way = f"{left['task']}#{left['criterion']} -> {gained['task']}#{gained['criterion']}"
    return f"{'would move' if data['write']['state'] == 'planned' else 'moved'} {way}\n{written_text(data)}"


def verified_text(data: dict[str, Any]) -> str:
    """Return each item of evidence with its verdict, what is broken first."""
    counted = ", ".join(f"{number} {name}" for name, number in data["counts"].items())
    order = ("broken", "drifted", "unverifiable", "holds")
    rows = [
        (one["verdict"], f"{one['task']}#{one['criterion']}", f"{one['type']}:{one['ref']}", one["detail"])
        for one in sorted(data["results"], key=lambda one: order.index(one["verdict"]))
    ]
    return f"{table(rows)}\n{counted}" if rows else counted


def _verdicts(verdicts: Sequence[Data]) -> str:
    return ", ".join(f"{one['type']} {one['verdict']}" for one in verdicts) or "-"


def table(rows: Iterable[Sequence[str]], *, indent: int = 0) -> str:
    """Return rows as aligned columns; the last one is as wide as it is."""
    listed = [tuple(row) for row in rows]
    widths = [max(len(row[column]) for row in listed) for column in range(len(listed[0]) - 1)]
    lines = []
    for row in listed:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append((" " * indent + "  ".join([*cells, row[-1]])).rstrip())
    return "\n".join(lines)


def _criteria(task: Data) -> str:
    counts = task["criteria"]
    total = sum(counts.values())
    return f"{total - counts['open']}/{total}" if total else "-"


def _ready(data: Data) -> str:
    if data["ready"]:
        return "yes"
    words = {
        "status": f"it is {data['task']['status']}",
        "no_criteria": "it has no criteria",
        "claimed": "claimed",
    }
    reasons = (
        words.get(reason["code"], f"{reason['code'].replace('_', ' ')}: {reason['task']}")
        for reason in data["not_ready"]
    )
    return f"no ({', '.join(reasons)})"


def _criterion(item: Data) -> tuple[str, str, str, str]:
    moved = f"  -> {item['moved_to']}" if "moved_to" in item else ""
    return item["id"], item["state"], item["proof"], item["text"] + moved


def _run(run: Data) -> tuple[str, str, str, str]:
    counted = f"{run['checkpoints']} checkpoint{'' if run['checkpoints'] == 1 else 's'}"
    ended = f", ended {run['ended_at']}" if run["ended_at"] else ""
    status = run["status"] + (f", {run['condition']}" if run["condition"] else "")
    return run["id"], run["actor"], status, f"started {run['started_at']}{ended}, {counted}"


def _section(name: str, rows: list[tuple[str, ...]]) -> list[str]:
    return [f"{name}\n{table(rows, indent=2)}"] if rows else []


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
