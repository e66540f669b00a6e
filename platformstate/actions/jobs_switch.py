"""`jobs pause`, `resume`, `disable`: stop a job's schedule for a while, or for good, with a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer, written
from platformstate.actions.job_ledger import append_line, read_ledger, uncommitted
from platformstate.actions.job_pause import pause_of
from platformstate.actions.job_specs import resolve_job, working_job
from platformstate.actions.said import refuse_line
from platformstate.core.instants import moment, moment_of
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.files.locks import locked
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange


def pause_job(store: Store, prefix: str, *, reason: str, until: str | None = None) -> Answer:
    """Let no slot of a job fire until `jobs resume`, or until an instant; runs by hand stay possible.

    The line in the ledger travels with the branch; a mark in this clone stays when it is left.
    Raises: job_not_found, usage_invalid.
    """
    name = resolve_job(store, prefix)
    _refuse_past(until, store.now(), name)
    files = JobFiles(store.repository.common_dir, name)
    with locked(files.lock):
        paused = pause_of(store, name, read_ledger(WorkTree(store.root), name), store.now())
        same = paused is not None and (paused["reason"], paused["until"]) == (reason, until)
        if not same and not store.dry_run:
            line = _line(store, name, "paused", reason, until=until)
            refuse_line(store, name, line)
            store.session.author()
            append_line(store, name, line)
            mark = {"reason": reason, "until": until, "at": line["at"], "actor": store.actor}
            files.write_cursor({**(files.cursor() or {}), "paused": mark})
    return _switched(store, name, "pause", not same, ())


def resume_job(store: Store, prefix: str) -> Answer:
    """Let a job's slots fire again, and enable it if it was disabled. Raises: job_not_found, record_changed."""
    name = resolve_job(store, prefix)
    files = JobFiles(store.repository.common_dir, name)
    with locked(files.lock):
        paused = pause_of(store, name, read_ledger(WorkTree(store.root), name), store.now())
        if paused is not None and not store.dry_run:
            store.session.author()
            append_line(store, name, _line(store, name, "resumed", None))
            cursor = files.cursor() or {}
            cursor.pop("paused", None)
            files.write_cursor(cursor)
    enabling = _enabled(store, name, True)
    return _switched(store, name, "resume", paused is not None or bool(enabling), enabling)


def disable_job(store: Store, prefix: str, *, reason: str) -> Answer:
    """Set `enabled: false` in a job's spec; after it lands nothing starts the job. Raises: job_not_found."""
    name = resolve_job(store, prefix)
    changed = _enabled(store, name, False, because=reason)
    done = store.write(lambda: _change(store, name, "disable", changed))
    nexts = (f"platformctl jobs resume {name}",) if changed else ()
    return written({"job": name, "enabled": False}, done, nexts)


def _enabled(store: Store, name: str, wanted: bool, *, because: str = "") -> tuple[FileChange, ...]:
    """Return the change of the spec that sets `enabled`, none when it says so already.

    It is one line; the reason stands behind it as a comment.
    """
    from platformstate.codec.edit import text_of
    from platformstate.store.change import FileChange

    spec = working_job(store, name)
    if spec.whole["enabled"] is wanted:
        return ()
    assert spec.document is not None
    before = store.bytes_of(spec.path)
    after = text_of(spec.document.with_changes({"enabled": wanted}))
    noted = f"  # {' '.join(because.split())}" if because else ""
    line = re.compile(r"^enabled: (?:true|false)(?:[ \t]+#[^\r\n]*)?", re.MULTILINE)
    after = line.sub(lambda _: f"enabled: {str(wanted).lower()}{noted}", after, count=1)
    return (FileChange(spec.path, before, after.encode()),)


def _line(store: Store, name: str, status: str, reason: str | None, **more: Any) -> dict[str, Any]:
    said = {"schema": "ledger/1", "at": store.now(), "job": name, "run": None, "slot": None}
    return {**said, "status": status, "reason": reason, "actor": store.actor, **more}


def _switched(store: Store, name: str, verb: str, changed: bool, files: tuple[FileChange, ...]) -> Answer:
    done = store.write(lambda: _change(store, name, verb, files))
    lines = read_ledger(WorkTree(store.root), name)
    data = {
        "job": name,
        "paused": pause_of(store, name, lines, store.now()) is not None,
        "enabled": working_job(store, name).whole["enabled"],
        "changed": changed,
    }
    return written(data, done, (f"platformctl jobs status {name}",))


def _change(store: Store, name: str, verb: str, files: tuple[FileChange, ...]) -> Change:
    from platformstate.store.change import Change

    return Change(f"job: {verb} {name}", (("Actor", store.actor),), (*uncommitted(store, [name]), *files))


def _refuse_past(until: str | None, now: str, name: str) -> None:
    if until is not None and moment_of("--until", until) <= moment(now):
        message = f"--until {until} has passed: it is {now}, so nothing would pause"
        raise StateError("usage_invalid", message, hint=f"platformctl jobs pause {name} --reason TEXT")
