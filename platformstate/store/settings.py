"""Settings: flags beat `PLATFORMSTATE_*`, which beat git config `platformstate.*`.

A value that does not parse is an error wherever it stands; there is no silent default.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from platformstate.core import ids
from platformstate.core.instants import moment
from platformstate.errors import StateError, shown
from platformstate.files import Durability
from platformstate.gitrepo import Repository
from platformstate.gitrepo.identity import author_name

Clock = Callable[[], datetime]
_SECONDS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
_WORKERS: Final = re.compile(r"[1-9]|[1-5][0-9]|6[0-4]")
_LENGTH: Final = re.compile(r"[1-9][0-9]{0,6}(s|m|h|d)?")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_WORDS: Final = {
    "commit": ("auto", "manual"),
    "durability": ("full", "fast"),
    "sign": ("always", "never"),
    "detached": ("commit", "pending"),
    "cache": ("on", "off", "rebuild"),
}
_PATTERNS: Final = {
    "lockTimeout": (_SECONDS, "a number of seconds"),
    "signTimeout": (_SECONDS, "a number of seconds"),
    "workers": (_WORKERS, "a number from 1 to 64"),
    "claimTtl": (_LENGTH, "a length of time such as 60m"),
    "secretAllow": (re.compile(r"[0-9a-f]{12}"), "12 hex digits"),
}
_ENVIRONMENT: Final = {"DURABILITY": "durability", "CACHE": "cache", "WORKERS": "workers"}


class Settings(NamedTuple):
    """What holds for one opened store."""

    actor: str
    operators: frozenset[str]
    commit: bool
    dry_run: bool
    durability: Durability
    lock_timeout_s: float
    commit_detached: bool
    allowed_secrets: frozenset[str]


def resolve(
    repository: Repository,
    environ: Mapping[str, str],
    *,
    actor: str | None,
    commit: bool | None,
    dry_run: bool,
    durability: str | None,
) -> Settings:
    """Return the settings of a command. Raises: config_invalid, usage_invalid, actor_mismatch."""
    _check_config(repository)
    _check_environment(environ)
    return Settings(
        actor=_actor(repository, environ, actor),
        operators=_operators(repository),
        commit=_last(repository, "commit", "auto") == "auto" if commit is None else commit,
        dry_run=dry_run,
        durability=_durability(repository, environ, durability),
        lock_timeout_s=float(_last(repository, "lockTimeout", "10")),
        commit_detached=_last(repository, "detached", "pending") == "commit",
        allowed_secrets=frozenset(repository.config("platformstate.secretAllow")),
    )


def clock(environ: Mapping[str, str]) -> Clock:
    """Return the wall clock, or one that starts at PLATFORMSTATE_NOW and goes on from there."""
    asked = environ.get("PLATFORMSTATE_NOW")
    if not asked:
        return lambda: datetime.now(UTC)
    if _INSTANT.fullmatch(asked) is None:
        raise _bad_clock(asked)
    try:
        start = moment(asked)
    except ValueError as failed:
        raise _bad_clock(asked) from failed
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


def _bad_clock(asked: str) -> StateError:
    return StateError(
        "clock_override_invalid",
        f"PLATFORMSTATE_NOW: {shown(asked)} is not an instant such as 2026-11-20T10:11:30Z",
    )


def _last(repository: Repository, name: str, usual: str) -> str:
    values = repository.config(f"platformstate.{name}")
    return values[-1] if values else usual


def _check_config(repository: Repository) -> None:
    for name in (*_WORDS, *_PATTERNS):
        for value in repository.config(f"platformstate.{name}"):
            _check(name, value, f"git config platformstate.{name}")
    for name in ("operator", "actor"):
        for value in repository.config(f"platformstate.{name}"):
            if not ids.is_actor(value):
                raise _invalid(f"git config platformstate.{name}", value, "the name of an actor")


def _check_environment(environ: Mapping[str, str]) -> None:
    for variable, name in _ENVIRONMENT.items():
        if value := environ.get(f"PLATFORMSTATE_{variable}"):
            _check(name, value, f"PLATFORMSTATE_{variable}")


def _check(name: str, value: str, place: str) -> None:
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise _invalid(place, value, f"one of {', '.join(_WORDS[name])}")
        return
    pattern, wanted = _PATTERNS[name]
    if pattern.fullmatch(value) is None:
        raise _invalid(place, value, wanted)


def _invalid(place: str, value: str, wanted: str) -> StateError:
    return StateError("config_invalid", f"{place}: {shown(value)} is not {wanted}")


def _actor(repository: Repository, environ: Mapping[str, str], asked: str | None) -> str:
    given = environ.get("PLATFORMSTATE_ACTOR")
    if asked is not None and not ids.is_actor(asked):
        raise StateError("usage_invalid", f"--actor: {shown(asked)} is not the name of an actor")
    if given and not ids.is_actor(given):
        raise _invalid("PLATFORMSTATE_ACTOR", given, "the name of an actor")
    if asked and given and asked != given and environ.get("PLATFORMSTATE_RUN"):
        raise StateError("actor_mismatch", f"this run is {shown(given)}'s, not {shown(asked)}'s")
    configured = repository.config("platformstate.actor")
    named = asked or given or (configured[-1] if configured else "")
    return named or _slug(author_name(repository, environ)) or "unknown"


def _operators(repository: Repository) -> frozenset[str]:
    named = repository.config("platformstate.operator")
    if named:
        return frozenset(named)
    names = repository.config("user.name")
    own = _slug(names[-1]) if names else ""
    return frozenset({"operator", own} - {""})


def _slug(name: str) -> str:
    return ids.slug(name)[: ids.MAX_LENGTH].strip("-")


def _durability(repository: Repository, environ: Mapping[str, str], asked: str | None) -> Durability:
    if asked is not None and asked not in ("full", "fast"):
        raise StateError("usage_invalid", f"--durability: {shown(asked)} is neither full nor fast")
    chosen = asked or environ.get("PLATFORMSTATE_DURABILITY") or _last(repository, "durability", "full")
    return "fast" if chosen == "fast" else "full"
