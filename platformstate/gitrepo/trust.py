"""The trusted ref: the one place from which content may be executed."""

from __future__ import annotations

from typing import Final, NamedTuple

from platformstate.gitrepo.objects import look_up
from platformstate.gitrepo.repository import Repository

_REMOTE: Final = "refs/remotes/origin/HEAD"
_LOCAL: Final = ("refs/heads/main", "refs/heads/master")


class Trusted(NamedTuple):
    """The full name of the trusted ref and the commit it names at this moment."""

    ref: str
    commit: str | None


def trusted_names(repository: Repository) -> tuple[str, ...]:
    """Return names of which the first that names a commit stands for the trusted one."""
    configured = repository.config("platformstate.trustedRef")
    return (configured[-1],) if configured else (_REMOTE, *_LOCAL)


def trusted_ref(repository: Repository) -> Trusted | None:
    """Return the trusted ref of this clone, None where there is none; a set one may be missing."""
    configured = repository.config("platformstate.trustedRef")
    if configured:
        found = look_up(repository, [f"{configured[-1]}^{{commit}}"])[0]
        return Trusted(configured[-1], found.oid if found else None)
    named = repository.run(["symbolic-ref", "-q", _REMOTE], check=False)
    remote = named.decode("utf-8", "surrogateescape").strip()
    candidates = [remote] if remote else list(_LOCAL)
    for ref, found in zip(candidates, look_up(repository, candidates), strict=True):
        if found is not None:
            return Trusted(ref, found.oid)
    return None
