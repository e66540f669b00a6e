"""`jobs keep`: commit a run's folder and let no clean-up touch it; `--undo` lets go of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer, written
from platformstate.actions.job_commit import MARK, kept_files
from platformstate.actions.run_site import RunSite, find_run, read_run
from platformstate.errors import StateError
from platformstate.files import Folder, WorkTree
from platformstate.files.locks import locked
from platformstate.policy.journal import TERMINAL
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange


def keep_run(store: Store, text: str, *, undo: bool = False, reason: str | None = None) -> Answer:
    """Commit a finished run of a job and pin it. Raises: run_not_found, run_transition_refused."""
    site = find_run(store, text)
    if not site.subject.startswith("job/"):
        raise StateError(
            "run_not_found", f"{site.named} is no run of a job; those of tasks and procedures are kept"
        )
    if read_run(site).state.status not in TERMINAL:
        raise StateError(
            "run_transition_refused", f"{site.named} has not ended", hint="repeat it when it has"
        )
    with locked(JobFiles(store.repository.common_dir, site.subject.partition("/")[2]).lock):
        done = store.write(lambda: _change(store, site, undo, reason))
    data: dict[str, Any] = {"run": site.named, "kept": not undo}
    return written(data, done)


def _change(store: Store, site: RunSite, undo: bool, reason: str | None) -> Change:
    from platformstate.codec.edit import text_of
    from platformstate.store.change import Change

    header = store.read(site.header)
    mark = None if undo else " ".join((reason or "kept").split())
    after = text_of(header.with_changes({MARK: mark})).encode()
    files = [_header(store, site, after)]
    if not undo:
        files += [file for file in kept_files(store, site.folder) if file.path != site.header]
    verb = "release" if undo else "keep"
    return Change(f"run: {verb} {site.run}", (("Run", site.named), ("Actor", store.actor)), tuple(files))


def _header(store: Store, site: RunSite, after: bytes) -> FileChange:
    """Return the change of `run.md`; one that HEAD lacks is written at once, since HEAD has nothing to build on."""
    from platformstate.store.change import FileChange
    from platformstate.store.checking import refuse_bad_files

    head = None if store.repository.head is None else store.tree("HEAD")
    committed = None if head is None else next((data for _, data in head.read([site.header])), None)
    if committed is not None or store.dry_run:
        return FileChange(site.header, WorkTree(store.root).bytes_of(site.header), after)
    change = FileChange(site.header, None, after)
    refuse_bad_files([change], store.session.settings.allowed_secrets)
    durability = store.session.settings.durability
    with Folder.at(store.root, site.folder, durability=durability) as folder:
        folder.replace("run.md", after, durability)
    return change
