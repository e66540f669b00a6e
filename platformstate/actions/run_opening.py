"""Which run a command means, and how a first checkpoint opens one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from platformstate.actions import task_requests
from platformstate.actions.git_facts import branch_text
from platformstate.actions.task_folder import TaskFolder
from platformstate.core import ids
from platformstate.core.document import Document
from platformstate.core.instants import stamp
from platformstate.core.places import journal_path, run_path, task_path
from platformstate.entities import run as runs
from platformstate.entities.kinds import RUN
from platformstate.errors import StateError
from platformstate.policy import lifecycle
from platformstate.policy.chain import RunFacts

if TYPE_CHECKING:
    from platformstate.entities.shapes import Run
    from platformstate.store import Store
    from platformstate.store.change import FileChange


class OpenedRun(NamedTuple):
    """A run that comes to be: its folded header, the files that open it, the events of its journal."""

    header: Mapping[str, Any]
    files: tuple[FileChange, ...]
    events: tuple[dict[str, Any], ...]


def run_meant(store: Store, folder: TaskFolder, asked: str | None, inside_run: str | None) -> RunFacts | None:
    """Return the run that is named, the wrapper's, or the actor's open one in this worktree.

    None means that a new one is to be opened. Raises: run_not_found, id_ambiguous,
    actor_mismatch, checkpoint_author_mismatch.
    """
    from platformstate.store.place import place_of_work

    by_id = {run.id: run for run in folder.runs}
    named = asked or inside_run
    if named is None:
        place = place_of_work(store.repository)
        own = [run for run in folder.runs if runs.works_here(run.header, store.actor, place)]
        return own[-1] if own else None
    run = by_id[task_requests.one_of("run", named, by_id, folder.task_id)]
    if run.header["actor"] != store.actor:
        raise _not_the_actor(run, store.actor, wrapped=asked is None)
    return run


def observed_run(folder: TaskFolder, author: str, asked: str | None) -> RunFacts | None:
    """Return the run in which an observer writes for an author: the named one, or the newest open one.

    None means that one is to be opened. Raises: run_not_found, id_ambiguous,
    checkpoint_author_mismatch.
    """
    by_id = {run.id: run for run in folder.runs}
    if asked is None:
        going = [r for r in folder.runs if r.header["actor"] == author and r.header["status"] in runs.OPEN]
        return going[-1] if going else None
    run = by_id[task_requests.one_of("run", asked, by_id, folder.task_id)]
    if run.header["actor"] != author:
        raise _not_the_actor(run, author, wrapped=False)
    return run


def open_run(store: Store, folder: TaskFolder, at: str) -> OpenedRun:
    """Return the run that a first checkpoint opens, and the task set to work. Raises: task_not_ready."""
    lifecycle.refuse_start(folder.document.meta)
    opened = open_observed_run(store, folder, store.actor, at)
    return opened._replace(files=(*_started(folder), *opened.files))


def open_observed_run(store: Store, folder: TaskFolder, author: str, at: str) -> OpenedRun:
    """Return a run in an author's name without lease and fence; the task itself stays as it is."""
    from platformstate.codec.journal import ZERO_HASH, encode
    from platformstate.codec.render import canonical
    from platformstate.store.change import FileChange
    from platformstate.store.place import make_clone_id, place_of_work

    task, subject = folder.task_id, f"task/{folder.task_id}"
    place = place_of_work(store.repository)
    place = place._replace(branch=branch_text(place.branch))
    if not place.clone:
        place = place._replace(clone=_clone(store, make_clone_id))
    name = ids.new_timed_id(stamp(at), store.chance)
    events = runs.opening(name, task, author, len(folder.runs) + 1, place, at)
    header = _folded(events)
    journal = encode(events, seq=0, h=ZERO_HASH)
    text = canonical(Document(RUN, run_path(subject, name), cast("Run", header))).encode()
    files = (
        FileChange(run_path(subject, name), None, text),
        FileChange(journal_path(subject, name), None, journal, append=True),
    )
    return OpenedRun(header, files, tuple(events))


def _folded(events: list[dict[str, Any]]) -> Mapping[str, Any]:
    from platformstate.policy.journal import fold

    return fold([{**event, "seq": number} for number, event in enumerate(events)]).header


def _clone(store: Store, make: Any) -> str:
    """Return this clone's id; a dry run makes none."""
    settings = store.session.settings
    return "0" * 16 if store.dry_run else make(store.repository, store.chance, settings.durability)


def _started(folder: TaskFolder) -> tuple[FileChange, ...]:
    """Return the task's own change: ready becomes implementation, other statuses stay."""
    from platformstate.codec.edit import text_of
    from platformstate.store.change import FileChange

    document = folder.document
    if document.meta["status"] != "ready":
        return ()
    started = document.with_changes({"status": "implementation", "status_reason": None})
    return (FileChange(task_path(folder.task_id), folder.data, text_of(started).encode()),)


def _not_the_actor(run: RunFacts, actor: str, *, wrapped: bool) -> StateError:
    owner = run.header["actor"]
    if wrapped:
        return StateError(
            "actor_mismatch",
            f"this command runs inside a run of {owner}, not of {actor}",
            hint=f"--actor {owner}",
        )
    return StateError(
        "checkpoint_author_mismatch",
        f"run {run.id} is {owner}'s; its checkpoints are written in {owner}'s name, not {actor}'s",
        hint="leave --run out to write in a run of your own",
    )
