"""Where a job's child works: the working tree, as far as it is trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.core.places import STATE
from platformstate.errors import StateError
from platformstate.gitrepo.facts import work_facts

if TYPE_CHECKING:
    from platformstate.gitrepo.trust import Trusted
    from platformstate.store import Store


def tree_source(store: Store, trusted: Trusted, *, allowed: bool) -> tuple[dict[str, Any], StateError | None]:
    """Return what a receipt says of the working tree as a source, and the refusal that it meets.

    Commits of HEAD that the trusted ref lacks may touch `state/` only, unless that is allowed.
    """
    foreign = _foreign_paths(store, str(trusted.commit))
    source = {
        "kind": "tree",
        "commit": store.repository.head,
        "dirty": work_facts(store.repository).dirty > 0,
        "allowed": bool(foreign) and allowed,
    }
    if not foreign or allowed:
        return source, None
    message = f"HEAD has commits that {trusted.ref} lacks and that touch {foreign[0]}"
    hint = "run it from a branch that is landed, or by hand with --allow-tree"
    return source, StateError("job_worktree_untrusted", message, hint=hint)


def _foreign_paths(store: Store, trusted: str) -> list[str]:
    head = store.repository.head
    if head is None or head == trusted:
        return []
    base = store.repository.run(["merge-base", trusted, head], check=False).decode().strip()
    if not base:
        return ["everything (the histories are not related)"]
    argv = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", base, head]
    listed = store.repository.run(argv).decode("utf-8", "surrogateescape")
    return [path for path in listed.split("\0") if path and not path.startswith(STATE)]
