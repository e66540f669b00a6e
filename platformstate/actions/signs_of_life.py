"""What this clone knows of who works on a task: the lease that holds, and whether its run lives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.core import ids
from platformstate.core.instants import unstamped
from platformstate.core.places import subject_folder
from platformstate.entities.run import OPEN
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy import claims
from platformstate.policy.chain import CheckpointFacts, RunFacts
from platformstate.policy.claims import Lease, Signs, State

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.entities.run import Place
    from platformstate.policy.journal import RunState
    from platformstate.store import Store

CLAIMABLE: Final = ("ready", "implementation", "review", "blocked")


class Claimed(NamedTuple):
    """The lease that holds of a task, its run as far as this tree has it, and how the lease stands."""

    lease: Lease
    run: RunFacts | None
    state: State

    @property
    def is_live(self) -> bool:
        """Whether nobody else may work on the task."""
        return self.state == "live"

    def as_json(self) -> dict[str, Any]:
        """Return the claim as `--json` shows it."""
        return claims.claim_json(self.lease, self.state)


def claim_shown(lease: Lease | None) -> dict[str, Any] | None:
    """Return a lease that was just written as a claim; None without one."""
    if lease is None:
        return None
    return claims.claim_json(lease, "live" if lease.released_at is None else "released")


def claim_ttl(store: Store, asked: str | None = None) -> int:
    """Return how long a claim lasts, in seconds: as asked, as configured, else 60 minutes."""
    configured = store.setting("claimTtl")
    return claims.ttl_seconds(asked or (configured[-1] if configured else claims.DEFAULT_TTL))


def claim_of(store: Store, folder: TaskFolder, now: str) -> Claimed | None:
    """Return the claim of a task: the lease of this clone, or the one that its runs tell of.

    The later fence counts: a lease that was deleted, or a run that came by merge, is rebuilt from the run.
    """
    lease = lease_of_task(store, folder.task_id, folder.runs, folder.checkpoints)
    if lease is None:
        return None
    run = next((facts for facts in folder.runs if facts.id == lease.run), None)
    return Claimed(lease, run, _state(store, lease, run, now))


def lease_of_task(
    store: Store, task: str, runs: Iterable[RunFacts], said: Iterable[CheckpointFacts]
) -> Lease | None:
    """Return the lease with the highest fence; one whose run has ended is released."""
    kept = store.session.claims.of(task)
    fenced = [run for run in runs if run.header.get("fence")]
    top = max(fenced, key=lambda run: (run.header["fence"], run.id), default=None)
    if kept is not None and (top is None or kept.fence >= top.header["fence"]):
        own = next((run for run in fenced if run.id == kept.run), None)
        if own is None or own.header["status"] in OPEN or kept.released_at is not None:
            return kept
        return claims.released(kept, str(own.header.get("ended_at")))
    if top is None:
        return None
    holder = None if top.state is None else top.state.holder
    return claims.rebuilt(task, top.header, holder, last_instant(top, said), claim_ttl(store))


def last_instant(run: RunFacts, said: Iterable[CheckpointFacts]) -> str:
    """Return the last instant that a run recorded, in its journal or in a checkpoint of its own."""
    own = (str(c.meta["at"]) for c in said if c.meta["run"] == run.id and not c.meta.get("observer"))
    return max([run.last_event_at or "", *own])


def _state(store: Store, lease: Lease, run: RunFacts | None, now: str) -> State:
    if lease.released_at is not None:
        return "released"
    proof = claims.proof_of_death(_leased_signs(store, lease, run, now))
    return claims.state_of(lease, now, dead=proof in ("lock_free", "rebooted"))


def _leased_signs(store: Store, lease: Lease, run: RunFacts | None, now: str) -> Signs:
    """Return what is known of a lease's run; of one that another branch has, its lock file tells."""
    place = _place(store)
    same_clone = (lease.host, lease.clone) == (place.host, place.clone)
    expired = now >= lease.expires_at or lease.released_at is not None
    signs = Signs(
        status="running" if run is None else str(run.header["status"]),
        coupling=_coupling(store, lease.run, run),
        same_clone=same_clone,
        same_boot=same_clone and lease.boot_id == place.boot_id,
        expired=expired,
    )
    return signs._replace(held=signs.watched and _is_held(store, lease.run))


def _coupling(store: Store, run: str, facts: RunFacts | None) -> str:
    from platformstate.runner import Lease as RunFiles

    if facts is not None:
        return str(facts.header.get("coupling"))
    has_lock = RunFiles(store.repository.common_dir, run).file("lock").is_file()
    return claims.WRAPPED if has_lock else "none"


def signs_of(store: Store, folder: TaskFolder, run: RunFacts, now: str) -> Signs:
    """Return what is known of whether a run at a task lives.

    One of which a later claim has taken the task away has no lease left.
    """
    lease = lease_of_task(store, folder.task_id, folder.runs, folder.checkpoints)
    holder = None if run.state is None else run.state.holder
    expired = _has_run_out(store, run.header, lease, last_instant(run, folder.checkpoints), now)
    return _signs(store, run.header, holder, expired)


def signs_at(store: Store, site: RunSite, state: RunState, last: str, now: str) -> Signs:
    """Return the same of one run alone, by its journal, whose last event is of `last`, and its lease."""
    lease = store.session.claims.of(site.subject.partition("/")[2])
    last = _last_sign(store, site, last)
    return _signs(store, state.header, state.holder, _has_run_out(store, state.header, lease, last, now))


def _signs(store: Store, header: Mapping[str, Any], holder: Mapping[str, Any] | None, expired: bool) -> Signs:
    place = _place(store)
    same_clone = (header["host"], header["clone"]) == (place.host, place.clone)
    signs = Signs(
        status=str(header["status"]),
        coupling=str(header.get("coupling")),
        fenced=bool(header.get("fence")),
        same_clone=same_clone,
        same_boot=same_clone and (holder or {}).get("boot_id") == place.boot_id,
        expired=expired,
    )
    is_open = signs.status in OPEN
    return signs._replace(held=is_open and signs.watched and _is_held(store, str(header["id"])))


def _has_run_out(store: Store, header: Mapping[str, Any], lease: Lease | None, last: str, now: str) -> bool:
    fence = header.get("fence")
    if not fence:
        return True
    if lease is not None and lease.run == header["id"]:
        return lease.released_at is not None or now >= lease.expires_at
    if lease is not None and fence < lease.fence:
        return True
    return now >= claims.shifted(last, claim_ttl(store))


def _is_held(store: Store, run: str) -> bool:
    from platformstate.runner import Lease as RunFiles

    return RunFiles(store.repository.common_dir, run).is_held()


def holders_of(store: Store, run: str) -> list[int]:
    """Return the processes that keep a run alive, as far as the system tells."""
    from platformstate.runner import Lease as RunFiles

    return [one.pid for one in RunFiles(store.repository.common_dir, run).holders() or ()]


def _place(store: Store) -> Place:
    from platformstate.store.place import place_of_work

    return place_of_work(store.repository)


def conditions_of(store: Store, folder: TaskFolder, now: str) -> dict[str, str | None]:
    """Return, for each run at a task, whether it is crashed or stalled."""
    open_runs = (run for run in folder.runs if run.header["status"] == "running")
    return {run.id: claims.condition_of(signs_of(store, folder, run, now)) for run in open_runs}


def claims_of(store: Store, tasks: Mapping[str, str], now: str) -> dict[str, Claimed]:
    """Return the claims of many tasks, given with their statuses; of their runs only journals are read.

    A task that nobody may be at work on, and of which no lease is here, has none.
    """
    kept = set(store.session.claims.tasks())
    found: dict[str, Claimed] = {}
    for task, status in tasks.items():
        if task not in kept and (status not in CLAIMABLE or not _has_runs(store, task)):
            continue
        runs = _runs(store, task)
        lease = lease_of_task(store, task, runs, ())
        if lease is not None:
            run = next((facts for facts in runs if facts.id == lease.run), None)
            found[task] = Claimed(lease, run, _state(store, lease, run, now))
    return found


def _runs(store: Store, task: str) -> list[RunFacts]:
    """Return the runs at a task; one whose journal cannot be read is left to those who need it."""
    from platformstate.actions.run_site import read_run, sites

    found = []
    for site in sites(store, f"task/{task}"):
        with suppress(StateError):
            known = read_run(site)
            last = _last_sign(store, site, str(known.events[-1]["at"]))
            found.append(RunFacts(known.state.header, last, known.state, known.pin))
    return found


def _last_sign(store: Store, site: RunSite, last_event: str) -> str:
    """Return the last instant that a run recorded: an event's, or that in the id of a checkpoint."""
    names = WorkTree(store.root).names(f"{site.folder}/checkpoints")
    said = [name[:16] for name in names if ids.is_id(name.removesuffix(".md"))]
    return max([last_event, *(unstamped(stamp) for stamp in said[-1:])])


def _has_runs(store: Store, task: str) -> bool:
    return (store.root / subject_folder(f"task/{task}") / "runs").is_dir()
