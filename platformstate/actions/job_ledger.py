"""A job's ledger: lines appended durably at once, committed with others, read in the order of their writing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from platformstate.core.places import STATE, ledger_path
from platformstate.core.tree import Tree
from platformstate.errors import Problem, StateError
from platformstate.files import Folder, WorkTree
from platformstate.files.durable import APPEND_FLAGS, READ_FLAGS, fsync, read_all, write_all
from platformstate.files.errors import explained
from platformstate.gitrepo import CommitTree
from platformstate.policy.ledger import file_name, is_ledger_name, is_line, line_text, writer_name
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import FileChange

TOLD_BY: Final = "told_by"
_NEW_FLAGS: Final = APPEND_FLAGS | os.O_CREAT
_PARSED: Final[
    dict[str, tuple[bytes, list[dict[str, Any]]]]
] = {}  # by path: bytes, and the lines that they are


def append_line(store: Store, job: str, line: Mapping[str, Any]) -> str:
    """Append one line, durably, and return the path of its file. The caller holds the job's lock.

    A last line without its end, left by a writer that was killed, is kept aside first.
    """
    folder, names = f"{STATE}jobs/{job}/ledger", _sizes(store, job)
    name = file_name(str(line["at"]), ledger_writer(store), names)
    durability = store.session.settings.durability
    points = store.session.failpoints
    path = ledger_path(job, name)
    with Folder.at(store.root, folder, durability=durability) as opened, explained(path):
        fd = os.open(f"{name}.jsonl", _NEW_FLAGS, 0o644, dir_fd=opened.fd)
        try:
            _keep_torn(store, path, fd)
            text = line_text(line)
            torn_at = len(text) // 2 if points.is_asked("jobs.ledger-torn") else 0
            write_all(fd, text[:torn_at])
            points.reach("jobs.ledger-torn")
            write_all(fd, text[torn_at:])
            fsync(fd, path, durability)
        finally:
            os.close(fd)
        if name not in names:
            opened.sync(durability)
    points.reach("jobs.ledger")
    return path


def record_line(store: Store, job: str, line: Mapping[str, Any]) -> str:
    """Append a line about slots of nobody's run, having noted in which worktree; the job's lock is held.

    Whoever writes it may die before the cursor says so: `told_elsewhere` lets the other worktrees see it.
    """
    files = JobFiles(store.repository.common_dir, job)
    said, here = files.cursor() or {}, store.repository.worktree
    tellers = said.get(TOLD_BY, [])
    if here not in tellers:
        files.write_cursor({**said, TOLD_BY: [*tellers, here]})
    return append_line(store, job, line)


def told_elsewhere(store: Store, files: JobFiles) -> list[dict[str, Any]]:
    """Return the ledgers of the other worktrees that wrote about slots of a job; of one that is gone nothing.

    All of them: one that a later teller read may still be all that speaks of a claim, or of slots up to now.
    """
    from platformstate.gitrepo.versions import worktree_root

    lines: list[dict[str, Any]] = []
    for name in (files.cursor() or {}).get(TOLD_BY, ()):
        root = None if name == store.repository.worktree else worktree_root(store.repository, str(name))
        if root is not None and root.is_dir():
            with suppress(StateError):  # it is that worktree's to mend
                lines += read_ledger(WorkTree(root), files.job)
    return lines


def ledger_writer(store: Store) -> str:
    """Return the name under which this clone, worktree and branch appends."""
    from platformstate.store.place import make_clone_id, worktree_name

    repository = store.repository
    clone = make_clone_id(repository, store.chance, store.session.settings.durability)
    return writer_name(clone, worktree_name(repository), repository.branch)


def _sizes(store: Store, job: str) -> dict[str, int]:
    folder = store.root / STATE / "jobs" / job / "ledger"
    with suppress(FileNotFoundError):
        return {path.name.removesuffix(".jsonl"): path.lstat().st_size for path in folder.iterdir()}
    return {}


def _keep_torn(store: Store, path: str, fd: int) -> None:
    data = read_all(fd)
    if not data or data.endswith(b"\n"):
        return
    start = data.rfind(b"\n") + 1
    durability = store.session.settings.durability
    with Folder.at(store.session.control.path, "torn", durability=durability) as folder:
        name = path.replace("/", "_")
        number = sum(1 for kept in folder.names() if kept.startswith(f"{name}."))
        folder.create(f"{name}.{number + 1}", data[start:], durability, 0o600)
        folder.sync(durability)
    os.ftruncate(fd, start)


def mend_ledger(store: Store, job: str) -> None:
    """Keep a last line without its end aside, left by a writer that was killed; the caller holds the job's lock."""
    for path in ledger_files(WorkTree(store.root), job):
        folder, _, name = path.rpartition("/")
        with Folder.at(store.root, folder) as opened, explained(path):
            fd = os.open(name, READ_FLAGS, dir_fd=opened.fd)
            try:
                size = os.fstat(fd).st_size
                if size == 0 or os.pread(fd, 1, size - 1) == b"\n":
                    continue
            finally:
                os.close(fd)
            fd = os.open(name, APPEND_FLAGS, dir_fd=opened.fd)
            try:
                _keep_torn(store, path, fd)
                fsync(fd, path, store.session.settings.durability)
            finally:
                os.close(fd)


def read_ledger(tree: Tree, job: str) -> list[dict[str, Any]]:
    """Return the lines of a job's ledger, oldest first; of one instant in the order of their files.

    A torn last line counts as none. Raises: state_invalid for a line that is no JSON object.
    """
    rows = []
    for path in ledger_files(tree, job):
        rows += [
            (row["at"], path, number, row) for number, row in enumerate(_rows(_whole(tree, path), path), 1)
        ]
    return [row for *_, row in sorted(rows, key=lambda found: found[:3])]


def remember_ledger(tree: Tree, job: str) -> None:
    """Parse a job's ledger now, so that this process and those that it forks parse only what is added."""
    for path in ledger_files(tree, job):
        data = _whole(tree, path)
        _PARSED[path] = (data, _rows(data, path))


def _rows(data: bytes, path: str) -> list[dict[str, Any]]:
    """Return the lines of one file; of one that only grew since it was remembered the new ones are parsed."""
    known, rows = _PARSED.get(path, (b"", []))
    if not data.startswith(known):
        known, rows = b"", []
    return [*rows, *_lines(data[len(known) :], path, len(rows) + 1)]


def _whole(tree: Tree, path: str) -> bytes:
    """Return a ledger's bytes up to its last line's end."""
    data = next((data for _, data in tree.read([path])), b"") or b""
    return data[: data.rfind(b"\n") + 1]


def ledger_files(tree: Tree, job: str) -> list[str]:
    """Return the paths of a job's ledgers, sorted."""
    folder = f"{STATE}jobs/{job}/ledger"
    names = (entry.path for entry in tree.entries(folder))
    return sorted(path for path in names if is_ledger_name(path.rpartition("/")[2].removesuffix(".jsonl")))


def _lines(whole: bytes, path: str, first: int) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(whole.split(b"\n")[:-1], first):
        row = None
        with suppress(ValueError, RecursionError):
            row = json.loads(text)
        if not is_line(row):
            raise StateError(
                "state_invalid",
                f"line {number} is no line of a ledger",
                hint=f"platformctl validate {path}",
                path=path,
                line=number,
            )
        yield row


def is_about(name: str, refused: StateError) -> bool:
    """Say whether an error is about a file of one job, so that the others may go on."""
    return (refused.path or "").startswith(f"{STATE}jobs/{name}/")


def of_all(refused: Sequence[StateError]) -> StateError | None:
    """Return the first of the errors about single jobs, with the places of all; None when there is none."""
    if not refused:
        return None
    first = refused[0]
    first.problems = tuple(found for each in refused for found in each.problems or (_placed(each),))
    return first


def _placed(error: StateError) -> Problem:
    return Problem(str(error.path), error.line or 1, error.col or 1, error.code, error.message, error.hint)


def head_tree(store: Store) -> Tree | None:
    """Return the files of HEAD as they are when they are read, None without one; no child is started for it."""
    return None if store.repository.head is None else CommitTree(store.repository, "HEAD")


def uncommitted(store: Store, jobs: Sequence[str]) -> tuple[FileChange, ...]:
    """Return the ledgers of jobs that have grown since HEAD, as changes that commit them."""
    from platformstate.store.change import FileChange

    here, head = WorkTree(store.root), head_tree(store)
    paths = [path for job in jobs for path in ledger_files(here, job)]
    held = {} if head is None else dict(head.read(paths))
    changes = []
    for path in paths:
        data = here.bytes_of(path) or b""
        whole = data[: data.rfind(b"\n") + 1]
        if whole != held.get(path, b""):
            changes.append(FileChange(path, held.get(path), whole, append=True))
    return tuple(changes)
