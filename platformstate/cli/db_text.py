"""Databases, syncs and verifications as people read them on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Data = dict[str, Any]
_SHORT = 8


def migrate_text(data: Data) -> str:
    """Return what was applied, what is pending, and the SQL that was asked for."""
    if data["sql"] is not None:
        return str(data["sql"])
    lines = [f"applied {each['version']:04} {each['name']} ({each['ms']} ms)" for each in data["applied"]]
    lines += [f"pending {each['version']:04} {each['name']}" for each in data["pending"]]
    return "\n".join([*lines, f"schema {data['schema']} is at version {data['to_version']}"])


def sync_text(data: Data) -> str:
    """Return a line for each table that changed, and one for the whole."""
    changed = {name: _changes(each) for name, each in data["tables"].items()}
    lines = [f"  {name}: {text}" for name, text in changed.items() if text]
    ref = data["ref"].removeprefix("refs/heads/")
    to = data["to_commit"][:_SHORT]
    if data["result"] == "up_to_date":
        return f"{ref} {to} is up to date"
    came = f"{data['from_commit'][:_SHORT]}.." if data["from_commit"] else ""
    rows = sum(_changed(each) for each in data["tables"].values())
    word = "would sync" if data["result"] == "planned" else "synced"
    return "\n".join([*lines, f"{word} {ref} {came}{to} ({data['relation']}), {_count(rows, 'row')}"])


def _changed(counts: Mapping[str, int]) -> int:
    return counts["inserted"] + counts["updated"] + counts["deleted"]


def _changes(counts: Mapping[str, int]) -> str:
    words = ("inserted", "updated", "deleted")
    return ", ".join(f"{counts[word]} {word}" for word in words if counts[word])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def verify_text(data: Data) -> str:
    """Return what differs, or one line that says that nothing does."""
    rows = sum(each["found"] for each in data["tables"].values())
    lines = [line for name, each in data["tables"].items() for line in _table(name, each)]
    lines += [f"{each['object']}: {each['found'] or 'absent'}, expected {each['expected'] or 'absent'}"
              for each in data["drift"]]  # fmt: skip
    ref, commit = data["ref"].removeprefix("refs/heads/"), data["commit"][:_SHORT]
    verdict = "NOT equal" if data["differences"] else "equal"
    drift = f"; {_count(len(data['drift']), 'change')} of the catalog" if data["drift"] else ""
    lines.append(f"{_count(rows, 'row')} {verdict} to {ref} {commit} ({data['mode']}){drift}")
    if data["behind"]:
        lines.append(f"{ref} is {_count(data['behind'], 'commit')} ahead of the tables")
    if data["evidence"]:
        lines.append(f"evidence {data['evidence']}")
    return "\n".join(lines)


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    lines = [f"{name}: {_key(key)} is missing" for key in table["missing"]]
    lines += [f"{name}: {_key(key)} is not in the commit" for key in table["extra"]]
    lines += [
        f"{name}: {_key(each['key'])} differs in {', '.join(each['columns'])}" for each in table["altered"]
    ]
    if not table["ok"] and not lines:
        lines.append(f"{name}: {table['found']} rows, expected {table['expected']}")
    return lines


def _key(key: Mapping[str, Any]) -> str:
    return " ".join(str(value) for value in key.values())


def status_text(data: Data) -> str:
    """Return where the tables stand, a line for each question."""
    migration, head, repository = data["migration"], data["head"], data["repository"]
    place = f"{data['database']} {data['schema']}".strip()
    lines = [f"{data['engine']} {data['server_version']}: {place}"]
    lines.append(f"tables at version {migration['version']} of {migration['wanted']}")
    if head is None:
        return "\n".join([*lines, "never synced"])
    ref = head["ref"].removeprefix("refs/heads/")
    lines.append(
        f"synced {ref} {head['commit'][:_SHORT]} at {head['synced_at']}, {_count(_rows(data), 'row')}"
    )
    lines.append(_behind(repository))
    last = data["last_verify"]
    if last is not None:
        verdict = "equal" if last["ok"] else "NOT equal"
        lines.append(
            f"verified {last['commit'][:_SHORT]} {verdict} ({last['mode']}) at {last['finished_at']}"
        )
    return "\n".join(lines)


def _rows(data: Data) -> int:
    return sum(data["tables"].values())


def _behind(repository: Mapping[str, Any]) -> str:
    if repository["behind"] == 0:
        return "in step with the repository"
    if repository["behind"] is None:
        return "the synced commit is not an ancestor of the ref's tip"
    return f"{_count(repository['behind'], 'commit')} behind the repository"


def export_text(data: Data) -> str:
    """Return what was written and the root of its tables."""
    rows = sum(data["tables"].values())
    return f"wrote {data['path']}: {_count(rows, 'row')} of {data['commit'][:_SHORT]}, root {data['root']}"


def sql_text(data: Data) -> str:
    """Return the script."""
    return str(data["sql"])
