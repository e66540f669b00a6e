"""`jobs prune`: remove the folders of old runs; it alone deletes anything of a job, and never a ledger."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.answer import Answer
from platformstate.actions.job_commit import is_pinned_run
from platformstate.actions.job_ledger import append_line, is_about, of_all, read_ledger, uncommitted
from platformstate.actions.job_runs import is_ours, open_sites
from platformstate.actions.job_specs import read_spec, resolve_job, working_job
from platformstate.actions.run_site import RunSite, read_run, sites
from platformstate.codec import record
from platformstate.codec.json_text import canonical_json
from platformstate.core.instants import moment, moment_of
from platformstate.entities.kinds import JOB
from platformstate.errors import StateError
from platformstate.files import Folder, WorkTree
from platformstate.files.errors import meaning
from platformstate.files.locks import locked
from platformstate.policy.journal import TERMINAL
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange

_LAST: Final = ("resolved_steps.json", "events.jsonl")  # without them nobody finds the rest of a run's folder
_REACHED: Final = os.R_OK | os.W_OK | os.X_OK


class _Asked(NamedTuple):
    """What holds for all jobs: the instant that stands for every limit, what is cited, what is trusted."""

    before: datetime | None
    cited: frozenset[str]
    commit: str | None


class _Old(NamedTuple):
    """A run that may go, or the reason why it stays."""

    site: RunSite
    ended_at: str
    reason: str | None = None


def prune_jobs(store: Store, prefixes: Sequence[str] = (), *, before: str | None = None) -> Answer:
    """Remove old ended runs of these jobs, or of all; `before` stands for both limits of a spec.

    Kept ones go by a commit, so that history has them. A run that goes on, that is pinned, or that is
    evidence of a task is never touched. A job that cannot be read is left as it is, and so is a folder that
    may not be removed; each is an error beside what became of the others.
    Raises: job_not_found, usage_invalid, state_invalid.
    """
    from platformstate.gitrepo.trust import trusted_ref

    limit = None if before is None else moment_of("--before", before)
    names = [resolve_job(store, prefix) for prefix in prefixes] or store.ids(JOB)
    trusted = trusted_ref(store.repository)
    asked = _Asked(limit, _cited(store), None if trusted is None else trusted.commit)
    done: dict[str, Any] = {"removed": [], "skipped": [], "bytes": 0}
    refused: list[StateError] = []
    for name in sorted(set(names)):
        try:
            refused += _prune(store, name, asked, done)
        except StateError as broken:
            if not is_about(name, broken):
                raise
            refused.append(broken)
            done["skipped"].append({"job": name, "run": None, "reason": broken.code})
    return Answer(done, error=of_all(refused))


def _prune(store: Store, name: str, asked: _Asked, done: dict[str, Any]) -> list[StateError]:
    """Prune one job and add to what was done; return why folders that were to go are still there."""
    with locked(JobFiles(store.repository.common_dir, name).lock):
        found = list(_old(store, name, asked))
        stuck = {
            old.site.run: stands for old in found if not old.reason and (stands := _stuck(store, old.site))
        }
        going = [old for old in found if old.reason is None and old.site.run not in stuck]
        sizes = {old.site.run: _bytes(store, old.site) for old in going}
        if going and not store.dry_run:
            stuck |= _remove(store, name, going)
    stays = {old.site.run: old.reason for old in found if old.reason}
    stays |= {run: refused.code for run, refused in stuck.items()}
    gone = [run for run in sizes if run not in stuck]
    done["skipped"] += [{"job": name, "run": run, "reason": reason} for run, reason in stays.items()]
    done["removed"] += [{"job": name, "run": run} for run in gone]
    done["bytes"] += sum(sizes[run] for run in gone)
    return list(stuck.values())


def _old(store: Store, name: str, asked: _Asked) -> Iterator[_Old]:
    """Yield the runs that are past their time, newest first, those that must stay with the reason.

    One of ours whose end no line tells yet is not settled: the next tick writes its line.
    """
    ended, before = [], asked.before
    untold = {site.run for site in open_sites(store, name) if is_ours(store, site)}
    for site in sites(store, f"job/{name}"):
        try:
            state = read_run(site).state
        except StateError as broken:
            yield _Old(site, "", broken.code)
            continue
        if state.status not in TERMINAL:
            if before is not None:
                yield _Old(site, "", "running")
            continue
        ended.append((str(state.header["ended_at"]), state.status, site))
    keeps = {} if before is not None else _retention(store, name, asked.commit)
    now = moment(store.now())
    newest_first = sorted(ended, key=lambda row: (row[0], row[2].run), reverse=True)
    for place, (at, status, site) in enumerate(newest_first):
        if moment(at) < before if before is not None else _is_old(now - moment(at), place, status, keeps):
            yield _Old(site, at, "unsettled" if site.run in untold else _reason(store, site, asked.cited))


def _retention(store: Store, name: str, commit: str | None) -> Mapping[str, Any]:
    """Return how long runs stay: what is checked out decides only of a job that is not landed.

    Raises: the error that a faulty spec is.
    """
    spec = None if commit is None else read_spec(store, store.tree(commit), name)
    return dict((spec or working_job(store, name)).whole["retention"])


def _is_old(age: timedelta, place: int, status: str, keeps: Mapping[str, Any]) -> bool:
    days = keeps["keep_failed_days"] if status == "failed" else keeps["days"]
    return age > timedelta(days=days) or (status != "failed" and place >= keeps["runs"])


def _reason(store: Store, site: RunSite, cited: frozenset[str]) -> str | None:
    if site.lease.is_held():
        return "running"
    if is_pinned_run(store, site):
        return "pinned"
    return "evidence" if site.named in cited or site.run in cited else None


def _cited(store: Store) -> frozenset[str]:
    """Return the runs that a task or a checkpoint names as evidence."""
    from platformstate.core.places import place_of

    found: set[str] = set()
    tree = store.tree()
    wanted = [entry.path for entry in tree.entries("state/tasks") if _may_cite(place_of(entry.path))]
    for path, data in tree.read(wanted):
        parsed = record.parse(data, path)
        if parsed.document is None:
            raise StateError(
                "state_invalid",
                "it cannot be read, so nobody knows which runs are its evidence",
                hint=f"platformctl validate {path}",
                path=path,
            )
        found |= set(_receipts(parsed.document.meta))
    return frozenset(found)


def _may_cite(place: Any) -> bool:
    return place is not None and place.kind in ("task", "checkpoint")


def _receipts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") == "receipt":
            yield str(value.get("run") or str(value.get("ref", "")).partition(":")[2])
        for inner in value.values():
            yield from _receipts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _receipts(inner)


def _bytes(store: Store, site: RunSite) -> int:
    return sum(path.lstat().st_size for path in (store.root / site.folder).rglob("*") if path.is_file())


def _stuck(store: Store, site: RunSite) -> StateError | None:
    """Return why a run's folder may not be removed, None where nothing forbids it; nothing is tried."""
    top = store.root / site.folder
    below = (Path(at, name) for at, names, _ in os.walk(top) for name in names)
    folders = (top.parent, top, *(path for path in below if not path.is_symlink()))
    kept = next(
        (
            path
            for path in folders
            if not os.access(path, _REACHED, effective_ids=os.access in os.supports_effective_ids)
        ),
        None,
    )
    return None if kept is None else _left(site, kept.relative_to(store.root).as_posix())


def _left(site: RunSite, path: str) -> StateError:
    return StateError(
        "repository_read_only",
        f"{site.named} is old and stays: its files may not be removed by this user",
        hint="platformctl jobs prune, as the user that runs the jobs",
        path=path,
    )


def _remove(store: Store, name: str, going: Sequence[_Old]) -> dict[str, StateError]:
    """Record what goes, commit the removal of what HEAD holds, then remove folders, claims and local files.

    Return the runs whose folder stayed after all, each with the reason: they keep their claim and local files.
    """
    runs = sorted(old.site.run for old in going)
    line = {
        "schema": "ledger/1",
        "at": store.now(),
        "job": name,
        "run": None,
        "slot": None,
        "status": "pruned",
        "reason": None,
        "actor": store.actor,
        "count": len(runs),
        "from": min(old.ended_at for old in going),
        "to": max(old.ended_at for old in going),
        "digest": sha256(canonical_json(runs)).hexdigest(),
    }
    # One that was killed here has told of these runs already.
    if not any(told.get("digest") == line["digest"] for told in read_ledger(WorkTree(store.root), name)):
        append_line(store, name, line)
    store.write(lambda: _change(store, name, going))
    files, stayed = JobFiles(store.repository.common_dir, name), {}
    for site in (old.site for old in going):
        try:
            _delete(store.root, site)
        except StateError as refused:
            stayed[site.run] = refused
            continue
        files.release(site.run)
        for path in site.lease.folder.glob(f"{site.lease.local}.*"):
            path.unlink(missing_ok=True)
    return stayed


def _delete(root: Path, site: RunSite) -> None:
    """Remove a run's folder, by which it is found last: one that was stopped here goes on next time.

    Raises: what the operating system says, and path_symlink.
    """
    with _told(site.folder), Folder.at(root, site.folder) as folder:
        names = folder.names()
        for name in sorted(names, key=lambda name: _LAST.index(name) if name in _LAST else -1):
            if stat.S_ISDIR(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode):
                shutil.rmtree(name, dir_fd=folder.fd)
            else:
                folder.remove(name)
        (root / site.folder).rmdir()


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as failed:
        hint = "look what holds it, then platformctl jobs prune"
        unforeseen = StateError("disk_error", f"cannot be removed: {failed.strerror}", hint=hint, path=path)
        raise meaning(failed, path) or unforeseen from failed


def _change(store: Store, name: str, going: Sequence[_Old]) -> Change:
    from platformstate.store.change import Change, FileChange

    files: list[FileChange] = list(uncommitted(store, [name]))
    here = WorkTree(store.root)
    if store.repository.head is not None:
        head = store.tree("HEAD")
        paths = [entry.path for old in going for entry in head.entries(old.site.folder)]
        files += [FileChange(path, here.bytes_of(path), None) for path, _ in head.read(paths)]
    return Change(f"job: prune {name}", (("Actor", store.actor),), tuple(files))
