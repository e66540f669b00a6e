"""Commit what jobs left: the lines of their ledgers, and the runs that are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.job_ledger import head_tree, is_about, read_ledger, uncommitted
from platformstate.core.places import receipt_path, run_folder
from platformstate.core.tree import Tree
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL
from platformstate.policy.ledger import is_line
from platformstate.policy.secrets import find_secrets
from platformstate.runner import Lease
from platformstate.runner.opening import read_whole

MAX_ARTIFACT_BYTES: Final = 1_048_576
WITHHELD: Final = "withheld"  # beside a run's lock: the artifacts that show a value of its environment
MARK: Final = "x-keep"  # in run.md, where it is committed with the run; the reason, or "kept"

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange, Written


def is_pinned_run(store: Store, site: RunSite) -> bool:
    """Say whether a run was kept by hand."""
    return f"\n{MARK}:" in (WorkTree(store.root).bytes_of(site.header) or b"").decode("utf-8", "replace")


def commit_runs(store: Store, jobs: Sequence[str]) -> Written:
    """Commit the new lines of these jobs' ledgers and the kept runs that they name, in one commit.

    Raises: what a write raises; the lines are durable in their files whatever becomes of it.
    """
    return store.write(lambda: _change(store, sorted(set(jobs))))


def commit_each(store: Store, jobs: Sequence[str]) -> tuple[Written | None, dict[str, StateError]]:
    """Commit the same of jobs of which one may be broken, and return what keeps each such job's files out.

    Raises: what a write raises that is not about one of the jobs.
    """
    left, refused = set(jobs), dict[str, StateError]()
    while left:
        try:
            return commit_runs(store, sorted(left)), refused
        except StateError as error:
            job = next((name for name in left if is_about(name, error)), None)
            if job is None:
                raise
            left.remove(job)
            refused[job] = error
    return None, refused


def _change(store: Store, jobs: Sequence[str]) -> Change:
    from platformstate.store.change import Change

    files = list(uncommitted(store, jobs))
    head = head_tree(store)
    for job in jobs:
        files += _kept(store, job, head)
    subject = f"job: record {jobs[0]}" if len(jobs) == 1 else f"job: record {len(jobs)} jobs"
    return Change(subject, (("Actor", store.actor),), tuple(files))


def _kept(store: Store, job: str, head: Tree | None) -> list[FileChange]:
    """Return the files of the job's kept runs that HEAD lacks."""
    lines = read_ledger(WorkTree(store.root), job)
    kept = [line["run"] for line in lines if line["status"] in TERMINAL and line.get("kept")]
    receipts = {receipt_path(f"job/{job}", run): run_folder(f"job/{job}", run) for run in kept}
    held = {} if head is None else dict(head.read(receipts))
    missing = [folder for path, folder in receipts.items() if path not in held]
    return [change for folder in missing for change in kept_files(store, folder)]


def kept_files(store: Store, folder: str) -> tuple[FileChange, ...]:
    """Return the files of a run's folder as changes that commit what HEAD lacks of it.

    Of its logs those of attempts that did not succeed; no artifact above one MiB or with a secret in it.
    """
    from platformstate.store.change import FileChange

    here, head = WorkTree(store.root), head_tree(store)
    held = {} if head is None else dict(head.read([entry.path for entry in head.entries(folder)]))
    left_out = _withheld(store, folder)
    changes = []
    for entry in here.entries(folder):
        if entry.path in left_out or _is_large(store, folder, entry.path):
            continue
        data = here.bytes_of(entry.path)
        if data is None or held.get(entry.path) == data or not _is_kept(store, folder, entry.path, data):
            continue
        changes.append(
            FileChange(entry.path, held.get(entry.path), data, append=entry.path.endswith("/events.jsonl"))
        )
    return tuple(changes)


def _withheld(store: Store, folder: str) -> set[str]:
    """Return the artifacts that show a value of their run's environment."""
    _, _, job, _, run = folder.split("/")
    noted = read_whole(Lease(store.repository.common_dir, f"{job}/{run}").file(WITHHELD))
    return {f"{folder}/artifacts/{name}" for name in json.loads(noted or b"[]")}


def _is_large(store: Store, folder: str, path: str) -> bool:
    """Say whether a file is an artifact that no commit holds, without reading it."""
    return (
        path.startswith(f"{folder}/artifacts/") and (store.root / path).lstat().st_size > MAX_ARTIFACT_BYTES
    )


def _is_kept(store: Store, folder: str, path: str, data: bytes) -> bool:
    name = path.removeprefix(f"{folder}/")
    if name.startswith("logs/"):
        return name.removeprefix("logs/").removesuffix(".log") in _unsuccessful(WorkTree(store.root), folder)
    if not name.startswith("artifacts/"):
        return True
    allowed = store.session.settings.allowed_secrets
    return not find_secrets(data.decode("utf-8", "replace"), path, allowed)


def _unsuccessful(here: WorkTree, folder: str) -> set[str]:
    """Return `<step>.<attempt>` of each attempt that did not succeed."""
    receipt = json.loads(here.bytes_of(f"{folder}/run_receipt.json") or b"{}")
    rows = receipt.get("job", {}).get("attempts", ())
    return {f"{row['step_index']}.{row['attempt']}" for row in rows if row["outcome"] != "succeeded"}


def pending_lines(store: Store, jobs: Sequence[str]) -> list[dict[str, Any]]:
    """Return the lines of these jobs' ledgers that HEAD does not hold yet; one that is none counts as none."""
    lines = []
    for change in uncommitted(store, jobs):
        new = (change.after or b"")[len(change.before or b"") :]
        for text in new.splitlines():
            with suppress(ValueError):
                lines.append(json.loads(text))
    return [line for line in lines if is_line(line)]
