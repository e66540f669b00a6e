"""Judge what each commit of a range changes against its parents: nothing may be undone in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from platformstate.actions.contents import MAX_READ_BYTES, Blobs, GitContents, Scope
from platformstate.actions.judging import Judging
from platformstate.actions.judging_evidence import may_break_moves
from platformstate.actions.judging_part import Reader
from platformstate.actions.range_versions import RangeVersions
from platformstate.actions.signers import allowed_commits, signers_file
from platformstate.core import places
from platformstate.entities.statuses import DONE_OR_LATER
from platformstate.errors import Problem, registry
from platformstate.gitrepo import CommitTree
from platformstate.gitrepo.blob_reader import BlobReader
from platformstate.gitrepo.ranges import Step, Versions
from platformstate.gitrepo.versions import paths_naming
from platformstate.policy.evidence_rules import criterion_changes
from platformstate.policy.history import (
    FileHistory,
    has_fields,
    history_problems,
    needs_versions,
    run_folder_of,
)
from platformstate.policy.operator_acts import operator_acts
from platformstate.policy.tree_rules import repeated_path

_ACTS: Final = frozenset({"task", "store", "evidence"})


def commit_problems(judging: Judging, read: Reader) -> tuple[Problem, ...]:
    """Return what the commits of a judged range break, each finding with its commit.

    What the tip's own files say is read off the judgement of its tree, and not a second time.
    """
    scope = judging.scope
    known = {(path, judging.names[path].oid): judged.document for path, judged in judging.held.judged.items()}
    with BlobReader(scope.repository, MAX_READ_BYTES) as blobs:
        walk = _Walk(scope, RangeVersions(scope.repository, scope.steps, blobs, read, known), read)
        found = [problem for step in scope.steps for problem in walk.problems(step)]
        found += walk.broken_moves()
    return _with_signatures(scope, found)


def merge_problems(judging: Judging, merge: Step, read: Reader) -> tuple[Problem, ...]:
    """Return what a merge that is judged by itself took from a task's criteria, as a range would tell it."""
    scope = judging.scope
    with BlobReader(scope.repository, MAX_READ_BYTES) as blobs:
        walk = _Walk(scope, RangeVersions(scope.repository, (merge,), blobs, read, {}), read)
        changed = merge.changed.items()
        return tuple(problem for path, versions in changed for problem in walk.lost(merge, path, versions))


class _Walk:
    """A range in progress, parents before children."""

    def __init__(self, scope: Scope, versions: RangeVersions, read: Reader) -> None:
        self._scope, self._versions, self._read = scope, versions, read
        self._tip = {entry.path: entry.oid for entry in scope.contents.entries}
        self._unmoored: set[str] = set()

    def problems(self, step: Step) -> Iterator[Problem]:
        """Yield what one commit breaks, and the acts of an operator in it."""
        histories: list[FileHistory] = []
        lost: list[Problem] = []
        for path, versions in step.changed.items():
            if not needs_versions(path):
                continue
            lost += self.lost(step, path, versions)
            if _is_as_a_parent_has_it(path, versions):
                continue
            histories.append(self._history(step, path, versions))
            if self._is_unreadable(path, versions.after):
                yield _unreadable(path)._replace(commit=step.oid)
        self._unmoored |= {each.document.id for each in histories if each.document and may_break_moves(each)}
        found = (*history_problems(histories, self._pruned(step)), *lost)
        yield from (repeated_path(path)._replace(commit=step.oid) for path in sorted(step.repeated))
        yield from self._unproven(step, histories)
        own = frozenset(step.own_paths())
        acts = [act for each in histories if each.path in own for act in operator_acts(each)]
        yield from (problem._replace(commit=step.oid) for problem in (*found, *acts))

    def broken_moves(self) -> Iterator[Problem]:
        """Yield the criteria that moved to one which commits of the range made ask for something else, or gave up."""
        names = [f"{name}#" for name in sorted(self._unmoored)]
        commit = self._scope.to_commit
        if commit is None or not names:
            return
        paths = frozenset(paths_naming(self._scope.repository, names, commit)) & self._tip.keys()
        found = Judging(_moment(self._scope, commit, paths), self._read).problems()
        yield from (each for each in found if each.code == "criterion_move_broken")

    def _history(self, step: Step, path: str, versions: Versions) -> FileHistory:
        if has_fields(path):
            return self._of_fields(step, path, versions)
        return self._of_bytes(path, versions)

    def _of_fields(self, step: Step, path: str, versions: Versions) -> FileHistory:
        """Return the fields before and after; that the bytes are there is all that is asked of them."""
        metas = self._versions.before(step, path, versions)
        present = tuple(None if oid is None else b"" for oid in versions.before)
        after = None if versions.after is None else b""
        return FileHistory(path, present, after, metas, self._versions.document(path, versions.after))

    def _of_bytes(self, path: str, versions: Versions) -> FileHistory:
        place = places.place_of(path)
        kind = "" if place is None else place.kind
        # A new file breaks none of these rules, whatever it says; a new journal may hold an act.
        is_new = all(oid is None for oid in versions.before) and versions.after is not None
        after = b"" if is_new and kind != "event" else self._versions.data(path, versions.after)
        before = tuple(self._versions.data(path, oid) for oid in versions.before)
        document = self._versions.document(path, versions.after) if kind in _ACTS else None
        return FileHistory(path, before, after, document=document)

    def lost(self, step: Step, path: str, versions: Versions) -> Iterator[Problem]:
        """Yield what a side of a merge, or of an unreadable one before it, says against a task's criteria.

        A side that left a criterion as it was has nothing to say: the other may have changed it legally.
        """
        place = places.place_of(path)
        if place is None or place.kind != "task":
            return
        for index, oid in enumerate(versions.before):
            if oid in (None, versions.after) or not self._may_object(step, path, index):
                continue
            document = self._versions.document(path, versions.after)
            if document is None:
                return
            since = self._versions.began(step, path, index) if len(step.parents) > 1 else ()
            for meta in self._versions.side(step, path, index):
                yield from criterion_changes(meta, document, since)

    def _may_object(self, step: Step, path: str, index: int) -> bool:
        if len(step.parents) > 1:
            return not self._versions.is_untouched(step, path, index)
        return self._versions.document(path, step.changed[path].before[index]) is None

    def _is_unreadable(self, path: str, oid: str | None) -> bool:
        """Say whether a version that is not the tip's, which has findings of its own, is no record."""
        if oid is None or oid == self._tip.get(path) or not has_fields(path):
            return False
        return self._versions.document(path, oid) is None

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
        """Return the folders of jobs' runs that this commit removed whole and that a ledger still names."""
        gone = [path for path, versions in step.changed.items() if versions.after is None]
        folders = {run_folder_of(path) for path in gone if path.startswith("state/jobs/")} - {""}
        tree = CommitTree(self._scope.repository, step.oid) if folders else None
        return frozenset(
            folder
            for folder in folders
            if tree is not None and not tree.entries(folder) and _is_in_ledger(self._scope, step.oid, folder)
        )


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
