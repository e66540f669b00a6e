"""Who commits: git's own answer, from the environment and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from platformstate.gitrepo.repository import Repository
from platformstate.gitrepo.writing import Person


def person(
    repository: Repository, environ: Mapping[str, str], role: Literal["author", "committer"]
) -> Person | None:
    """Return author or committer as git would name them, None when a part is missing."""
    name = environ.get(f"GIT_{role.upper()}_NAME") or _last(repository, f"{role}.name", "user.name")
    email = environ.get(f"GIT_{role.upper()}_EMAIL") or _last(repository, f"{role}.email", "user.email")
    email = email or environ.get("EMAIL", "")
    return Person(name, email) if name.strip() and email.strip() else None


def author_name(repository: Repository, environ: Mapping[str, str]) -> str:
    """Return the name that git would give an author; empty when there is none."""
    return environ.get("GIT_AUTHOR_NAME") or _last(repository, "author.name", "user.name")


def _last(repository: Repository, *names: str) -> str:
    for name in names:
        if values := repository.config(name):
            return values[-1]
    return ""
