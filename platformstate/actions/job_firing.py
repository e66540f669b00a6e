"""Begin a job's run: claim it, pin its steps, start it; and find again what was claimed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.conduct_begin import STARTED_AT, begin_journal
from platformstate.actions.conduct_open import Conduct
from platformstate.actions.job_gate import Gate
from platformstate.actions.job_source import source_held
from platformstate.actions.job_terms import JobTerms
from platformstate.actions.run_site import RunSite, has_begun, site_of
from platformstate.codec.json_text import canonical_json
from platformstate.core import ids
from platformstate.core.instants import moment, stamp
from platformstate.entities.job import with_defaults
from platformstate.errors import StateError
from platformstate.policy.job_receipt import Firing, Gathered
from platformstate.policy.job_rules import deadline_s
from platformstate.policy.journal import Folding
from platformstate.policy.pin import Pin
from platformstate.runner import Claim, JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

# What a claim says of its firing; the rest follows from the spec's blob.
_CLAIMED: Final = (
    "job",
    "run",
    "trigger",
    "slot",
    "spec_path",
    "spec_blob",
    "commit",
    "trusted_ref",
    "digest",
    "bindings",
    "source",
    "root_run",
    "replay_of",
    "attempt",
    "clock",
)


def firing_of(
    gate: Gate,
    *,
    trigger: str = "manual",
    slot: str | None = None,
    replay_of: str | None = None,
    root_run: str = "",
) -> Firing:
    """Return the firing that a job's gate let through; one of a slot has the slot's id."""
    store = gate.store
    run = (
        stamp(slot)
        if slot and trigger in ("cron", "backfill")
        else ids.new_timed_id(stamp(store.now()), store.chance)
    )
    bindings = dict(gate.bindings)
    return Firing(
        job=gate.name,
        run=run,
        trigger=trigger,
        whole=gate.whole,
        spec_path=gate.spec.path,
        spec_blob=gate.spec.blob,
        commit=str(gate.trusted.commit),
        trusted_ref=gate.trusted.ref,
        digest=gate.digest,
        bindings=bindings,
        bindings_sha256=sha256(canonical_json(bindings)).hexdigest(),
        source=gate.source,
        root_run=root_run or run,
        slot=slot,
        replay_of=replay_of,
        clock="override" if os.environ.get("PLATFORMSTATE_NOW") else "system",
    )


def claim(store: Store, firing: Firing, *, again: bool = False, due: bool = False) -> Claim | None:
    """Claim a firing's run; None when another process has it already. `again` takes one that came to nothing.

    `due` says that the schedule has to tell of its slot, should it not run.
    """
    said = {name: _plain(getattr(firing, name)) for name in _CLAIMED}
    here = {"at": store.now(), "pid": os.getpid(), "worktree": store.repository.worktree}
    holder = {**said, **here, "due": due or firing.trigger == "cron"}
    made = JobFiles(store.repository.common_dir, firing.job).claim(firing.run, holder, again=again)
    if made is not None:
        store.session.failpoints.reach("jobs.claimed")
    return made


def claimed_firing(store: Store, job: str, run: str) -> Firing | None:
    """Return the firing that a claim of this clone speaks of, None where there is none or its spec is gone."""
    from platformstate import validation
    from platformstate.gitrepo import read_blobs

    said = JobFiles(store.repository.common_dir, job).claim_of(run)
    if said is None or not set(_CLAIMED) <= said.keys():
        return None
    data = next(iter(read_blobs(store.repository, [said["spec_blob"]])), None)
    document = None if data is None else validation.read(data, said["spec_path"]).document
    if document is None:
        return None
    bindings = said["bindings"]
    digest = sha256(canonical_json(bindings)).hexdigest()
    fields = {name: said[name] for name in _CLAIMED}
    return Firing(whole=with_defaults(document.meta), bindings_sha256=digest, **fields)


def begin(store: Store, firing: Firing, pin: Pin, *, claimed: Claim) -> Conduct:
    """Pin and start a claimed firing; the claim is let go once the start is durable.

    Raises: run_locked, secret_found, and what the disk refuses; the claim is given up then, that of a
    slot of the schedule stays as one that came to nothing, so that the slot is due again.
    """
    site = site_of(store, f"job/{firing.job}", firing.run)
    with ExitStack() as undone:
        undone.callback(claimed.fail)
        terms = terms_of(store, firing)
        undone.callback(terms.close)
        terms.source  # noqa: B018  # a copy that cannot be made keeps the run from beginning
        at = store.now()
        lock = site.lease.take(host=os.uname().nodename, since=at, command=f"jobs run {firing.named}")
        undone.callback(lock.close)
        _refuse_foreign(store, site)
        _refuse_begun(site)
        journal = begin_journal(store, site, pin, _defining(firing), at=at)
        undone.pop_all()
    claimed.started()
    conduct = Conduct(store, site, pin, lock, journal, Folding())
    conduct.take()
    conduct.pinned_here = True
    conduct.trusted_ref = firing.trusted_ref
    conduct.terms = terms
    conduct.reach("started")
    return conduct


@contextmanager
def left_to_a_tick(conduct: Conduct) -> Iterator[None]:
    """Close a run at the end; say of a refusal that stopped it what goes on with it.

    Whoever repeats the command that began it would have its effects again.
    """
    named = conduct.site.named
    try:
        yield
    except StateError as refused:
        message = f"{refused.message}; {named} stands as {conduct.status}, and no line tells of it yet"
        hint = f"mend this, then platformctl jobs tick settles {named}; do not run it again"
        raise StateError(
            refused.code, message, hint=hint, path=refused.path, line=refused.line, data=refused.data
        ) from refused
    finally:
        conduct.close()


def _refuse_foreign(store: Store, site: RunSite) -> None:
    """Refuse to begin where a run lies that came with a commit. Raises: run_journal_moved."""
    if has_begun(site) or (store.root / site.receipt).exists():
        message = f"{site.folder} holds a run that this clone did not begin; it is in the way of {site.named}"
        raise StateError("run_journal_moved", message, hint=f"git log -- {site.folder}", path=site.folder)


def _refuse_begun(site: RunSite) -> None:
    """Refuse to begin what another worktree went on with since this firing was decided. Raises: run_elsewhere."""
    if has_marked(site):
        message = f"another worktree has begun {site.named} meanwhile"
        raise StateError("run_elsewhere", message, hint="git worktree list", path=site.folder)


def has_marked(site: RunSite) -> bool:
    """Say whether an effect of a run may have been started: its place goes beyond its start."""
    position = site.lease.position()
    return position is not None and position.seq is not None and position.seq > STARTED_AT


def _defining(firing: Firing) -> dict[str, Any]:
    return {
        "attempt": firing.attempt,
        "trigger": {"type": firing.trigger, **({"slot": firing.slot} if firing.slot else {})},
        "replay_of": firing.replay_of,
        "task": os.environ.get("PLATFORMSTATE_TASK"),
    }


def terms_of(store: Store, firing: Firing, *, started_at: str | None = None) -> JobTerms:
    """Return the terms of a firing; the deadline of one that began earlier counts from then."""
    now = moment(store.now())
    spent = 0.0 if started_at is None else (now - moment(started_at)).total_seconds()
    gathered = Gathered()
    if firing.slot is not None and firing.trigger == "cron":
        gathered.late_ms = max(0, round((now - moment(firing.slot)).total_seconds() * 1000))
    deadline = time.monotonic() + deadline_s(firing.whole) - spent
    return JobTerms(firing, partial(source_held, store, firing), deadline, gathered)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
