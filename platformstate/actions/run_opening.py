"""Which run a command means, and how one is opened: together with the claim of its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from platformstate.actions import task_requests
from platformstate.actions.git_facts import branch_text
from platformstate.actions.run_reading import pin_path
from platformstate.actions.task_folder import TaskFolder
from platformstate.core import ids
from platformstate.core.document import Document
from platformstate.core.instants import stamp
from platformstate.core.places import journal_path, run_path, task_path
from platformstate.entities import run as runs
from platformstate.entities.kinds import RUN
from platformstate.errors import StateError
from platformstate.policy import claims, lifecycle
from platformstate.policy.chain import RunFacts
from platformstate.policy.claims import Lease

if TYPE_CHECKING:
    from platformstate.actions.rescue_proof import DeadRun
    from platformstate.entities.shapes import Run
    from platformstate.policy.journal import RunState
    from platformstate.policy.pin import Pin
    from platformstate.store import Store
    from platformstate.store.change import FileChange


class OpenedRun(NamedTuple):
    """A run that comes to be: its folded header, the files of its change, the events of its journal.

    A claimed one has a lease for the change to carry; `dead` is the run in whose place it is, `pin`
    and `h` what it has pinned already and the hash of its journal's last line.
    """

    header: Mapping[str, Any]
    files: tuple[FileChange, ...]
    events: tuple[dict[str, Any], ...]
    lease: Lease | None = None
    dead: DeadRun | None = None
    pin: Pin | None = None
    h: str = ""


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


def open_run(
    store: Store,
    folder: TaskFolder,
    at: str,
    *,
    coupling: str = runs.UNCOUPLED,
    ttl_s: int | None = None,
    dead: DeadRun | None = None,
    remote_fence: int = 0,
    mark: str | None = None,
) -> OpenedRun:
    """Return a run of this actor at a task, with the lease that its change carries.

    Who opens a run claims the task: a run of which nothing proves that it lives is ended in the same
    change, and the new one goes on from it (`rescues`, its pinned list, its finished steps). `dead` is
    that run when the caller has looked for it already (`rescue_proof.dead_run`). A ready task becomes
    implementation. The caller puts `files` and `lease` into its Change, holds the dead run's journal
    meanwhile, and calls `keep_place` when the change is written.

    Raises: task_not_ready, claim_held, run_alive.
    """
    from platformstate.actions.rescue_proof import dead_run
    from platformstate.actions.signs_of_life import claim_ttl

    lifecycle.refuse_start(folder.document.meta)
    dead = dead or dead_run(store, folder, at)
    kept = store.session.claims.of(folder.task_id)
    fence = 1 + max(claims.highest_fence((run.header for run in folder.runs), kept), remote_fence)
    old = None if dead is None else dead.run
    rescues = None if old is None else old.id
    more = {"fence": fence, "coupling": coupling, "rescues": rescues, "idempotency": mark}
    place = _place(store)
    events = _opening(store, folder, store.actor, place, at, more)
    events += _carried(old, at)
    pin = None if old is None or old.pin is None else folder.files[pin_path(f"task/{folder.task_id}", old.id)]
    opened = _opened(folder, events, old, pin)
    lease = claims.new_lease(folder.task_id, opened.header, place, at, ttl_s or claim_ttl(store))
    files = (*_started(folder, store.actor), *_ended(store, folder, dead, opened.header, at), *opened.files)
    return opened._replace(files=files, lease=lease, dead=dead)


def open_observed_run(store: Store, folder: TaskFolder, author: str, at: str) -> OpenedRun:
    """Return a run in an author's name without lease and fence; the task itself stays as it is."""
    return _opened(folder, _opening(store, folder, author, _place(store), at, {}), None, None)


def keep_place(store: Store, opened: OpenedRun) -> None:
    """Write down in this clone what an opened run has pinned; to be called when its change is written."""
    if opened.pin is None or store.dry_run:
        return
    from platformstate.actions.run_site import site_of
    from platformstate.runner import Position

    recorded = next(event for event in opened.events if event["type"] == "ResolvedStepsRecorded")
    site = site_of(store, str(opened.header["subject"]), str(opened.header["id"]))
    last = Position(str(recorded["steps_sha256"]), len(opened.events) - 1, opened.h)
    site.lease.write_position(last, sync=True)


def _opening(
    store: Store, folder: TaskFolder, author: str, place: runs.Place, at: str, more: Mapping[str, Any]
) -> list[dict[str, Any]]:
    name = ids.new_timed_id(stamp(at), store.chance)
    attempt = max([len(folder.runs), *(int(run.header.get("attempt", 1)) for run in folder.runs)]) + 1
    defined, started = runs.opening(name, folder.task_id, author, attempt, place, at)
    given = {field: value for field, value in more.items() if value is not None}
    return [{**defined, **given}, started]


def _place(store: Store) -> runs.Place:
    from platformstate.store.place import make_clone_id, place_of_work

    place = place_of_work(store.repository)
    place = place._replace(branch=branch_text(place.branch))
    return place if place.clone else place._replace(clone=_clone(store, make_clone_id))


def _carried(old: RunFacts | None, at: str) -> list[dict[str, Any]]:
    """Return the events by which a run has the pinned list of a dead one, with what was finished of it."""
    if old is None or old.pin is None or old.state is None or old.state.walk.pin is None:
        return []
    chained = ("seq", "h")
    recorded = {name: value for name, value in old.state.walk.pin.items() if name not in chained}
    done = [step.index for step in old.pin.steps if old.state.walk.at(step.index).done]
    return [
        {**recorded, "at": at},
        *(
            {"type": "StepCarried", "at": at, "step_index": index, "from_run": old.id, "from_index": index}
            for index in done
        ),
    ]


def _opened(
    folder: TaskFolder, events: list[dict[str, Any]], old: RunFacts | None, pin: bytes | None
) -> OpenedRun:
    """Return a run of these events. Its pinned list is, byte for byte, that of the run it rescues."""
    from platformstate.actions.run_files import header_body
    from platformstate.codec.journal import ZERO_HASH, encode
    from platformstate.codec.jsonl import parse_lines
    from platformstate.codec.render import canonical
    from platformstate.store.change import FileChange

    # A run begins when it is started: what is pinned stands between its definition and its start.
    if pin is not None:
        events = [events[0], events[2], events[1], *events[3:]]
    state = _folded(events)
    name, subject = str(state.header["id"]), f"task/{folder.task_id}"
    path = journal_path(subject, name)
    journal = encode(events, seq=0, h=ZERO_HASH)
    steps = None if old is None or pin is None else old.pin
    header = cast("Run", state.header)
    text = canonical(Document(RUN, run_path(subject, name), header, header_body(state, steps))).encode()
    files = [
        FileChange(run_path(subject, name), None, text),
        FileChange(path, None, journal, append=True),
    ]
    if pin is not None:
        files.append(FileChange(pin_path(subject, name), None, pin))
    h = str(parse_lines(journal, path).rows[-1][1]["h"])
    return OpenedRun(state.header, tuple(files), tuple(events), pin=steps, h=h)


def _ended(
    store: Store, folder: TaskFolder, dead: DeadRun | None, successor: Mapping[str, Any], at: str
) -> tuple[FileChange, ...]:
    """Return what ends the dead run; one whose end is recorded stays as it is."""
    from platformstate.actions.run_ending import ended

    if dead is None or dead.run.header["status"] not in runs.OPEN:
        return ()
    reason = claims.REASONS[dead.proof]
    end = ended(
        store,
        folder,
        dead.run,
        "aborted",
        at,
        reason=reason,
        because=dead.because,
        successor=str(successor["id"]),
    )
    return end.files


def _folded(events: list[dict[str, Any]]) -> RunState:
    from platformstate.policy.journal import fold

    return fold([{**event, "seq": number} for number, event in enumerate(events)])


def _clone(store: Store, make: Any) -> str:
    """Return this clone's id; a dry run makes none."""
    settings = store.session.settings
    return "0" * 16 if store.dry_run else make(store.repository, store.chance, settings.durability)


def _started(folder: TaskFolder, actor: str) -> tuple[FileChange, ...]:
    """Return the task's own change: it is this agent's now, ready becomes implementation."""
    from platformstate.codec.edit import text_of
    from platformstate.store.change import FileChange

    document = folder.document
    changes: dict[str, Any] = {"agent": actor}
    if document.meta["status"] == "ready":
        changes |= {"status": "implementation", "status_reason": None}
    started = text_of(document.with_changes(changes)).encode()
    return (FileChange(task_path(folder.task_id), folder.data, started),)


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
