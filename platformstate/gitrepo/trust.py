"""The trusted ref: the one place from which content may be executed."""

from __future__ import annotations

from typing import NamedTuple

from platformstate.gitrepo.objects import look_up
from platformstate.gitrepo.repository import Repository


class Trusted(NamedTuple):
    """The full name of the trusted ref and the commit it names at this moment."""

    ref: str
    commit: str | None


def trusted_ref(repository: Repository) -> Trusted | None:
    """Return the trusted ref of this clone, None where there is none; a set one may be missing."""
    configured = repository.config("platformstate.trustedRef")
    if configured:
        found = look_up(repository, [f"{configured[-1]}^{{commit}}"])[0]
        return Trusted(configured[-1], found.oid if found else None)
    named = repository.run(["symbolic-ref", "-q", "refs/remotes/origin/HEAD"], check=False)
    remote = named.decode("utf-8", "surrogateescape").strip()
    candidates = [remote] if remote else ["refs/heads/main", "refs/heads/master"]
    for ref, found in zip(candidates, look_up(repository, candidates), strict=True):
        if found is not None:
            return Trusted(ref, found.oid)
    return None
