"""Commit what jobs left: the lines of their ledgers, and the runs that are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from platformstate.actions.job_ledger import read_ledger, uncommitted
from platformstate.core.places import run_folder
from platformstate.core.tree import Tree
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange, Written


def commit_runs(store: Store, jobs: Sequence[str]) -> Written:
    """Commit the new lines of these jobs' ledgers and the kept runs that they name, in one commit.

    Raises: what a write raises; the lines are durable in their files whatever becomes of it.
    """
    return store.write(lambda: _change(store, sorted(set(jobs))))


def _change(store: Store, jobs: Sequence[str]) -> Change:
    from platformstate.store.change import Change

    files = list(uncommitted(store, jobs))
    head = None if store.repository.head is None else store.tree("HEAD")
    for job in jobs:
        files += _kept(store, job, head)
    subject = f"job: record {jobs[0]}" if len(jobs) == 1 else f"job: record {len(jobs)} jobs"
    return Change(subject, (("Actor", store.actor),), tuple(files))


def _kept(store: Store, job: str, head: Tree | None) -> list[FileChange]:
    """Return the files of the job's kept runs that HEAD lacks."""
    from platformstate.store.change import FileChange

    here = WorkTree(store.root)
    changes = []
    for line in read_ledger(here, job):
        if line["status"] not in TERMINAL or not line.get("kept"):
            continue
        folder = run_folder(f"job/{job}", line["run"])
        held = {} if head is None else dict(head.read([entry.path for entry in head.entries(folder)]))
        if f"{folder}/run_receipt.json" in held:
            continue
        for path in _files_of(here, folder):
            data = here.bytes_of(path)
            if data is not None and held.get(path) != data:
                changes.append(FileChange(path, held.get(path), data, append=path.endswith("/events.jsonl")))
    return changes


def _files_of(here: WorkTree, folder: str) -> list[str]:
    return [entry.path for entry in here.entries(folder)]


def pending_lines(store: Store, jobs: Sequence[str]) -> list[dict[str, Any]]:
    """Return the lines of these jobs' ledgers that HEAD does not hold yet."""
    lines = []
    for change in uncommitted(store, jobs):
        new = (change.after or b"")[len(change.before or b"") :]
        lines += [json.loads(text) for text in new.splitlines() if text]
    return lines
