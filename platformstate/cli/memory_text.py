"""Checkpoints as people read them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from platformstate.cli.task_text import table, written_text
from platformstate.entities.checkpoint import SECTIONS


def created_text(data: dict[str, Any]) -> str:
    """Return what a create recorded, and in which run."""
    said = data["checkpoint"]
    planned = data["write"]["state"] == "planned"
    word = ("would record" if planned else "recorded") if data["created"] else "recorded before:"
    opened = " (opened)" if data["run_opened"] else ""
    judged = f"{said['basis']}, {said['confidence']}"
    return f"{word} {said['id']} {said['kind']}, {judged}\nrun {data['run']}{opened}\n{written_text(data)}"


def observed_text(data: dict[str, Any]) -> str:
    """Return what an observation recorded, and what was known before."""
    known = f"{len(data['skipped'])} commits were recorded before" if data["skipped"] else ""
    if not data["created"]:
        return f"nothing new: {known}"
    word = "would record" if data["write"]["state"] == "planned" else "recorded"
    opened = " (opened)" if data["run_opened"] else ""
    lines = [f"{word} {', '.join(data['created'])}", f"run {data['run']}{opened}", known, written_text(data)]
    return "\n".join(line for line in lines if line)


def packet_shown(data: dict[str, Any], out: Path | None) -> str:
    """Return a packet's text, or where it went."""
    return str(data["text"]).rstrip("\n") if out is None else f"wrote {out}"


def checkpoints_text(data: dict[str, Any]) -> str:
    """Return a table of checkpoints."""
    rows = [
        (row["id"], row["kind"], row["author"], row["confidence"], _line(row)) for row in data["checkpoints"]
    ]
    if not rows:
        return f"{data['total']} older" if data["total"] else "no checkpoints"
    shown = table([("id", "kind", "author", "confidence", "summary"), *rows])
    missing = data["total"] - len(rows)
    return f"{missing} older\n{shown}" if missing else shown


def checkpoint_text(data: dict[str, Any]) -> str:
    """Return one checkpoint in full."""
    said = data["checkpoint"]
    git = said["git"]
    observer = f", observed by {said['observer']}" if "observer" in said else ""
    facts = [
        ("task", said.get("task", "-")),
        ("run", said["run"]),
        ("at", f"{said['at']} by {said['author']}{observer}"),
        ("basis", f"{said['basis']}, {said['confidence']}"),
        ("commit", f"{git['commit'] or '-'} on {git['branch'] or '-'}, {git['dirty']} dirty"),
        ("next", said.get("next_action", "-")),
        ("verify with", said.get("next_verify", "-")),
        ("superseded by", data["superseded_by"] or "-"),
    ]
    facts += [("criterion", f"{claim['id']} {claim['state']}") for claim in said.get("criteria", ())]
    facts += [
        ("command", f"exit {c['exit_code']} of {shlex.join(c['argv'])}") for c in said.get("commands", ())
    ]
    facts += [
        ("waits on", f"{blocker['waits_on']}: {blocker['ask']}") for blocker in said.get("blockers", ())
    ]
    facts += [("file", path) for path in said.get("files", ())]
    facts += [
        ("evidence", f"{item['type']}:{item['ref']} {item['verdict']}: {item['detail']}")
        for item in data["evidence"]
    ]
    parts = [f"{said['id']}  {said['kind']}", table((row for row in facts if row[1] != "-"), indent=2)]
    for key, name in SECTIONS.items():
        items = said["body"][key]
        if items:
            parts.append("\n".join([name, *(_item(text) for text in items)]))
    return "\n\n".join(parts)


def _line(row: dict[str, Any]) -> str:
    corrected = f" [superseded by {row['superseded_by']}]" if row["superseded_by"] else ""
    return (row["summary"] or "-").partition("\n")[0] + corrected


def _item(text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([f"  - {first}", *(f"    {line}".rstrip() for line in rest)])


def rescued_text(data: dict[str, Any], brief: str) -> str:
    """Return the brief to go on from; a dry run says first what is proven."""
    if data["write"]["state"] != "planned":
        return brief
    return f"would rescue {data['dead_run']}: {data['proof']['kind']}, {data['proof']['detail']}\n\n{brief}"
