"""Judge what each commit of a range changes against its parents: nothing may be undone in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from platformstate.actions.contents import MAX_READ_BYTES, Blobs, GitContents, Scope
from platformstate.actions.judging import Judging, Reader
from platformstate.actions.signers import allowed_commits, signers_file
from platformstate.core import places
from platformstate.core.document import Document
from platformstate.cost import COST
from platformstate.entities.statuses import DONE_OR_LATER
from platformstate.errors import Problem, registry
from platformstate.gitrepo import CommitTree
from platformstate.gitrepo.blob_reader import BlobReader
from platformstate.gitrepo.ranges import Step, Versions
from platformstate.gitrepo.versions import paths_naming
from platformstate.policy.history import (
    FileHistory,
    has_fields,
    history_problems,
    needs_versions,
    run_folder_of,
)
from platformstate.policy.operator_acts import operator_acts

_ACTS: Final = frozenset({"task", "store", "evidence"})


def commit_problems(judging: Judging, read: Reader) -> tuple[Problem, ...]:
    """Return what the commits of a judged range break, each finding with its commit.

    What the tip's own files say is read off the judgement of its tree, and not a second time.
    """
    scope = judging.scope
    known = {
        (path, entry.oid): judging.judged[path].document
        for path, entry in judging.names.items()
        if path in judging.judged
    }
    with BlobReader(scope.repository, MAX_READ_BYTES) as blobs:
        walk = _Walk(scope, blobs, read, known)
        found = [problem for step in scope.steps for problem in walk.problems(step)]
    return _with_signatures(scope, found)


class _Walk:
    """A range in progress, parents before children."""

    def __init__(
        self,
        scope: Scope,
        blobs: BlobReader,
        read: Reader,
        documents: dict[tuple[str, str | None], Document[Any] | None],
    ) -> None:
        self._scope, self._blobs, self._read = scope, blobs, read
        self._documents = documents
        self._tip = {entry.path: entry.oid for entry in scope.contents.entries}
        self._replaced: dict[tuple[str, str], tuple[str | None, ...]] = {}

    def problems(self, step: Step) -> Iterator[Problem]:
        """Yield what one commit breaks, and the acts of an operator in it."""
        histories: list[FileHistory] = []
        for path, versions in step.changed.items():
            if not needs_versions(path) or _is_as_a_parent_has_it(path, versions):
                continue
            if versions.after is not None:
                self._replaced.setdefault((path, versions.after), versions.before)
            histories.append(self._history(path, versions))
            if self._is_unreadable(path, versions.after):
                yield _unreadable(path)._replace(commit=step.oid)
        found = history_problems(histories, self._pruned(step))
        yield from self._unproven(step, histories)
        own = frozenset(step.own_paths())
        acts = [act for each in histories if each.path in own for act in operator_acts(each)]
        yield from (problem._replace(commit=step.oid) for problem in (*found, *acts))

    def _history(self, path: str, versions: Versions) -> FileHistory:
        return self._of_fields(path, versions) if has_fields(path) else self._of_bytes(path, versions)

    def _of_fields(self, path: str, versions: Versions) -> FileHistory:
        """Return the fields before and after; that the bytes are there is all that is asked of them."""
        before = tuple(self._readable(path, oid) for oid in versions.before)
        metas = tuple(self._meta(path, oid) for oid in before)
        present = tuple(None if oid is None else b"" for oid in versions.before)
        after = None if versions.after is None else b""
        return FileHistory(path, present, after, metas, self._document(path, versions.after))

    def _of_bytes(self, path: str, versions: Versions) -> FileHistory:
        place = places.place_of(path)
        kind = "" if place is None else place.kind
        # A new file breaks none of these rules, whatever it says; a new journal may hold an act.
        is_new = all(oid is None for oid in versions.before) and versions.after is not None
        after = b"" if is_new and kind != "event" else self._bytes(path, versions.after)
        before = tuple(self._bytes(path, oid) for oid in versions.before)
        document = self._document(path, versions.after) if kind in _ACTS else None
        return FileHistory(path, before, after, document=document)

    def _bytes(self, path: str, oid: str | None) -> bytes | None:
        """Return a version's bytes; of one too large to read its id, so that it equals itself alone."""
        if oid is None:
            return None
        data = self._blobs.get(oid, path)
        return oid.encode("ascii") if isinstance(data, int) else data

    def _document(self, path: str, oid: str | None) -> Document[Any] | None:
        """Return a version's record, judged once however often it is met; None when it is none."""
        if oid is None:
            return None
        if (path, oid) not in self._documents:
            data = self._blobs.get(oid, path)
            judged = None if isinstance(data, int) else self._read(data, path)
            COST.parsed += judged is not None
            self._documents[path, oid] = None if judged is None else judged.document
        return self._documents[path, oid]

    def _meta(self, path: str, oid: str | None) -> Mapping[str, Any] | None:
        document = self._document(path, oid)
        return None if document is None else document.meta

    def _readable(self, path: str, oid: str | None) -> str | None:
        """Return this version, or the last before it in the range that can be read."""
        queue, seen = [oid], set[str]()
        for version in queue:
            if version is None or version in seen:
                continue
            seen.add(version)
            if self._document(path, version) is not None:
                return version
            queue.extend(self._replaced.get((path, version), ()))
        return None

    def _is_unreadable(self, path: str, oid: str | None) -> bool:
        """Say whether a version that is not the tip's, which has findings of its own, is no record."""
        if oid is None or oid == self._tip.get(path) or not has_fields(path):
            return False
        return self._document(path, oid) is None

    def _unproven(self, step: Step, histories: Sequence[FileHistory]) -> Iterator[Problem]:
        """Yield what a task lacked in the commit that called it done, where the tip has another version of it.

        What the tip itself has is judged with its tree.
        """
        paths = frozenset(
            each.path
            for each in histories
            if step.changed[each.path].after != self._tip.get(each.path) and _is_closed(each)
        )
        if paths:
            found = Judging(_moment(self._scope, step.oid, paths), self._read).problems()
            yield from (
                each._replace(commit=step.oid)
                for each in found
                if registry()[each.code]["family"] == "evidence"
            )

    def _pruned(self, step: Step) -> frozenset[str]:
        """Return the folders of jobs' runs that this commit removed and that a ledger still names."""
        gone = [path for path, versions in step.changed.items() if versions.after is None]
        folders = {run_folder_of(path) for path in gone if path.startswith("state/jobs/")} - {""}
        return frozenset(folder for folder in folders if _is_in_ledger(self._scope, step.oid, folder))


def _is_as_a_parent_has_it(path: str, versions: Versions) -> bool:
    """Say whether a merge took a file over from one side and the other has nothing to say against it."""
    if versions.after is None or versions.after not in versions.before:
        return False
    return has_fields(path) or all(oid in (None, versions.after) for oid in versions.before)


def _is_closed(change: FileHistory) -> bool:
    """Say whether a task became done, or more than that, from a status before it."""
    if change.document is None or change.document.meta.get("status") not in DONE_OR_LATER:
        return False
    return all(meta is None or meta.get("status") not in DONE_OR_LATER for meta in change.before_meta)


def _moment(scope: Scope, commit: str, paths: frozenset[str]) -> Scope:
    """Return the scope of some files of one commit, without what came before."""
    blobs = Blobs(scope.repository)
    entries = CommitTree(scope.repository, commit).entries()
    contents = GitContents(entries, blobs)
    return Scope("rev", scope.repository, contents, blobs, selected=paths, to_commit=commit)


def _is_in_ledger(scope: Scope, commit: str, folder: str) -> bool:
    job, _, run = folder.rpartition("/runs/")
    return any(
        path.startswith(f"{job}/ledger/") for path in paths_naming(scope.repository, [f'"{run}"'], commit)
    )


def _unreadable(path: str) -> Problem:
    message = "this version cannot be read, so the next one was compared with the last that can"
    fix = "leave such a version out of the branch, or make sure that nothing was lost with it"
    return Problem(path, 1, 1, "history_unreadable", message, fix, severity="warning")


def _with_signatures(scope: Scope, found: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the findings; an operator's act is an error where signers are set and none signed it."""
    signers = signers_file(scope.repository)
    commits = {each.commit for each in found if each.code == "operator_act" and each.commit}
    if signers is None or not commits:
        return tuple(found)
    signed = allowed_commits(scope.repository, sorted(commits), signers)
    return tuple(
        _unsigned(each) if each.code == "operator_act" and each.commit not in signed else each
        for each in found
    )


def _unsigned(act: Problem) -> Problem:
    message = f"{act.message}; no key of platformstate.allowedSigners signed this commit"
    fix = "let an operator make this commit, signed: git commit -S"
    return act._replace(code="operator_act_unsigned", message=message, fix=fix, severity="error")
