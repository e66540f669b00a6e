"""Examine a repository and its store, and repair what can be repaired."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from platformstate.actions.answer import EXIT_PENDING, SETTLE, Answer
from platformstate.actions.hook_proof import silent_hooks
from platformstate.actions.hooks import hook_states, runs_in
from platformstate.actions.validate import Wish, validate_repository
from platformstate.errors import StateError, Warned
from platformstate.files import WorkTree
from platformstate.gitrepo import Repository, discover
from platformstate.gitrepo.attributes import hidden_paths, ignored_files
from platformstate.gitrepo.sparse import is_sparse
from platformstate.gitrepo.trust import trusted_ref
from platformstate.runner import approved_jobs
from platformstate.store import Store, failpoints, lock
from platformstate.store.health import Check, check
from platformstate.store.health.leftovers import Waiting, leftovers, waiting
from platformstate.store.health.repair import repair
from platformstate.store.health.surroundings import surroundings
from platformstate.store.settings import resolve

_OF_THEIR_OWN: Final = frozenset(
    {"path_mode_invalid", "path_name_invalid", "path_case_collision", "path_attributes_unsafe"}
)
_MAX_NAMED: Final = 3
_OPERATIONS: Final = frozenset({"merge", "cherry-pick", "revert", "am", "rebase", "bisect", "sequencer"})


def failpoint_names() -> Answer:
    """Return the names of all points at which a process can be told to die."""
    return Answer({"failpoints": list(failpoints.NAMES)})


def examine(
    store: Store, *, fix: bool = False, here: bool = False, strict: bool = False, program: str = ""
) -> Answer:
    """Return every finding; with `fix` repair first, with `strict` take warnings for errors.

    `program` is the absolute path of the platformctl that runs: hooks that call it are proven to run.
    Raises: store_not_found, store_locked.
    """
    writes = fix and not store.dry_run
    before = list(_repairable(store)) if writes else []
    recovered = repair(store.session, here=here) if writes else 0
    checks = _with_fixed(before, list(_checks(store, program)))
    left = waiting(store.session)
    return _answer(_data(store, checks, left, recovered), checks, left, recovered, strict)


def examine_bare(directory: str) -> Answer | None:
    """Return the same data of a bare repository, in which nothing is written; None for any other."""
    repository = discover(Path(directory))
    if not repository.bare:
        return None
    settings = resolve(repository, os.environ, actor=None, commit=None, dry_run=True, durability=None)
    data = {
        "healthy": True,
        "checks": [],
        "pending": [],
        "recovered": 0,
        "lock": None,
        "repository": _about_repository(repository, None),
        "durability": settings.durability,
        "trust": _about_trust(repository, settings.operators),
    }
    return Answer(data, ("platformctl validate --rev HEAD",))


def _repairable(store: Store) -> Iterator[Check]:
    yield from leftovers(store.session)
    yield from surroundings(store.session, ())


def _with_fixed(before: Iterable[Check], after: list[Check]) -> list[Check]:
    """Return the findings that are left, and before them those that were repaired."""
    left = {found.place for found in after}
    fixed = [found._replace(fixed=True) for found in before if found.fixable and found.place not in left]
    return [*fixed, *after]


def _checks(store: Store, program: str) -> Iterator[Check]:
    session = store.session
    paths = [entry.path for entry in WorkTree(store.root).entries()]
    yield from surroundings(session, paths)
    yield from _about_moment(store)
    yield from leftovers(session)
    if is_sparse(store.repository) and not store.exists:
        yield check("state_not_checked_out", "the store's files are not checked out here")
        return
    yield from _about_state(store)
    yield from _about_approvals(store)
    yield from _about_hooks(store.repository, program)


def _about_approvals(store: Store) -> Iterator[Check]:
    if not approved_jobs(store.repository.common_dir):
        return
    from platformstate.actions.job_approvals import approvals  # few clones run jobs

    for approval in approvals(store):
        if approval.is_stale:
            message = f"what {approval.job} executes at the trusted ref is not what was approved here"
            fix = f"platformctl jobs show {approval.job}, then platformctl jobs approve {approval.job}"
            yield check("approval_stale", message, approval.path, fix=fix)


def _about_moment(store: Store) -> Iterator[Check]:
    state = store.repository.state()
    if state in _OPERATIONS:
        yield check("operation_in_progress", f"git is in the middle of a {state}; commits wait for its end")
    elif state == "detached":
        yield check("detached", "HEAD is detached; commits wait for a branch")
    holder = lock.holder(store.session.control)
    if holder is not None:
        who = (
            f"{holder['command']} (process {holder.get('pid')})" if "command" in holder else "another program"
        )
        yield check("lock_held", f"{who} holds the lock of this store")
    argv = ["status", "--porcelain", "-z", "-uall", "--no-renames", "--", "state"]
    changed = [row for row in store.repository.run(argv).split(b"\0") if row]
    if changed:
        yield check("state_uncommitted", f"{len(changed)} files below state/ are not committed")


def _about_state(store: Store) -> Iterator[Check]:
    found = validate_repository(store.repository, Wish(max_problems=0)).data["problems"]
    errors = [row for row in found if row["severity"] == "error" and row["code"] != "json_tail_torn"]
    for row in errors:
        if row["code"] in _OF_THEIR_OWN:
            yield check(row["code"], row["message"], row["path"], fix=row["fix"])
        elif row["code"] == "secret_found":
            yield check("secret_found", row["message"], row["path"], fix=row["fix"], status="warning")
    rest = [row for row in errors if row["code"] not in _OF_THEIR_OWN | {"secret_found"}]
    if rest:
        named = "; ".join(f"{row['path']}:{row['line']}: {row['message']}" for row in rest[:_MAX_NAMED])
        count = "1 problem" if len(rest) == 1 else f"{len(rest)} problems"
        yield check("state_invalid", f"{count}: {named}", rest[0]["path"], fix="platformctl validate")
    ignored = sorted(ignored_files(store.repository))
    for hidden in hidden_paths(store.repository, ignored)[:_MAX_NAMED]:
        yield check("path_ignored", f"{hidden.source}:{hidden.line} ({hidden.pattern}) hides it", hidden.path)


def _about_hooks(repository: Repository, program: str) -> Iterator[Check]:
    hooks = hook_states(repository)
    if any(hook.state == "outdated" for hook in hooks):
        yield check("hooks_outdated", "the git hooks are of another version, or call a program that is gone")
    elif not runs_in(repository, hooks, str(repository.place)):
        yield check("hooks_missing", "no git hook judges state before it is committed here")
    elif all(hook.state == "installed" for hook in hooks):
        for name, reason in silent_hooks(repository, hooks, program):
            yield check("hooks_missing", f"the hook {name} is installed, but does not run: {reason}")


def _data(store: Store, checks: list[Check], left: list[Waiting], recovered: int) -> dict[str, Any]:
    repository = discover(store.root) if recovered else store.repository
    holder = lock.holder(store.session.control)
    return {
        "healthy": not left and not any(_is_left(found, {"error"}) for found in checks),
        "checks": [found.as_json() for found in checks],
        "pending": [row.as_json() for row in left],
        "recovered": recovered,
        "lock": None
        if holder is None
        else {key: holder.get(key) for key in ("pid", "host", "command", "since")},
        "repository": _about_repository(repository, store.root),
        "durability": store.session.settings.durability,
        "trust": _about_trust(repository, store.operators),
    }


def _about_repository(repository: Repository, root: Path | None) -> dict[str, Any]:
    return {
        "root": None if root is None else str(root),
        "git_dir": str(repository.git_dir),
        "common_dir": str(repository.common_dir),
        "head": repository.head,
        "ref": repository.ref,
        "state": repository.state(),
        "object_format": repository.object_format,
        "bare": repository.bare,
        "shallow": repository.shallow,
        "sparse": is_sparse(repository),
        "worktree": None if repository.bare else repository.worktree,
        "git_version": repository.git_version,
    }


def _about_trust(repository: Repository, operators: Iterable[str]) -> dict[str, Any]:
    trusted = trusted_ref(repository)
    return {
        "ref": None if trusted is None else trusted.ref,
        "commit": None if trusted is None else trusted.commit,
        "approvals": len(approved_jobs(repository.common_dir)),
        "operators": sorted(operators),
    }


def _is_left(found: Check, statuses: set[str]) -> bool:
    return found.status in statuses and not found.fixed


def _answer(
    data: dict[str, Any], checks: list[Check], left: list[Waiting], recovered: int, strict: bool
) -> Answer:
    counted = {"error", "warning"} if strict else {"error"}
    bad = [found for found in checks if _is_left(found, counted)]
    noun = "write" if recovered == 1 else "writes"
    settled = Warned("intents_recovered", f"{recovered} {noun} that waited for a commit settled now")
    notes = [settled] if recovered else []
    notes += [
        Warned("commit_pending", f"{row.intent.id} waits ({row.reason})", next(iter(row.intent.paths), None))
        for row in left
    ]
    next_steps = [SETTLE] if left or any(found.fixable and not found.fixed for found in checks) else []
    if bad:
        noun = "finding" if len(bad) == 1 else "findings"
        error = StateError(
            "repository_unhealthy", f"{len(bad)} {noun} left, the first: {bad[0].message}", hint=bad[0].fix
        )
        return Answer(data, tuple(next_steps), tuple(notes), error=error)
    return Answer(data, tuple(next_steps), tuple(notes), EXIT_PENDING if left else 0)
