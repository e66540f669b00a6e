"""Check evidence that is recorded: against the target, a commit, HEAD or any branch.

    recheck(store, item, task=, at=) -> Verdict       one item of a task or checkpoint
    verdicts(ground, claims) -> [Verdict]             many, with few children (evidence_facts)
    head_ground, branch_ground, target_ground, standing_ground, commit_ground    what they are judged by
    task_claims(meta) -> [(criterion, index, Claim)]            the items of a task's criteria

No command is executed here: a command's item is judged by the proof that was recorded when it ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions.evidence_facts import Ground, Held, verdicts
from platformstate.entities.statuses import DONE_OR_LATER
from platformstate.policy.evidence import Claim, Verdict

if TYPE_CHECKING:
    from platformstate.core.tree import Tree
    from platformstate.gitrepo import Repository
    from platformstate.store import Store


Fault = Callable[[Mapping[str, Any]], str | None]


class Target(NamedTuple):
    """The ref that closing is judged by, and its commit; None on an unborn branch."""

    name: str
    commit: str | None


def target_of(repository: Repository) -> Target:
    """Return the trusted ref; where there is none, the current branch. Raises: trust_ref_unset."""
    from platformstate.errors import StateError, shown
    from platformstate.gitrepo.trust import trusted_ref

    trusted = trusted_ref(repository)
    if trusted is None:
        return Target(repository.branch or "HEAD", repository.head)
    if trusted.commit is None:
        raise StateError(
            "trust_ref_unset",
            f"the trusted ref {shown(trusted.ref)} names no commit here, so nothing can be judged by it",
            hint="git config platformstate.trustedRef refs/heads/main",
        )
    return Target(_short(trusted.ref), trusted.commit)


def target_ground(store: Store) -> Ground:
    """Return the ground of closing and of closed tasks: the target. Raises: trust_ref_unset."""
    target = target_of(store.repository)
    return _working(store, target.name, target.commit)


def head_ground(store: Store) -> Ground:
    """Return the ground of work in progress: HEAD."""
    return _working(store, "HEAD", store.repository.head)


def standing_ground(store: Store, meta: Mapping[str, Any]) -> Ground:
    """Return what a task's own evidence is judged by: HEAD while it is open, the target once it is done."""
    return target_ground(store) if meta["status"] in DONE_OR_LATER else head_ground(store)


def branch_ground(store: Store) -> Ground:
    """Return the ground of a checkpoint: any branch here reaches its commits, HEAD holds its files."""
    from platformstate.gitrepo.reach import branch_tips

    tips = tuple(branch_tips(store.repository))
    return head_ground(store)._replace(name="any branch here", tips=tips)


def commit_ground(store: Store, commit: str) -> Ground:
    """Return the ground of one commit, whose own files are the records too."""
    from platformstate.gitrepo import CommitTree

    tree = CommitTree(store.repository, commit)
    look = records_of(tree, store.repository.object_format)
    fault = journal_fault(look, lambda path: dict(tree.read([path])).get(path))
    return Ground(store.repository, commit[:12], (commit,), (commit,), look, store.now(), fault)


def recheck(
    store: Store,
    item: Mapping[str, Any],
    *,
    task: str,
    at: Ground | None = None,
    criterion: str | None = None,
    base_commit: str | None = None,
) -> Verdict:
    """Return the verdict on one recorded item; without `at` it is judged by the target."""
    ground = target_ground(store) if at is None else at
    return verdicts(ground, [Claim(item, task, criterion, base_commit=base_commit)])[0]


def task_claims(meta: Mapping[str, Any], *, states: Iterable[str] = ()) -> Iterator[tuple[str, int, Claim]]:
    """Yield criterion, place and claim of each item of a task, of criteria in these states if given."""
    wanted = tuple(states)
    for criterion in meta.get("acceptance", ()):
        if wanted and criterion["state"] not in wanted:
            continue
        for index, item in enumerate(criterion.get("evidence", ())):
            yield criterion["id"], index, claim_of(meta, criterion, item)


def claim_of(meta: Mapping[str, Any], criterion: Mapping[str, Any], item: Mapping[str, Any]) -> Claim:
    """Return an item as a claim of one of a task's criteria; only what makes one met has to fit it."""
    proof = criterion["proof"] if criterion["state"] == "met" else None
    return Claim(item, meta["id"], criterion["id"], proof, meta.get("base_commit"), meta.get("closed_at"))


def records_of(tree: Tree, object_format: str) -> Callable[[str], Held | None]:
    """Return a way to look at records of a tree, each read at most once."""
    from platformstate.gitrepo import blob_id
    from platformstate.store.reading import judged

    known: dict[str, Held | None] = {}

    def look(path: str) -> Held | None:
        if path not in known:
            data = next((data for _, data in tree.read([path])), None)
            document = None if data is None else judged(data, path).document
            held = None if document is None else document.meta
            known[path] = None if data is None else Held(blob_id(data, object_format), held)
        return known[path]

    return look


def _working(store: Store, name: str, commit: str | None) -> Ground:
    commits = () if commit is None else (commit,)
    look = records_of(store.tree(), store.repository.object_format)
    return Ground(store.repository, name, commits, commits, look, store.now(), _run_fault(store))


def _run_fault(store: Store) -> Fault:
    """Return the check that `run verify` makes."""

    def fault(item: Mapping[str, Any]) -> str | None:
        from platformstate.actions.run_show import verify_run
        from platformstate.errors import StateError

        try:
            error = verify_run(store, item["run"]).error
        except StateError as missing:
            error = missing
        return None if error is None else error.message

    return fault


def journal_fault(look: Callable[[str], Held | None], bytes_of: Callable[[str], bytes | None]) -> Fault:
    """Return a check of a run where nothing but its files is there: its journal is its receipt's."""

    def fault(item: Mapping[str, Any]) -> str | None:
        from hashlib import sha256

        held = look(item["path"])
        journal = bytes_of(item["path"].removesuffix("run_receipt.json") + "events.jsonl") or b""
        said = None if held is None or held.meta is None else held.meta["journal"]["sha256"]
        return None if said == sha256(journal).hexdigest() else "the receipt is not of this journal"

    return fault


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
