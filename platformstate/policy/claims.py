"""Who may work on a task: leases, fences, and what proves that a run is dead. Pure.

A lease is a fact of one clone; fences also stand in the runs, which travel with the repository. Who
reads a lease computes whether it has run out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple

from platformstate.core.instants import instant, moment
from platformstate.entities.run import OPEN, UNCOUPLED, Place
from platformstate.errors import StateError, shown

SCHEMA: Final = "claim/1"
DEFAULT_TTL: Final = "60m"
WRAPPED: Final = "wrapper"
_TTL: Final = re.compile(r"([1-9][0-9]{0,6})([smhd]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_TTL_S: Final = 366 * 86400

_SHOWN: Final = (
    "run",
    "actor",
    "fence",
    "state",
    "acquired_at",
    "expires_at",
    "ttl_s",
    "host",
    "worktree",
    "branch",
)

State = Literal["live", "expired", "released", "dead"]
Header = Mapping[str, Any]


class Remote(NamedTuple):
    """Where a lease stands besides this clone: the remote's name, the ref, the commit that was pushed."""

    name: str
    ref: str
    oid: str


class Lease(NamedTuple):
    """The right of one run to work on a task, until it is released or runs out."""

    task: str
    run: str
    actor: str
    fence: int
    host: str
    boot_id: str
    clone: str
    pid: int
    worktree: str
    branch: str | None
    acquired_at: str
    expires_at: str
    ttl_s: int
    released_at: str | None = None
    remote: Remote | None = None

    @property
    def renewed_at(self) -> str:
        """The instant of the last sign of life that counted."""
        return shifted(self.expires_at, -self.ttl_s)

    def as_json(self) -> dict[str, Any]:
        """Return the lease as its file holds it."""
        remote = None if self.remote is None else self.remote._asdict()
        return {"schema": SCHEMA, **self._asdict(), "remote": remote}


def lease_of(value: object) -> Lease | None:
    """Return the lease that a decoded file holds; one that does not parse counts as none."""
    if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
        return None
    fields: dict[str, Any] = {name: value.get(name) for name in Lease._fields}
    numbers, texts = (
        ("fence", "pid", "ttl_s"),
        ("task", "run", "actor", "host", "boot_id", "clone", "worktree"),
    )
    sound = all(type(fields[name]) is int for name in numbers) and all(
        isinstance(fields[name], str) for name in texts
    )
    ends = [fields["acquired_at"], fields["expires_at"], *filter(None, [fields["released_at"]])]
    if not sound or not all(_is_instant(at) for at in ends):
        return None
    remote = fields.pop("remote")
    if isinstance(remote, Mapping) and set(remote) == set(Remote._fields):
        return Lease(**fields, remote=Remote(**remote))
    return Lease(**fields)


def _is_instant(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(moment(text))
    except ValueError:
        return False


def ttl_seconds(text: str) -> int:
    """Return how long a claim lasts: `90`, `90s`, `15m`, `2h` or `1d`. Raises: usage_invalid."""
    return length_s(text, "--ttl")


def length_s(text: str, flag: str) -> int:
    """Return a flag's length of time in seconds. Raises: usage_invalid."""
    found = _TTL.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= _MAX_TTL_S:
        raise StateError(
            "usage_invalid",
            f"{flag} {shown(text)!r} is no length of time up to a year",
            hint=f"{flag} 60m",
        )
    return seconds


def shifted(at: str, seconds: int) -> str:
    """Return an instant some seconds later."""
    return instant(moment(at) + timedelta(seconds=seconds))


def new_lease(task: str, header: Header, place: Place, at: str, ttl_s: int) -> Lease:
    """Return the lease of a run that is opened with a fence."""
    return Lease(
        task,
        str(header["id"]),
        str(header["actor"]),
        int(header["fence"]),
        place.host,
        place.boot_id,
        place.clone,
        place.pid,
        place.worktree,
        place.branch,
        at,
        shifted(at, ttl_s),
        ttl_s,
    )


def renewed(lease: Lease, at: str, ttl_s: int | None = None) -> Lease:
    """Return a lease that lasts anew from an instant; its time never becomes shorter by a late clock."""
    length = lease.ttl_s if ttl_s is None else ttl_s
    expires = shifted(at, length)
    if ttl_s is None:
        expires = max(expires, lease.expires_at)
    return lease._replace(expires_at=expires, ttl_s=length)


def released(lease: Lease, at: str) -> Lease:
    """Return a lease that is given back; the fence stays in it."""
    return lease._replace(released_at=at)


def replaces(new: Lease, old: Lease | None) -> bool:
    """Say whether a lease takes the place of the one that stands: a later fence, or the same one's later word."""
    if old is None or new.fence != old.fence:
        return old is None or new.fence > old.fence
    if new.run != old.run:
        return new.acquired_at >= old.acquired_at
    if old.released_at is not None:
        return False
    return new.released_at is not None or new.renewed_at >= old.renewed_at


def rebuilt(task: str, header: Header, holder: Mapping[str, Any] | None, last: str, ttl_s: int) -> Lease:
    """Return the lease of a run with a fence of which none is here: it lasts from its last recorded instant."""
    known = holder or {}
    ended = None if header["status"] in OPEN else str(header.get("ended_at") or last)
    return Lease(
        task,
        str(header["id"]),
        str(header["actor"]),
        int(header["fence"]),
        str(header["host"]),
        str(known.get("boot_id", "")),
        str(header["clone"]),
        int(known.get("pid", 0)),
        str(header["worktree"]),
        header.get("branch"),
        str(header.get("started_at") or last),
        shifted(last, ttl_s),
        ttl_s,
        ended,
    )


def highest_fence(headers: Iterable[Header], *leases: Lease | None) -> int:
    """Return the highest fence that any run or lease of a task has; 0 without one."""
    fences = [int(header.get("fence") or 0) for header in headers]
    return max([*fences, *(lease.fence for lease in leases if lease is not None)], default=0)


def state_of(lease: Lease, now: str, *, dead: bool) -> State:
    """Return how a lease stands at an instant; `dead` says that its run is proven to be."""
    if lease.released_at is not None:
        return "released"
    if dead:
        return "dead"
    return "expired" if now >= lease.expires_at else "live"


def claim_json(lease: Lease, state: State) -> dict[str, Any]:
    """Return a claim as `--json` shows it."""
    fields = {**lease._asdict(), "state": state}
    remote = None if lease.remote is None else lease.remote._asdict()
    return {**{name: fields[name] for name in _SHOWN}, "remote": remote}


class Signs(NamedTuple):
    """What is known of whether a run lives. `held` says that a process keeps its lock, or names it."""

    status: str
    coupling: str = UNCOUPLED
    fenced: bool = True  # whether it was opened with a fence
    same_clone: bool = False  # on this host, in this clone
    same_boot: bool = False
    held: bool = False
    expired: bool = False
    forced: bool = False

    @property
    def watched(self) -> bool:
        """Whether a wrapper holds the run's lock where it can be asked."""
        return self.coupling == WRAPPED and self.same_clone and self.same_boot


ALIVE: Final = "run_alive"
# 5.2, in order: the first row that applies decides.
DEATHS: Final[tuple[tuple[str, Callable[[Signs], bool]], ...]] = (
    ("recorded_end", lambda signs: signs.status in ("failed", "aborted")),
    ("forced", lambda signs: signs.watched and signs.held and signs.forced),
    (ALIVE, lambda signs: signs.watched and signs.held),
    ("lock_free", lambda signs: signs.watched),
    ("rebooted", lambda signs: signs.same_clone and not signs.same_boot),
    ("lease_expired", lambda signs: signs.fenced and signs.expired),
    ("never_leased", lambda signs: not signs.fenced),
    ("forced", lambda signs: signs.forced),
)
REASONS: Final[Mapping[str, str]] = {
    "lock_free": "crashed",
    "rebooted": "crashed",
    "lease_expired": "stalled",
    "never_leased": "stalled",
    "forced": "forced",
}
DETAILS: Final[Mapping[str, str]] = {
    "recorded_end": "its journal records the end",
    "lock_free": "its lock is free and no process of it is left",
    "rebooted": "this host has been started anew since",
    "lease_expired": "its lease has run out",
    "never_leased": "it was never claimed",
    "forced": "an operator says so",
    ALIVE: "nothing proves that it is dead",
}


def proof_of_death(signs: Signs) -> str:
    """Return the first proof that applies, `run_alive` when none does."""
    return next((proof for proof, applies in DEATHS if applies(signs)), ALIVE)


def condition_of(signs: Signs) -> str | None:
    """Return crashed or stalled for a run that says it runs but of which that cannot be believed."""
    if signs.status != "running":
        return None
    proof = proof_of_death(signs._replace(forced=False))
    if signs.held:
        return None
    return REASONS.get(proof)
