"""Signing of commits: asked for and configured outside the repository, or by our own setting."""

from __future__ import annotations

from typing import Final, NamedTuple

from platformstate.gitrepo.repository import Repository

DEFAULT_TIMEOUT_S: Final = 10.0
# `.git/config` may not name a program, so each name is set from outside it or back to git's own.
_PROGRAMS: Final = (
    ("gpg.format", "openpgp"),
    ("gpg.program", "gpg"),
    ("gpg.openpgp.program", ""),
    ("gpg.x509.program", "gpgsm"),
    ("gpg.ssh.program", "ssh-keygen"),
    ("gpg.ssh.defaultKeyCommand", ""),
    ("user.signingKey", ""),
)
_TRUE: Final = frozenset({"true", "yes", "on", "1"})


class Signing(NamedTuple):
    """How commits are signed: flags for git, and how long the program may take."""

    flags: tuple[str, ...]
    timeout_s: float


def signing(repository: Repository) -> Signing | None:
    """Return how to sign, None where signing was not asked for."""
    wish = repository.config("platformstate.sign")
    if wish:
        wanted = wish[-1] == "always"
    else:
        wanted = (repository.settings.trusted("commit.gpgSign") or "").lower() in _TRUE
    if not wanted:
        return None
    timeout = repository.config("platformstate.signTimeout")
    return Signing(_flags(repository), float(timeout[-1]) if timeout else DEFAULT_TIMEOUT_S)


def _flags(repository: Repository) -> tuple[str, ...]:
    program = repository.settings.trusted("gpg.program") or "gpg"
    made: list[str] = []
    for name, usual in _PROGRAMS:
        value = repository.settings.trusted(name) or (program if name == "gpg.openpgp.program" else usual)
        made += ["-c", f"{name}={value}"]
    return tuple(made)
