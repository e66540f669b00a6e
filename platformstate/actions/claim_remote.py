"""Claims that a remote arbitrates between clones. Nothing is pushed unless it was asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from platformstate.actions.fencing import held
from platformstate.actions.signs_of_life import Claimed
from platformstate.codec.json_text import canonical_json
from platformstate.core.instants import moment
from platformstate.errors import StateError, Warned
from platformstate.policy import claims
from platformstate.policy.claims import Lease, Remote

if TYPE_CHECKING:
    from platformstate.actions.rescue_proof import DeadRun
    from platformstate.store import Store

DEFAULT_REMOTE: Final = "origin"
_RENEWED_PER_TTL: Final = 4


class Seen(NamedTuple):
    """What a remote holds of a task's claim: the commit, and the lease in it as far as it parses."""

    remote: str
    oid: str | None
    lease: Lease | None

    @property
    def fence(self) -> int:
        """The fence that stands there; 0 without one."""
        return 0 if self.lease is None else self.lease.fence


def remote_of(store: Store, asked: str | None) -> str | None:
    """Return the remote that arbitrates: as asked (an empty name is the usual one), else as configured."""
    configured = store.setting("claimRemote")
    if asked is None:
        return configured[-1] if configured and configured[-1] else None
    return asked or (configured[-1] if configured and configured[-1] else DEFAULT_REMOTE)


def look(store: Store, remote: str, task: str, dead: DeadRun | None) -> Seen:
    """Ask a remote who works on a task.

    A claim of the very run that is proven dead does not count. Raises: claim_held, remote_missing,
    remote_unreachable.
    """
    from platformstate.gitrepo.remote_claims import read_claim

    found = read_claim(store.repository, remote, task)
    seen = Seen(remote, found.oid, _lease(found.message))
    lease = seen.lease
    if lease is None or lease.task != task:
        return seen._replace(lease=None)
    state = claims.state_of(lease, store.now(), dead=dead is not None and dead.run.id == lease.run)
    if state == "live":
        raise held(task, Claimed(lease, None, state))
    return seen


def push(store: Store, seen: Seen, lease: Lease) -> Lease:
    """Let a lease stand at the remote, and return it with where it does.

    Raises: claim_held when another was faster, remote_unreachable.
    """
    from platformstate.gitrepo.remote_claims import claim_ref, push_claim

    message = canonical_json(lease._replace(remote=None).as_json()).decode() + "\n"
    at = int(moment(store.now()).timestamp())
    session = store.session
    oid = push_claim(store.repository, seen.remote, lease.task, message, seen.oid, session.author(), at)
    if oid is None:
        raise StateError(
            "claim_held",
            f"another clone has claimed {lease.task} at {seen.remote} in this moment",
            hint=f"platformctl task claim {lease.task} --remote={seen.remote} says who",
            retryable=True,
        )
    return lease._replace(remote=Remote(seen.remote, claim_ref(lease.task), oid))


def give_back(store: Store, lease: Lease) -> tuple[Warned, ...]:
    """Push that a lease was released; a failure is a warning, since it runs out by itself."""
    if lease.remote is None or store.dry_run:
        return ()
    seen = Seen(lease.remote.name, lease.remote.oid, lease)
    try:
        push(store, seen, lease if lease.released_at else claims.released(lease, store.now()))
    except StateError as failed:
        return (
            Warned("remote_unreachable", f"the claim at {seen.remote} was not given back: {failed.message}"),
        )
    return ()


def renew_remote(store: Store, lease: Lease | None) -> tuple[Warned, ...]:
    """Push a renewal, at most once in a quarter of its time; a failure is a warning."""
    from platformstate.gitrepo.remote_claims import claim_message
    from platformstate.store.change import Change

    if lease is None or lease.remote is None or store.dry_run or lease.released_at is not None:
        return ()
    pushed = _lease(claim_message(store.repository, lease.remote.oid))
    due = claims.shifted(pushed.renewed_at, lease.ttl_s // _RENEWED_PER_TTL) if pushed is not None else ""
    if lease.renewed_at < due:
        return ()
    try:
        renewed = push(store, Seen(lease.remote.name, lease.remote.oid, pushed), lease)
    except StateError as failed:
        text = f"the claim at {lease.remote.name} was not renewed: {failed.message}"
        return (Warned("remote_unreachable", text),)
    store.write(lambda: Change(f"task: renew {lease.task}", (), (), lease=renewed))
    return ()


def _lease(message: str | None) -> Lease | None:
    try:
        return claims.lease_of(json.loads(message or "null"))
    except ValueError:
        return None
