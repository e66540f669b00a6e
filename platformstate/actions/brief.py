"""`memory brief`: gather the records of a task, ask git about their claims, and sum it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer
from platformstate.actions.brief_conducts import CONDUCTED, conducts_of
from platformstate.actions.brief_evidence import checkpoint_verdicts, criterion_verdicts
from platformstate.actions.brief_findings import found_at, found_here
from platformstate.actions.lease_sources import lease_sources
from platformstate.actions.signs_of_life import claim_of, conditions_of
from platformstate.actions.task_folder import (
    TaskFolder,
    merged,
    read_task_folder,
    read_tasks,
    task_not_found,
    unreadable,
)
from platformstate.core import ids
from platformstate.core.instants import moment_of
from platformstate.core.places import subject_folder
from platformstate.errors import StateError
from platformstate.policy.brief import Known, brief_of, last_sign_of_life
from platformstate.policy.brief_sections import Signs
from platformstate.policy.brief_text import DEFAULT_TOKENS, brief_text
from platformstate.policy.chain import Chain, chain_of
from platformstate.policy.ground_truth import Found

if TYPE_CHECKING:
    from platformstate.core.tree import Tree
    from platformstate.gitrepo import CommitTree
    from platformstate.store import Store


class Brief(NamedTuple):
    """A brief as data and as Markdown."""

    answer: Answer
    text: str


class _Source(NamedTuple):
    """Where records are read from: their trees, how those are called, and the commit of `--at`."""

    trees: tuple[Tree, ...]
    names: tuple[str, ...]
    at: str | None


def brief_task(
    store: Store,
    task: str,
    *,
    run: str | None = None,
    at: str | None = None,
    refs: Sequence[str] = (),
    max_tokens: int = DEFAULT_TOKENS,
    now: str | None = None,
) -> Brief:
    """Sum up a task and its newest run, or `run`, for whoever goes on with it.

    With `at` nothing but that commit is read, so every clone gives the same bytes. Records that
    cannot be read make the brief partial, with error state_invalid. Raises: task_not_found,
    run_not_found, id_ambiguous, ref_not_found, usage_invalid.
    """
    if now is not None:
        moment_of("--now", now)
    source = _source(store, at, refs)
    if at is None:
        source = _with_lease(store, task, source)
    folder = _folder(store, task, source)
    name = folder.task_id
    if folder.task is None:
        return Brief(Answer({"task": name}, error=folder.unreadable()), "")
    chosen = None
    if run is not None:
        chosen = task_requests.one_of("run", run, [known.id for known in folder.runs], name)
    chain = chain_of(folder.runs, folder.checkpoints, chosen)
    needed, unread = read_tasks(source.trees[0], folder.document.meta.get("depends_on", ()), follow=False)
    conducts, broken = conducts_of(store, name, source.trees, at_commit=source.at is not None)
    known = _known(store, folder, chain, source, needed)._replace(conducts=conducts)
    pinned = chain.run is not None and chain.run.pin is not None
    signs = Signs(last_sign_of_life(chain), now, tuple(sorted(chain.superseded_by.items())), pinned)
    brief = brief_of(known)
    text, budget = brief_text(brief, signs, max_tokens)
    problems = [*folder.problems, *unread, *broken]
    return Brief(Answer({**brief, "budget": budget}, error=unreadable(problems) if problems else None), text)


def _folder(store: Store, task: str, source: _Source) -> TaskFolder:
    """Return the task's folder as all sources hold it. Raises: task_not_found, id_ambiguous."""
    from platformstate.gitrepo import CommitTree

    if isinstance(source.trees[0], CommitTree):
        return _folder_at(source.trees[0], task)
    name = _task_in(store, task, source)
    folder = merged([read_task_folder(tree, name) for tree in source.trees])
    if folder.task is None and not folder.problems:
        raise task_not_found(name)
    return folder


def _task_in(store: Store, prefix: str, source: _Source) -> str:
    """Return the task's id; one that only another branch has must be given in full."""
    try:
        return task_requests.task_id(store, prefix)
    except StateError as missing:
        if missing.code != "task_not_found" or len(source.trees) == 1:
            raise
        return prefix


def _known(
    store: Store,
    folder: TaskFolder,
    chain: Chain,
    source: _Source,
    needed: Mapping[str, Mapping[str, Any]],
) -> Known:
    from platformstate.codec.sections import sections
    from platformstate.gitrepo import blob_id

    document = folder.document
    found, pending = Found(), tuple[str, ...]()
    claimed, conditions = None, dict[str, str | None]()
    if source.at is not None:
        found = found_at(store.repository, chain, source.at)
    else:
        found, pending = found_here(store, chain, folder)
        claimed = claim_of(store, folder, at := store.now())
        conditions = conditions_of(store, folder, at)
    checked = checkpoint_verdicts(store, chain.standing, document.id, source.at)
    return Known(
        task=document.meta,
        sections=sections(document.body),
        rev=blob_id(folder.data, store.repository.object_format),
        runs=folder.runs,
        checkpoints=folder.checkpoints,
        chain=chain,
        found=found._replace(evidence=checked),
        evidence=criterion_verdicts(store, document.meta, source.at),
        sources=source.names,
        depends_on={name: str(meta["status"]) for name, meta in needed.items()},
        at_rev=source.at,
        pending=pending,
        claim=None if claimed is None else claimed.as_json(),
        conditions=conditions,
    )


def _source(store: Store, at: str | None, refs: Sequence[str]) -> _Source:
    from platformstate.gitrepo import CommitTree
    from platformstate.store.place import worktree_name

    if at is not None:
        if refs:
            raise StateError(
                "usage_invalid", "--at reads one commit only; --ref adds others", hint="leave one out"
            )
        commit = task_requests.revision(store.repository, at)
        return _Source((CommitTree(store.repository, commit),), (f"commit {commit}",), commit)
    commits = [task_requests.revision(store.repository, ref) for ref in refs]
    names = [f"ref {ref} at {commit}" for ref, commit in zip(refs, commits, strict=True)]
    trees = [CommitTree(store.repository, commit) for commit in commits]
    here = f"worktree {worktree_name(store.repository)}"
    return _Source((store.tree(), *trees), (here, *names), None)


def _with_lease(store: Store, task: str, source: _Source) -> _Source:
    """Return the sources with the places in which the holder of the task's claim works."""
    try:
        name = _task_in(store, task, source)
    except StateError as missing:
        if missing.code != "task_not_found":
            raise
        name = task  # one that only the holder's branch has, given in full
    named = [(place, tree) for place, tree in lease_sources(store, name) if place not in source.names]
    return source._replace(
        trees=(*source.trees, *(tree for _, tree in named)),
        names=(*source.names, *(place for place, _ in named)),
    )


def _folder_at(tree: CommitTree, prefix: str) -> TaskFolder:
    """Return the folder of the task that a prefix stands for in a commit.

    Raises: task_not_found, id_ambiguous.
    """
    if ids.is_id(prefix):
        tree.list_together(subject_folder(f"task/{prefix}"), *CONDUCTED)
        folder = read_task_folder(tree, prefix)
        if folder.task is not None or folder.problems:
            return folder
    return read_task_folder(tree, task_requests.task_id_in(tree, prefix))
