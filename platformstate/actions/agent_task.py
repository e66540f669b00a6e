"""`codex-task start`: claim a task, open its run with the plan pinned, and say where the work stands.

Without a command the run's life is its lease; `agent_task_wrap` starts one and holds the run's lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.checkpoint_build import Ground, start_checkpoint
from platformstate.actions.checkpoint_step import stands_at
from platformstate.actions.claim import read_for_claim, wish_of, write_claim
from platformstate.actions.run_opening import OpenedRun, keep_place
from platformstate.actions.run_repeats import asked_before, lease_of_run, nothing_written, run_mark
from platformstate.actions.signs_of_life import claim_shown
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.actions.task_pin import pin_event, task_pin
from platformstate.core.document import Document
from platformstate.core.places import journal_path, run_path
from platformstate.entities.kinds import RUN
from platformstate.entities.run import UNCOUPLED
from platformstate.errors import StateError, Warned, shown
from platformstate.policy.chain import RunFacts
from platformstate.policy.claims import claim_json
from platformstate.runner import Names

if TYPE_CHECKING:
    from platformstate.entities.shapes import Run
    from platformstate.policy.pin import Pin
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange, Written

CODEX: Final = "codex"
OnOpened = Callable[[str], None]


class StartRequest(NamedTuple):
    """What `start` is asked; `command` is empty when nothing is to be wrapped."""

    task: str
    ttl: str | None = None
    remote: str | None = None
    pin: bool = True
    command: Sequence[str] = ()
    idempotency_key: str | None = None


class Begun(NamedTuple):
    """A run that was begun and claimed, with its `start` checkpoint."""

    opened: OpenedRun
    checkpoint: str
    written: Written
    warnings: tuple[Warned, ...] = ()

    @property
    def run(self) -> str:
        """The run's id."""
        return str(self.opened.header["id"])

    @property
    def names(self) -> Names:
        """What names the run to its processes."""
        return _names(self.opened.header)


def start_run(store: Store, request: StartRequest) -> Answer:
    """Claim a task, open its run and pin its plan, in one commit with a `start` checkpoint.

    With a key, the run that the same request opened before is the answer. Raises: task_not_found,
    task_not_ready, claim_held, run_alive, run_transition_refused inside a run, idempotency_conflict,
    and what a write raises.
    """
    earlier = begun_before(store, request)
    return started(begin(store, request)) if earlier is None else _started_again(store, *earlier)


def begun_before(store: Store, request: StartRequest) -> tuple[TaskFolder, RunFacts] | None:
    """Return the run that this very request began. Raises: idempotency_conflict, run_transition_refused."""
    refuse_nested()
    if request.idempotency_key is None:
        return None
    folder = read_task_folder(store.tree(), task_requests.task_id(store, request.task)).checked()
    run = asked_before(folder, _mark(store, folder.task_id, request))
    return None if run is None else (folder, run)


def _mark(store: Store, task: str, request: StartRequest) -> str | None:
    wanted = {"ttl": request.ttl, "remote": request.remote, "pin": request.pin}
    command = list(request.command)
    return run_mark(store, request.idempotency_key, "agent-task.start", task, **wanted, command=command)


def begin(
    store: Store, request: StartRequest, *, coupling: str = UNCOUPLED, on_opened: OnOpened = lambda run: None
) -> Begun:
    """Do what `start_run` says; `on_opened` hears the run's id before anybody else can see the run."""
    refuse_nested()
    task = task_requests.task_id(store, request.task)
    wish = wish_of(store, ttl=request.ttl, remote=request.remote, coupling=coupling)
    wish = wish._replace(mark=_mark(store, task, request))
    folder = read_for_claim(store, task)

    def change_of(claimed: OpenedRun, now: TaskFolder) -> Change:
        opened = with_plan(store, now, claimed) if request.pin else claimed
        if not store.dry_run:
            on_opened(str(opened.header["id"]))
        return _change(store, task, opened)

    made = write_claim(store, folder, wish, change_of)
    opened, checkpoint = made.written.change.data
    keep_place(store, opened)
    return Begun(opened, checkpoint, made.written, made.warnings)


def refuse_nested() -> None:
    """Refuse to begin a run inside one: what is begun there would be held by the outer command's life.

    Raises: run_transition_refused.
    """
    inside = os.environ.get("PLATFORMSTATE_RUN")
    if inside:
        raise StateError(
            "run_transition_refused",
            f"this command stands inside run {shown(inside)}; a run is not begun inside another",
            hint="codex-task checkpoint records in that run; a shell of its own, or unset PLATFORMSTATE_RUN, begins one",
        )


def started(begun: Begun) -> Answer:
    """Return what `start` answers."""
    claim = None if begun.opened.lease is None else claim_json(begun.opened.lease, "live")
    data = _started_data(begun.opened.header, claim, begun.checkpoint)
    return written(data, begun.written, _then(begun.names), begun.warnings)


def _started_again(store: Store, folder: TaskFolder, run: RunFacts) -> Answer:
    """Return the answer to a start that was made before, with the claim as it stands now."""
    lease = lease_of_run(store, folder, run.id)
    own = (said.id for said in folder.checkpoints if said.meta["run"] == run.id)
    data = _started_data(run.header, None if lease is None else claim_shown(lease), min(own))
    return written(data, nothing_written(store, f"run: start {run.id}"), _then(_names(run.header)))


def _started_data(header: Mapping[str, Any], claim: dict[str, Any] | None, checkpoint: str) -> dict[str, Any]:
    names = _names(header)
    return {
        "task": names.task,
        "run": header["id"],
        "fence": header.get("fence"),
        "claim": claim,
        "steps": header.get("steps"),
        "checkpoint": checkpoint,
        "env": names.as_environment(),
    }


def _names(header: Mapping[str, Any]) -> Names:
    return Names(str(header["id"]), str(header["subject"]).partition("/")[2], str(header["actor"]))


def _then(names: Names) -> tuple[str, str]:
    verb = "codex-task" if names.actor == CODEX else f"agent-task --agent {names.actor}"
    return f"platformctl memory brief --task {names.task}", f"platformctl {verb} end --task {names.task}"


def _change(store: Store, task: str, opened: OpenedRun) -> Change:
    from platformstate.gitrepo.facts import work_facts
    from platformstate.store.change import Change

    run, at = str(opened.header["id"]), str(opened.header["started_at"])
    ground = Ground(task, opened.header, at, work_facts(store.repository))
    said = start_checkpoint(store, ground, step=_stands_at(opened))
    trailers = (("Task", task), ("Run", run), ("Checkpoint", said.said.id), ("Actor", store.actor))
    return Change(f"run: start {run}", trailers, (*opened.files, said.file), (opened, said.said.id))


def with_plan(store: Store, folder: TaskFolder, opened: OpenedRun) -> OpenedRun:
    """Return a run that comes to be with its task's plan as pinned steps, recorded before it starts.

    One that goes on from a run with pinned steps has those, and a task without a plan pins nothing.
    """
    pin = task_pin(store, folder.task_id) if opened.pin is None else None
    return opened if pin is None else _pinned(folder, opened, pin)


def _pinned(folder: TaskFolder, opened: OpenedRun, pin: Pin) -> OpenedRun:
    from platformstate.actions.run_files import header_body
    from platformstate.codec.journal import ZERO_HASH, encode
    from platformstate.codec.jsonl import parse_lines
    from platformstate.codec.render import canonical
    from platformstate.policy.journal import fold
    from platformstate.policy.pin import pin_bytes
    from platformstate.store.change import FileChange

    subject, run = f"task/{folder.task_id}", str(opened.header["id"])
    at = str(opened.header["started_at"])
    events = (opened.events[0], pin_event(pin, at), *opened.events[1:])
    state = fold([{**event, "seq": number} for number, event in enumerate(events)])
    header = cast("Run", state.header)
    path, journal = journal_path(subject, run), encode(events, seq=0, h=ZERO_HASH)
    own = run_path(subject, run)
    text = canonical(Document(RUN, own, header, header_body(state, pin))).encode()
    steps = f"{own.rpartition('/')[0]}/resolved_steps.json"
    others: tuple[FileChange, ...] = tuple(file for file in opened.files if file.path not in (path, own))
    new = (
        FileChange(own, None, text),
        FileChange(path, None, journal, append=True),
        FileChange(steps, None, pin_bytes(pin)),
    )
    h = str(parse_lines(journal, path).rows[-1][1]["h"])
    return opened._replace(header=state.header, files=(*others, *new), events=events, pin=pin, h=h)


def _stands_at(opened: OpenedRun) -> dict[str, Any] | None:
    from platformstate.policy.journal import fold

    state = fold([{**event, "seq": number} for number, event in enumerate(opened.events)])
    return stands_at(RunFacts(opened.header, state=state, pin=opened.pin))
