"""Where the work tree stands, as a checkpoint records it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from platformstate.gitrepo.facts import WorkFacts
    from platformstate.policy.chain import CheckpointFacts
    from platformstate.store import Store

_BRANCH: Final = re.compile(r"[^-\s~^:?*\[\\][^\s~^:?*\[\\]{0,199}")


def git_fields(
    store: Store,
    facts: WorkFacts,
    siblings: Sequence[CheckpointFacts],
    header: Mapping[str, Any],
    named: Iterable[str],
) -> dict[str, Any]:
    """Return `git`, and the files that changed since the run said something last, with those named."""
    from platformstate.entities import checkpoint as checkpoints  # a run reads facts too, and has none

    since = siblings[-1].meta["git"]["commit"] if siblings else header.get("base_commit")
    paths = facts.paths if since is None else store.changed_since(since, facts)
    git = {
        "commit": facts.commit,
        "branch": branch_text(facts.branch),
        "dirty": facts.dirty,
        "ahead": facts.ahead,
    }
    return {"git": git, **checkpoints.files_fields(map(_without_slash, paths), named, recordable)}


def branch_text(branch: str | None) -> str | None:
    """Return a branch's name, None for one that a record cannot hold."""
    if branch is None or _BRANCH.fullmatch(branch) is None or _hides(branch):
        return None
    return branch


def recordable(path: str) -> bool:
    """Say whether a record can hold a path: names with control characters or no UTF-8 are only counted."""
    from platformstate.validation.formats import is_repository_path

    return is_repository_path(path) and not _hides(path)


def _hides(text: str) -> bool:
    from platformstate.codec.characters import holds_refused

    return holds_refused(text) or any("\ud800" <= character <= "\udfff" for character in text)


def _without_slash(path: str) -> str:
    """Return a path; git names an untracked folder with a slash at its end."""
    return path.rstrip("/")
