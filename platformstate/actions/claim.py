"""`task claim`: the exclusive right to work on a task, until it is released or runs out.

For other verbs that claim: `wish_of` makes a wish of flags, `read_for_claim` reads the task's folder, and
`write_claim` opens the run with its claim in the change that the verb makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.claim_remote import Seen, give_back, look, push, remote_of, renew_remote
from platformstate.actions.fencing import held, refuse_fenced
from platformstate.actions.rescue_proof import DeadRun, dead_journal_held, dead_run
from platformstate.actions.run_opening import OpenedRun, keep_place, open_run
from platformstate.actions.run_repeats import asked_before, lease_of_run, nothing_written, run_mark
from platformstate.actions.signs_of_life import claim_of, claim_shown, claim_ttl
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.entities import run as runs
from platformstate.errors import StateError, Warned
from platformstate.policy import claims, lifecycle

if TYPE_CHECKING:
    from platformstate.policy.chain import RunFacts
    from platformstate.store import Store
    from platformstate.store.change import Change, Written


class Wish(NamedTuple):
    """How a task is to be claimed: for how long, coupled how, arbitrated by which remote.

    `find_dead` returns the run in whose place the new one stands; it is asked again under the lock.
    `mark` is what an idempotency key leaves of the request.
    """

    ttl_s: int
    coupling: str = runs.UNCOUPLED
    remote: str | None = None
    find_dead: Callable[[Store, TaskFolder, str], DeadRun | None] = dead_run
    mark: str | None = None


class NewClaim(NamedTuple):
    """A claim that was written: the run that holds it, and what the write came to."""

    opened: OpenedRun
    written: Written
    warnings: tuple[Warned, ...] = ()


def wish_of(
    store: Store, *, ttl: str | None = None, remote: str | None = None, coupling: str = runs.UNCOUPLED
) -> Wish:
    """Return a wish from flags: `remote` is None for none asked, empty for the usual one."""
    return Wish(claim_ttl(store, ttl), coupling, remote_of(store, remote))


def claim_task(
    store: Store,
    task: str,
    *,
    ttl: str | None = None,
    remote: str | None = None,
    run: str | None = None,
    inside_run: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """Claim a task for a new run of this actor, or renew the claim of the run that is named.

    A run that is proven dead is ended, and the new one goes on from it. With a key, the run that the
    same request opened before is the answer. Raises: task_not_found, id_ambiguous, task_not_ready,
    claim_held, run_alive, claim_fenced, run_not_found, actor_mismatch, idempotency_conflict,
    remote_missing, remote_unreachable, and what a write raises.
    """
    name = task_requests.task_id(store, task)
    folder = read_for_claim(store, name)
    holder = _named(store, folder, run, inside_run)
    if holder is not None:
        return _renewed(store, name, holder.id, ttl)
    mark = run_mark(store, idempotency_key, "task.claim", name, ttl=ttl, remote=remote)
    if (earlier := asked_before(folder, mark)) is not None:
        return _answered_again(store, folder, earlier.id)
    wish = wish_of(store, ttl=ttl, remote=remote)._replace(mark=mark)
    made = write_claim(store, folder, wish, lambda opened, _: _change(store, name, opened))
    opened = made.opened
    replaced = None if opened.dead is None else {"run": opened.dead.run.id, "proof": opened.dead.proof}
    data = {
        "task": name,
        "run": opened.header["id"],
        "claim": claim_shown(opened.lease),
        "renewed": False,
        "replaced": replaced,
    }
    return written(data, made.written, (f"platformctl memory brief --task {name}",), made.warnings)


def _answered_again(store: Store, folder: TaskFolder, run: str) -> Answer:
    """Return the answer to a request that was served before; nothing is written, and no claim renewed."""
    name, lease = folder.task_id, lease_of_run(store, folder, run)
    shown = None if lease is None else claim_shown(lease)
    data = {"task": name, "run": run, "claim": shown, "renewed": False, "replaced": None}
    done = nothing_written(store, f"task: claim {name}")
    return written(data, done, (f"platformctl memory brief --task {name}",))


def read_for_claim(store: Store, task: str) -> TaskFolder:
    """Return a task's folder, with what a killed process tore off a journal put aside first.

    Raises: task_not_found, state_invalid, path_symlink.
    """
    from platformstate.actions.run_site import sites
    from platformstate.runner import Journal

    if not store.dry_run:
        for site in sites(store, f"task/{task}"):
            if not (store.root / site.journal).read_bytes().endswith(b"\n"):
                Journal.open(store.root, site.journal, torn=site.torn).close()
    return read_task_folder(store.tree(), task).checked()


def write_claim(
    store: Store,
    folder: TaskFolder,
    wish: Wish,
    change_of: Callable[[OpenedRun, TaskFolder], Change],
) -> NewClaim:
    """Open a run with its claim in the change that `change_of` makes of it, and write it.

    The change has to hold `opened.files` and nothing that contradicts them; the lease is added here.
    With a remote the claim stands there first: what it refuses leaves no trace here. Raises:
    task_not_ready, claim_held, run_alive, remote_missing, remote_unreachable, and what a write raises.
    """
    if wish.remote is None or store.dry_run:
        return _written(store, folder, wish, change_of, None)
    lifecycle.refuse_start(folder.document.meta)
    dead = wish.find_dead(store, folder, store.now())
    seen = look(store, wish.remote, folder.task_id, dead)
    store.write(lambda: _with_clone_id(store))
    opened = _opened(store, folder, wish, seen)
    assert opened.lease is not None
    pushed = opened._replace(lease=push(store, seen, opened.lease))
    made = None
    try:
        made = _written(store, folder, wish, change_of, pushed)
    finally:
        if made is None and pushed.lease is not None:
            give_back(store, pushed.lease)
    return made


def _with_clone_id(store: Store) -> Change:
    """Return a change of nothing; with the lock held, this clone gets the id that a lease names."""
    from platformstate.store.change import Change
    from platformstate.store.place import make_clone_id

    make_clone_id(store.repository, store.chance, store.session.settings.durability)
    return Change("task: claim", (), ())


def _opened(store: Store, folder: TaskFolder, wish: Wish, seen: Seen | None) -> OpenedRun:
    at = store.now()
    dead = wish.find_dead(store, folder, at)
    fence = 0 if seen is None else seen.fence
    return open_run(
        store,
        folder,
        at,
        coupling=wish.coupling,
        ttl_s=wish.ttl_s,
        dead=dead,
        remote_fence=fence,
        mark=wish.mark,
    )


def _written(
    store: Store,
    folder: TaskFolder,
    wish: Wish,
    change_of: Callable[[OpenedRun, TaskFolder], Change],
    pushed: OpenedRun | None,
) -> NewClaim:
    made: list[OpenedRun] = []

    def decide() -> Change:
        now = read_task_folder(store.tree(), folder.task_id).checked()
        if pushed is not None:
            _refuse_overtaken(store, now, pushed)
        opened = pushed or _opened(store, now, wish, None)
        made.append(opened)
        return change_of(opened, now)._replace(lease=opened.lease)

    with dead_journal_held(store, folder):
        done = store.write(decide)
    keep_place(store, made[-1])
    return NewClaim(made[-1], done)


def _refuse_overtaken(store: Store, folder: TaskFolder, pushed: OpenedRun) -> None:
    """Refuse to write what was prepared before the lock when another has claimed the task meanwhile."""
    kept = store.session.claims.of(folder.task_id)
    highest = claims.highest_fence((run.header for run in folder.runs), kept)
    claimed = claim_of(store, folder, store.now())
    if claimed is not None and highest >= int(pushed.header["fence"]):
        raise held(folder.task_id, claimed)


def _change(store: Store, task: str, opened: OpenedRun) -> Change:
    from platformstate.store.change import Change

    trailers = (("Task", task), ("Run", str(opened.header["id"])), ("Actor", store.actor))
    return Change(f"task: claim {task}", trailers, opened.files)


def _named(store: Store, folder: TaskFolder, run: str | None, inside_run: str | None) -> RunFacts | None:
    """Return the run that is named or around this command, when it holds the task's claim.

    Raises: run_not_found, actor_mismatch, claim_fenced.
    """
    by_id = {known.id: known for known in folder.runs}
    if run is not None:
        found = by_id[task_requests.one_of("run", run, by_id, folder.task_id)]
    elif inside_run in by_id:
        found = by_id[str(inside_run)]
    else:
        return None
    if found.header["actor"] != store.actor:
        owner = found.header["actor"]
        raise StateError(
            "actor_mismatch", f"{found.id} is {owner}'s, not {store.actor}'s", hint=f"--actor {owner}"
        )
    refuse_fenced(store, folder, found)
    claimed = claim_of(store, folder, store.now())
    is_holder = claimed is not None and claimed.lease.run == found.id and claimed.state != "released"
    return found if is_holder else None


def _renewed(store: Store, task: str, run: str, ttl: str | None) -> Answer:
    """Let the claim of a run last anew; nothing is committed, since a lease is no record."""

    def decide() -> Change:
        from platformstate.store.change import Change

        folder = read_task_folder(store.tree(), task).checked()
        now = store.now()
        claimed = claim_of(store, folder, now)
        if claimed is None or claimed.lease.run != run:
            refuse_fenced(store, folder, next(known for known in folder.runs if known.id == run))
            raise StateError(
                "claim_held", f"{task} is no longer claimed by {run}", hint=f"platformctl task show {task}"
            )
        ttl_s = None if ttl is None else claims.ttl_seconds(ttl)
        return Change(f"task: claim {task}", (), (), lease=claims.renewed(claimed.lease, now, ttl_s))

    done = store.write(decide)
    lease = done.change.lease
    data = {"task": task, "run": run, "claim": claim_shown(lease), "renewed": True, "replaced": None}
    return written(data, done, warnings=renew_remote(store, lease))
