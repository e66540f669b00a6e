"""Procedures, runs and their steps as people read them on a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from platformstate.cli.findings import finding_text

Data = dict[str, Any]


def procedures_text(data: Data) -> str:
    """Return a line for each procedure."""
    rows = [f"{row['id']}  {row['title']} ({row['steps']} steps)" for row in data["procedures"]]
    return "\n".join(rows) or "no procedures"


def procedure_text(data: Data) -> str:
    """Return a procedure with its params and steps."""
    lines = [f"{data['id']}: {data['title']}"]
    lines += [f"  --param {param['name']}=…  {_param(param)}" for param in data["params"]]
    lines += [f"  {number} {step['key']} ({step['kind']})" for number, step in enumerate(data["steps"])]
    return "\n".join(lines)


def lint_text(data: Data) -> str:
    """Return what is wrong with a procedure, or one line that says that nothing is."""
    return "\n".join(map(finding_text, data["problems"])) or f"{data['procedure']}: nothing wrong"


def _param(param: Mapping[str, Any]) -> str:
    words = [str(param["type"])]
    if "choices" in param:
        words.append("one of " + ", ".join(map(str, param["choices"])))
    words.append(f"default {param['default']}" if "default" in param else "required")
    return ", ".join([*words, *([str(param["help"])] if "help" in param else [])])


def conduct_text(data: Data) -> str:
    """Return where a conducted run stands."""
    if "steps_sha256" in data:
        rows = [f"{step['index']} {step['key']} ({step['kind']})" for step in data["steps"]]
        return "\n".join([*rows, f"sha256 {data['steps_sha256']}"])
    line = f"{data['run']} {data['status']}"
    line += f" ({data['reason']})" if data["reason"] else ""
    return f"{line}, {data['steps_done']} of {data['steps_total']} steps"


def runs_text(data: Data) -> str:
    """Return a line for each run."""
    return "\n".join(map(_run_line, data["runs"])) or "no runs"


def _run_line(row: Mapping[str, Any]) -> str:
    status = row["condition"] or row["status"]
    steps = "" if row["steps_total"] is None else f" {row['steps_done']}/{row['steps_total']}"
    return f"{row['run']}  {row['subject']}  {status}{steps}  {row['actor']}"


def run_text(data: Data) -> str:
    """Return a run and where it stands."""
    stood = data["standing"]
    lines = [f"{stood['run']} of {stood['subject']}: {stood['condition'] or stood['status']}"]
    if stood["reason"]:
        lines.append(f"  because: {stood['reason']}")
    if stood["steps_total"] is not None:
        lines.append(f"  steps: {stood['steps_done']} of {stood['steps_total']}")
    if at := stood["stopped_at"]:
        lines.append(
            f"  at: {at['step_index']} {at['key']} ({at['kind']}), attempt {at['attempt']}, {at['outcome']}"
        )
    return "\n".join([*lines, f"  next: {stood['next_action']}"])


def steps_text(data: Data) -> str:
    """Return a line for each step."""
    rows = [
        f"{row['step_index']} {row['key']} ({row['kind']})  {row['outcome']}  attempts {len(row['attempts'])}"
        for row in data["steps"]
    ]
    return "\n".join(rows) or "no pinned steps"


def plan_text(data: Data) -> str:
    """Return what a resume would do, a line a step."""
    rows = [f"{row['step_index']} {row['key']}: {row['action']}, {row['because']}" for row in data["plan"]]
    return "\n".join(rows) or "no pinned steps"


def answer_text(data: Data) -> str:
    """Return what became of a run after somebody's word."""
    step = f" step {data['step_index']} {data['answer']}," if "step_index" in data else ""
    return f"{data['run']}:{step} {data['status']}, next: {data['next_action']}"


def step_text(data: Data) -> str:
    """Return what a step done by hand asks for, or how it ended."""
    line = (
        f"{data['run']} step {data['step_index']} {data['key']}, attempt {data['attempt']}: {data['outcome']}"
    )
    if data["outcome"] != "in_flight":
        return line
    check = [f"  verify: {data['verify_text']}"] if data["verify_text"] else []
    return "\n".join([line, f"  {data['instruct']}", *check])


def event_text(event: Mapping[str, Any]) -> str:
    """Return an event in one line."""
    rest = {key: value for key, value in event.items() if key not in ("seq", "at", "type", "h")}
    said = " ".join(f"{key}={_shown(value)}" for key, value in rest.items())
    return f"{event['seq']} {event['at']} {event['type']} {said}".rstrip()


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def verify_text(data: Data) -> str:
    """Return what held and what did not."""
    names = ("chain", "pin", "header", "receipt", "committed")
    rows = [
        f"{name}: {'none' if data[name] is None else 'ok' if data[name]['ok'] else 'NO'}" for name in names
    ]
    return "\n".join([data["run"], *rows])
