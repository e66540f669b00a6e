"""The lines of a job's ledger, and the file that a writer appends them to. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeGuard

from platformstate.codec.json_text import canonical_json
from platformstate.core.instants import instant, stamp
from platformstate.policy.misfire import Unfired

SCHEMA: Final = "ledger/1"
MAX_FILE_BYTES: Final = 262_144
RAN: Final = ("succeeded", "failed", "aborted")
KEPT_OF_A_STREAK: Final = 3
_WRITER_DIGITS: Final = 8
_FINGERPRINT_DIGITS: Final = 12
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_INSTANTS: Final = ("at", "slot", "to", "until")
_TEXTS: Final = ("at", "job", "status", "actor")
_NULLABLE: Final = ("run", "slot", "reason")
_OF_A_RUN: Final = ("trigger", "spec_blob", "commit", "root_run")
_NUMBERS: Final = ("count", "exit_code", "attempts")
_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2})\.([a-z2-7]{8})(?:\.([0-9]+))?")


def writer_name(clone: str, worktree: str, branch: str | None) -> str:
    """Return the name under which one clone, worktree and branch appends, so that ledgers merge."""
    digest = sha256("\0".join((clone, worktree, branch or "")).encode()).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:_WRITER_DIGITS]


def file_name(at: str, writer: str, sizes: Mapping[str, int]) -> str:
    """Return the name, without its ending, of the file that a line of an instant goes to.

    `sizes` are those of the job's ledgers by name; a full one is followed by the next number.
    """
    month = at[:7]
    number = 1
    while sizes.get(_numbered(month, writer, number), 0) >= MAX_FILE_BYTES:
        number += 1
    return _numbered(month, writer, number)


def _numbered(month: str, writer: str, number: int) -> str:
    return f"{month}.{writer}" if number == 1 else f"{month}.{writer}.{number}"


def is_ledger_name(name: str) -> bool:
    """Say whether a name is one that `file_name` gives."""
    return _NAME.fullmatch(name) is not None


def is_line(row: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a value may be read as a line: what a branch brings may be anything."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in _TEXTS):
        return False
    wanted = (*_NULLABLE, *(_OF_A_RUN if row["status"] in RAN else ()))
    return all(name in row for name in wanted) and all(_is_value(name, row[name]) for name in row)


def _is_value(name: str, value: object) -> bool:
    if value is None or name == "kept" or name.startswith("x-"):
        return True
    if name in _NUMBERS:
        return isinstance(value, int)
    return isinstance(value, str) and (name not in _INSTANTS or _is_instant(value))


def _is_instant(text: str) -> bool:
    try:
        return _INSTANT.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def fingerprint(trigger: Mapping[str, Any]) -> str:
    """Return the digest by which a changed schedule is told from the same one."""
    return sha256(canonical_json(dict(trigger))).hexdigest()[:_FINGERPRINT_DIGITS]


def line_text(line: Mapping[str, Any]) -> bytes:
    """Return a line as it stands in its file."""
    return canonical_json(dict(line)) + b"\n"


def slot_run_id(slot: datetime) -> str:
    """Return the id of the run that a slot has: a second one of the same slot would collide with it."""
    return stamp(instant(slot))


def unfired_line(
    job: str, unfired: Unfired, *, at: str, actor: str, schedule: str, by: str | None
) -> dict[str, Any]:
    """Return the line for a range of slots that did not run; `by` is the run that stands for them."""
    return range_line(
        job,
        unfired.status,
        unfired.reason,
        (instant(unfired.slot), instant(unfired.to), unfired.slot_count),
        at=at,
        actor=actor,
        schedule=schedule,
        by=by,
    )


def range_line(
    job: str,
    status: str,
    reason: str | None,
    slots: tuple[str, str, int],
    *,
    at: str,
    actor: str,
    schedule: str,
    by: str | None = None,
) -> dict[str, Any]:
    """Return the line for slots from a first to a last one, and how many they are."""
    first, last, count = slots
    return {
        "schema": SCHEMA,
        "at": at,
        "job": job,
        "run": stamp(first),
        "slot": first,
        "status": status,
        "reason": reason,
        "actor": actor,
        "to": last,
        "count": count,
        "by": by,
        "schedule": schedule,
    }


def streak(lines: Iterable[Mapping[str, Any]]) -> int:
    """Return how many runs at the end of the lines, oldest first, ended as the last one did."""
    length, last = 0, None
    for line in lines:
        if line["status"] not in RAN:
            continue
        ended = (line["status"], line["reason"], line.get("exit_code"))
        length, last = (length + 1 if ended == last else 1), ended
    return length


def is_kept(keep: str, status: str, same_before: int, *, pinned: bool, was_suspended: bool) -> bool:
    """Say whether a run's folder is committed: by `output.keep`, by `jobs keep`, or since it suspended.

    `same_before` counts the failures like this one that directly precede it.
    """
    if pinned or was_suspended or keep == "full":
        return True
    return keep == "failed" and status == "failed" and same_before < KEPT_OF_A_STREAK


def failures_like(lines: Sequence[Mapping[str, Any]], reason: str | None, exit_code: int | None) -> int:
    """Return how many runs at the end of the lines, oldest first, failed for this reason with this code."""
    count = 0
    for line in reversed([line for line in lines if line["status"] in RAN]):
        if (line["status"], line["reason"], line.get("exit_code")) != ("failed", reason, exit_code):
            break
        count += 1
    return count
