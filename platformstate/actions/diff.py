"""Say what changed in meaning between two versions of the state, and what needs an operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate.actions.answer import Answer
from platformstate.actions.contents import Blobs, DiskContents
from platformstate.actions.diff_findings import findings, range_findings
from platformstate.actions.scopes import work_tree
from platformstate.codec.record import parse
from platformstate.core import places
from platformstate.core.ids import is_id
from platformstate.core.tree import Entry
from platformstate.cost import COST
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.gitrepo import CommitTree, Repository, discover, resolve_commit
from platformstate.gitrepo.changes import (
    Touched,
    commit_changes,
    merge_base,
    staged_state,
    task_commits,
    working_state,
)
from platformstate.gitrepo.objects import read_blobs
from platformstate.policy.scope_globs import is_outside
from platformstate.policy.semantic_diff import NOT_A_FILE, Bytes, Differing, Sides, differing, main_path

FILE_MODE: Final = "100644"
INDEX, WORKTREE = "index", "worktree"


class Version(NamedTuple):
    """One side of a comparison: as it was typed, and its commit where it is one."""

    rev: str
    commit: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the side as it stands in `data`."""
        return {"rev": self.rev, "commit": self.commit}


def diff_state(directory: str, revisions: str | None = None, *, staged: bool = False) -> Answer:
    """Compare two commits (`A..B`, or `A...B` from where they parted), else HEAD with index or files.

    Exit 0 whatever differs. Raises: usage_invalid, ref_not_found, history_missing, repository_bare;
    an answer with state_invalid shows what could be read.
    """
    repository = discover(Path(directory))
    if revisions is not None and staged:
        raise StateError("usage_invalid", "A..B and --staged exclude each other", hint="give one of them")
    before, after, start = _versions(repository, revisions, staged)
    touched = _touched(repository, start, after)
    sides = _sides(repository, start, after, touched)
    if start is not None and after.commit is not None:
        problems = range_findings(repository, start, after.commit)
    else:
        problems = findings(repository, sides.touched, staged=staged)
    breaches = _breaches(repository, start, after.commit)
    COST.files = len(touched)
    return _answer(before, after, differing(sides, problems, breaches))


def _versions(
    repository: Repository, revisions: str | None, staged: bool
) -> tuple[Version, Version, str | None]:
    """Return both sides, and the commit that is compared with: the older side, or where they parted."""
    if revisions is None:
        work_tree(repository)
        return Version("HEAD", repository.head), Version(INDEX if staged else WORKTREE, None), repository.head
    symmetric = "..." in revisions
    first, dots, second = revisions.partition("..." if symmetric else "..")
    if not dots:
        hint = f"platformctl diff {shown(revisions)}..HEAD"
        raise StateError("usage_invalid", f"{shown(revisions)} is no range A..B", hint=hint)
    before, after = _version(repository, first or "HEAD"), _version(repository, second or "HEAD")
    start = before.commit
    if symmetric:
        start = merge_base(repository, str(before.commit), str(after.commit))
    return before, after, start


def _version(repository: Repository, rev: str) -> Version:
    commit = resolve_commit(repository, rev)
    if commit is None:
        raise StateError("ref_not_found", f"{shown(rev)} names no commit here", hint="git branch -a")
    return Version(rev, commit)


def _touched(repository: Repository, start: str | None, after: Version) -> list[Touched]:
    if after.rev == INDEX and after.commit is None:
        return staged_state(repository, start)
    if after.commit is None:
        return working_state(repository, start)
    return commit_changes(repository, str(start), after.commit)


def _sides(repository: Repository, start: str | None, after: Version, touched: Sequence[Touched]) -> Sides:
    """Read both versions of what differs and of the records it belongs to, git's with one child."""
    mains = {main_path(row.path) for row in touched} - {row.path for row in touched}
    unchanged = _entries(repository, start, mains)
    olds = {row.path: row.before for row in touched} | unchanged
    news = {row.path: row.after for row in touched} | unchanged
    is_working = after.commit is None and after.rev == WORKTREE
    blobs = Blobs(repository)
    named = [*olds.values(), *([] if is_working else news.values())]
    blobs.load(entry.oid for entry in named if entry is not None and entry.mode == FILE_MODE)
    before = {path: _blob(blobs, entry) for path, entry in olds.items()}
    if is_working:
        disk = DiskContents(WorkTree(work_tree(repository)), (), repository.object_format)
        now = {path: _working(disk, path) for path in news}
    else:
        now = {path: _blob(blobs, entry) for path, entry in news.items()}
    differs = {row.path for row in touched if not is_working or before[row.path] != now[row.path]}
    return Sides(frozenset(differs), before, now)


def _entries(repository: Repository, commit: str | None, paths: Iterable[str]) -> dict[str, Entry | None]:
    """Return the entries of records that did not change themselves."""
    wanted = sorted(paths)
    if commit is None or not wanted:
        return {}
    tree = CommitTree(repository, commit)
    return {entry.path: entry for path in wanted for entry in tree.entries(path)}


def _blob(blobs: Blobs, entry: Entry | None) -> Bytes:
    if entry is None:
        return None
    return blobs.get(entry.oid, entry.path) if entry.mode == FILE_MODE else NOT_A_FILE


def _working(disk: DiskContents, path: str) -> Bytes:
    try:
        return disk.fetch([path]).get(path)
    except StateError as refused:
        if refused.code not in ("path_symlink", "path_not_regular"):
            raise
        return NOT_A_FILE


def _breaches(repository: Repository, start: str | None, after: str | None) -> Iterator[tuple[str, str]]:
    """Yield each task with a path outside its scope that a commit of the range for it touched.

    A scope counts as it was before the range and as it is after it: no commit widens its own.
    """
    if start is None or after is None:
        return
    commits = task_commits(repository, start, after)
    tasks = sorted({task for commit in commits for task in commit.tasks if is_id(task)})
    scopes = _scopes(repository, (start, after), tasks)
    for commit in commits:
        for task in set(commit.tasks) & scopes.keys():
            for path in commit.paths:
                if any(is_outside(scope, task, path) for scope in scopes[task]):
                    yield task, path


def _scopes(
    repository: Repository, commits: Sequence[str], tasks: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """Return the scopes that each task has in some commits, read with one child."""
    asked = [(task, f"{commit}:{places.task_path(task)}") for task in tasks for commit in commits]
    found: dict[str, list[Mapping[str, Any]]] = {task: [] for task in tasks}
    for (task, _), data in zip(asked, read_blobs(repository, [name for _, name in asked]), strict=True):
        document = None if data is None else parse(data, places.task_path(task)).document
        scope = None if document is None else document.meta.get("scope")
        found[task] += [scope] if isinstance(scope, Mapping) else []
    return found


def _answer(before: Version, after: Version, found: Differing) -> Answer:
    data = {
        "from": before.as_json(),
        "to": after.as_json(),
        "counts": found.counts,
        "changes": [change.as_json() for change in found.changes],
        "formatting_only": list(found.formatting_only),
    }
    if not found.unread:
        return Answer(data)
    files = len({problem.path for problem in found.unread})
    message = f"{files} {'file' if files == 1 else 'files'} could not be read; the rest is shown"
    hint = f"platformctl explain {found.unread[0].code}"
    return Answer(data, error=StateError("state_invalid", message, hint=hint, problems=found.unread))
