"""In whose name a checkpoint speaks, in which run, and on what it rests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.operators import is_operator
from platformstate.actions.run_opening import (
    OpenedRun,
    observed_run,
    open_observed_run,
    open_run,
    run_meant,
)
from platformstate.entities import checkpoint as checkpoints
from platformstate.errors import StateError, shown

if TYPE_CHECKING:
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.policy.chain import RunFacts
    from platformstate.store import Store

MAX_ACTOR: Final = 64
_ACTOR: Final = re.compile(r"[a-z0-9]+([-._/][a-z0-9]+)*")


class Voice(NamedTuple):
    """Who speaks: the author, the observer who writes for him, the run that was named, the wrapper's."""

    author: str
    observer: str | None
    run: str | None = None
    inside_run: str | None = None


def voice_of(store: Store, request: Mapping[str, Any], inside_run: str | None) -> Voice:
    """Return in whose name a request speaks. Raises: usage_invalid."""
    author = request.get("on_behalf_of")
    if author is None:
        return Voice(store.actor, None, request.get("run"), inside_run)
    if "step" in request:
        raise StateError(
            "usage_invalid",
            "--step tells of steps of your own run",
            hint="leave --step or --on-behalf-of out",
        )
    return observer_of(store, str(author), request.get("run"), "--on-behalf-of")


def observer_of(store: Store, author: str, run: str | None, flag: str) -> Voice:
    """Return the voice of this command's actor writing for another. Raises: usage_invalid."""
    if author == store.actor:
        raise StateError(
            "usage_invalid",
            f"{flag} {shown(author)}: that is you; an observer is another",
            hint=f"leave {flag} out",
        )
    if len(author) > MAX_ACTOR or _ACTOR.fullmatch(author) is None:
        raise StateError(
            "usage_invalid", f"{flag} {shown(author)!r} is no actor's name", hint=f"{flag} codex"
        )
    return Voice(author, store.actor, run)


def run_of(store: Store, folder: TaskFolder, voice: Voice) -> RunFacts | None:
    """Return the run that a checkpoint goes to, None when one is to be opened for it.

    Raises: run_not_found, id_ambiguous, actor_mismatch, checkpoint_author_mismatch.
    """
    if voice.observer is None:
        return run_meant(store, folder, voice.run, voice.inside_run)
    return observed_run(folder, voice.author, voice.run)


def opened_for(store: Store, folder: TaskFolder, voice: Voice, at: str) -> OpenedRun:
    """Return the run that a first checkpoint opens; an observer's needs no lease and no status."""
    if voice.observer is None:
        return open_run(store, folder, at)
    return open_observed_run(store, folder, voice.author, at)


def basis_of(
    store: Store, voice: Voice, request: Mapping[str, Any], evidence: Iterable[Mapping[str, Any]]
) -> tuple[str, str]:
    """Return basis and confidence of what is said. Raises: observation_needs_evidence."""
    types = frozenset(str(item["type"]) for item in evidence)
    if voice.observer is None:
        return checkpoints.own_basis(request, types)
    if (seen := checkpoints.observed_basis(request, types)) is not None:
        return seen
    if is_operator(store):
        return checkpoints.OPERATOR
    raise StateError(
        "observation_needs_evidence",
        f"what {store.actor} says in the name of {voice.author} needs evidence that can be checked",
        hint="--evidence commit:REV, file:PATH or receipt:RUN; or let an operator say it",
    )
