"""`procedure conduct`: pin a procedure's steps, start the run in one durable write, and walk them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.conduct_answer import answer_of
from platformstate.actions.conduct_begin import begin_journal
from platformstate.actions.conduct_guards import refuse_guards, refuse_secrets
from platformstate.actions.conduct_open import Conduct
from platformstate.actions.conduct_supersede import Superseded, abort_superseded, supersede
from platformstate.actions.conduct_walk import walk
from platformstate.actions.recipes import TrustedRecipes, pinned, trusted_recipes
from platformstate.actions.run_copies import in_root, runs_in_reach
from platformstate.actions.run_site import KnownRun, find_run, site_of, sites
from platformstate.core import ids
from platformstate.core.instants import stamp
from platformstate.entities.kinds import PROCEDURE, TASK
from platformstate.entities.run import OPEN
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.files.locks import locked
from platformstate.policy.journal import Folding
from platformstate.policy.pin import Pin, pin_bytes
from platformstate.policy.repeats import is_repeat, repeat_mark
from platformstate.runner import become_subreaper, listening

if TYPE_CHECKING:
    from platformstate.store import Store


@dataclass(frozen=True, slots=True)
class ConductRequest:
    """What `procedure conduct` is asked. `params` are texts or JSON values by name."""

    procedure: str
    params: Mapping[str, Any]
    task: str | None = None
    parent_run: str | None = None
    supersedes: str | None = None
    allow_reorder: bool = False
    blob: str | None = None
    new: bool = False
    idempotency_key: str | None = None


def conduct_procedure(
    store: Store,
    request: ConductRequest,
    *,
    told: Callable[[str], None] = lambda line: None,
    own_process: bool = False,
) -> Answer:
    """Pin, start and walk a procedure; a failure of a step is told in the answer.

    `own_process` says that this process does nothing else, so that signals and orphans are its own.
    Raises: procedure_not_found, procedure_untrusted, trust_ref_unset, procedure_invalid and its kin,
    procedure_param_invalid, procedure_secret_missing, procedure_guard_failed, procedure_run_open,
    procedure_order_changed, idempotency_conflict, run_transition_refused.
    """
    name = store.resolve(PROCEDURE, request.procedure)
    request = _with_known_places(store, request)
    trusted = trusted_recipes(store, name, blob=request.blob)
    pin = pinned(trusted.recipes, name, request.params)
    old = None
    if request.supersedes is not None:
        old = supersede(store, f"procedure/{name}", request.supersedes, pin, request.allow_reorder)
    if store.dry_run:
        return _planned(pin, old)
    if own_process:
        become_subreaper()
    lock = store.repository.common_dir / "platformstate" / "locks" / "procedures" / name
    with listening() if own_process else nullcontext() as signals:
        with locked(lock):
            earlier = _earlier(store, name, pin, request, old)
            if earlier is not None:
                return _repeated(earlier)
            refuse_secrets(pin)
            refuse_guards(store, pin, "procedure_guard_failed")
            conduct = _started(store, name, pin, request, trusted, old)
        try:
            conduct.signals, conduct.told = signals, told
            conduct.commit("RunStarted")
            return answer_of(conduct, walk(conduct))
        finally:
            conduct.close()


def _with_known_places(store: Store, request: ConductRequest) -> ConductRequest:
    """Return the request with whole ids; a task or run of the environment that is not here is none.

    Raises: task_not_found, run_not_found, id_ambiguous.
    """
    task, parent = request.task, request.parent_run
    if task is not None:
        inherited = task == os.environ.get("PLATFORMSTATE_TASK")
        task = None if inherited and task not in store.ids(TASK) else store.resolve(TASK, task)
    if parent is not None:
        inherited = parent == os.environ.get("PLATFORMSTATE_RUN")
        known = {site.named for site in sites(store)}
        parent = None if inherited and parent not in known else find_run(store, parent).named
    return replace(request, task=task, parent_run=parent)


def _planned(pin: Pin, old: Superseded | None) -> Answer:
    from platformstate.policy.pin import step_to_payload

    carried = [] if old is None else [{"step_index": new, "from_index": was} for new, was in old.pairs]
    data = {
        "steps": [step_to_payload(step) for step in pin.steps],
        "steps_sha256": sha256(pin_bytes(pin)).hexdigest(),
        "carried": carried,
    }
    return Answer(data)


def _mark(request: ConductRequest, pin: Pin) -> str | None:
    if request.idempotency_key is None:
        return None
    asked = {"op": "procedure.conduct", "procedure": pin.source.id, "params": dict(pin.params)}
    return repeat_mark(request.idempotency_key, asked)


def _earlier(
    store: Store, name: str, pin: Pin, request: ConductRequest, old: Superseded | None
) -> KnownRun | None:
    """Return the run that this very request made before. Raises: procedure_run_open, idempotency_conflict."""
    mark = _mark(request, pin)
    if request.new and mark is None:
        return None
    for known in runs_in_reach(store, f"procedure/{name}"):
        site = known.site
        if old is not None and site.run == old.known.site.run:
            continue
        if mark is not None and is_repeat(mark, known.events[0].get("idempotency")):
            return known
        same = known.state.walk.pin is None or known.state.walk.pin["params_sha256"] == pin.params_sha256
        if known.state.status in OPEN and same and not request.new:
            raise _open_already(store, name, known)
    return None


def _open_already(store: Store, name: str, known: KnownRun) -> StateError:
    site = known.site
    away = "" if site.root == store.root else in_root(site.root)
    return StateError(
        "procedure_run_open",
        f"{site.named} conducts {name} with these params already; it is {known.state.status}",
        hint=f"platformctl {away}run resume {site.named}, or repeat this with --new",
        retryable=True,
        data={"run": site.named},
    )


def _repeated(known: KnownRun) -> Answer:
    """Return what a repeated request answers: the first run as it stands; nothing runs."""
    from platformstate.actions.run_show import answer_of_known

    return answer_of_known(known)


def _started(
    store: Store,
    name: str,
    pin: Pin,
    request: ConductRequest,
    trusted: TrustedRecipes,
    old: Superseded | None,
) -> Conduct:
    """Write the pin, then definition, pin's record and start in one synced write."""
    at = store.now()
    site = site_of(store, f"procedure/{name}", ids.new_timed_id(stamp(at), store.chance))
    _clear_leftovers(store, name)
    if old is not None:
        abort_superseded(store, old, site.run)
    lock = site.lease.take(host=os.uname().nodename, since=at, command=f"procedure conduct {name}")
    with ExitStack() as closing:
        closing.callback(lock.close)
        fields = {
            "attempt": 1,
            "task": request.task,
            "parent_run": request.parent_run,
            "supersedes": None if old is None else old.known.site.run,
            "idempotency": _mark(request, pin),
        }
        journal = begin_journal(store, site, pin, fields, at=at, carried=_carried(at, old), kept=trusted.kept)
        closing.pop_all()
    conduct = Conduct(store, site, pin, lock, journal, Folding())
    conduct.take()
    conduct.pinned_here = True
    conduct.trusted_ref = trusted.trusted.ref
    conduct.carried = {} if old is None else old.captured
    if trusted.kept is not None:
        conduct.kept.add(f"{site.folder}/artifacts/procedure.md")
    conduct.reach("started")
    return conduct


def _clear_leftovers(store: Store, name: str) -> None:
    """Remove what a conduct left that died before its run began: temporary files and empty folders."""
    folder = f"state/procedures/{name}/runs"
    for run in WorkTree(store.root).names(folder):
        path = store.root / folder / run
        if not path.is_dir() or path.is_symlink():
            continue
        for left in path.glob(".ps-*"):
            left.unlink(missing_ok=True)
        if not any(path.iterdir()):
            path.rmdir()


def _carried(at: str, old: Superseded | None) -> list[dict[str, Any]]:
    if old is None:
        return []
    run = old.known.site.run
    return [
        {"type": "StepCarried", "at": at, "step_index": new, "from_run": run, "from_index": was}
        for new, was in old.pairs
    ]
