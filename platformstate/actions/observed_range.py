"""Which commits an observation speaks of: `A..B`, or a branch since it left its base."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from platformstate.actions.task_requests import revision
from platformstate.errors import StateError, shown

if TYPE_CHECKING:
    from platformstate.store import Store


class Range(NamedTuple):
    """The commits after `since` up to `tip`, the branch that has them, and how it was asked for."""

    since: str | None
    tip: str
    branch: str | None
    text: str


def range_of(store: Store, commits: str | None, branch: str | None, base: str | None) -> Range:
    """Return the range that is asked for. Raises: usage_invalid, ref_not_found, trust_ref_unset."""
    if (commits is None) == (branch is None):
        raise _usage("observe needs --commits A..B or --branch B, and not both")
    if commits is not None:
        if base is not None:
            raise _usage("--base goes with --branch; --commits names its own beginning")
        return _between(store, commits)
    return _of_branch(store, str(branch), base)


def _between(store: Store, commits: str) -> Range:
    since, dots, until = commits.partition("..")
    if not dots or not since or until.startswith("."):
        raise _usage(f"--commits {shown(commits)!r} is not of the form A..B")
    tip = until or "HEAD"
    return Range(
        revision(store.repository, since), revision(store.repository, tip), _branch(store, tip), commits
    )


def _of_branch(store: Store, branch: str, base: str | None) -> Range:
    """Return what a branch has that its base has not; the base is the target when none is named."""
    from platformstate.actions.evidence_check import target_of
    from platformstate.gitrepo.commits import merge_base

    repository = store.repository
    tip = revision(repository, branch)
    start = target_of(repository).commit if base is None else revision(repository, base)
    since = None if start is None else merge_base(repository, start, tip)
    return Range(since, tip, _branch(store, branch), branch)


def _branch(store: Store, name: str) -> str | None:
    """Return the branch that a name stands for, None for any other revision."""
    from platformstate.gitrepo import look_up

    if name == "HEAD":
        return store.repository.branch
    if name.startswith("-") or "\n" in name:
        return None
    local, remote = look_up(store.repository, [f"refs/heads/{name}", f"refs/remotes/{name}"])
    if local is not None:
        return name
    return None if remote is None else name.partition("/")[2]


def _usage(message: str) -> StateError:
    return StateError("usage_invalid", message, hint="platformctl memory observe --help")
